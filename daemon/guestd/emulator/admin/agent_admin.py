"""`/__emulator/…`: speak as the agent, type, and end the conversation."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from ..core.ids import draw_hex, draw_uuid
from ..core.records import Attachment, GuestSession, Json
from .agent_content import (
    CARD,
    FILE,
    attachment,
    card,
    carousel,
    file_fields,
    quick_replies,
)
from .context import AdminContext
from .requests import AdminRequestError, as_json, body_of
from .routes import AdminRoute
from .selection import SELECTION, selected

_CONTENT = ("content", "quick_replies", "card", "carousel", "file")


def agent_routes(server: AdminContext) -> list[AdminRoute]:
    admin = _AgentAdmin(server)
    return [
        AdminRoute(
            "POST",
            "say",
            "Speak as the agent",
            admin.say,
            {
                **SELECTION,
                "text": "what the agent says",
                "content": "a list of content items (protocol §3.7)",
                "quick_replies": "[[label, payload], …]",
                "card": "an object: " + "; ".join(f"{name}, {text}" for name, text in CARD.items()),
                "carousel": "a list of cards",
                "file": "an object: " + "; ".join(f"{name}, {text}" for name, text in FILE.items()),
                "nickname": "the agent's name",
                "image": "the URL of the agent's picture",
                "bot": "true if a bot speaks",
                "type": 'the message\'s type, "Text" or "Structured"',
            },
        ),
        AdminRoute(
            "POST",
            "typing",
            "Show that the agent is typing",
            admin.typing,
            {
                **SELECTION,
                "duration_ms": "how long; 5000 if left out",
                "state": "true, false, or the word of the webchat dialect",
            },
        ),
        AdminRoute(
            "POST",
            "disconnect",
            "End the conversation as the agent",
            admin.disconnect,
            {**SELECTION, "mode": "Send, ReadOnly or disabled; the deployment's if left out"},
        ),
    ]


class _AgentAdmin:
    def __init__(self, server: AdminContext) -> None:
        self._server = server

    def _session(self, body: Json) -> GuestSession:
        return selected(self._server.world, body)

    async def say(self, request: web.Request) -> web.Response:
        body = await body_of(request)
        server, session = self._server, self._session(body)
        text = body.get("text", "")
        content = self._content(body, request)
        if not isinstance(text, str) or not (text or content):
            raise AdminRequestError(
                "text", "must be a string; it may be empty only with content of another kind"
            )
        limit = server.world.limits.agent_text_characters
        if limit is not None and len(text) > limit:
            raise AdminRequestError(
                "text", f"has {len(text)} characters", f"an agent may say {limit}"
            )
        more = {key: body[key] for key in ("type", "nickname", "image", "bot") if key in body}
        if body.get("file") and not more.get("type"):
            more["type"] = "Text"
        said, effects = server.world.agent_says(
            session, text, server.now(), content=content, **more
        )
        server.perform(effects)
        return as_json({"id": said["id"], "time": said["channel"]["time"]})

    def _content(self, body: Json, request: web.Request) -> list[Json] | None:
        """One kind of content, or none. Raises AdminRequestError."""
        given = [name for name in _CONTENT if body.get(name) is not None]
        if len(given) > 1:
            raise AdminRequestError(
                given[1], f"{' and '.join(given)} are given", "say one of them at a time"
            )
        if not given:
            return None
        value = body[given[0]]
        match given[0]:
            case "quick_replies":
                return quick_replies(value)
            case "card":
                return [card(value)]
            case "carousel":
                return [carousel(value)]
            case "file":
                return [self._file(value, request)]
        if not isinstance(value, list):
            raise AdminRequestError(
                "content", "must be a list of content items", "see protocol §3.7"
            )
        return value

    def _file(self, value: Any, request: web.Request) -> Json:
        """It is stored where the guest's own files are, and gets a link like theirs."""
        server, world = self._server, self._server.world
        name, mime, content, url = file_fields(value)
        file_id = draw_uuid(world.rng)
        if content is not None:
            secret = draw_hex(world.rng)
            stored = Attachment(file_id, name, mime, len(content), secret, uploaded=True)
            evicted = world.files.add(stored, 0.0)
            if evicted is not None:
                server.storage.forget(evicted.id)
            server.storage.path(file_id).write_bytes(content)
            url = world.upload_url(stored)
        return attachment(file_id, name, mime, url, len(content or b""))

    async def typing(self, request: web.Request) -> web.Response:
        body = await body_of(request)
        session = self._session(body)
        duration_ms = body.get("duration_ms", 5000)
        if not isinstance(duration_ms, int) or duration_ms < 0:
            raise AdminRequestError("duration_ms", "must be a whole number of milliseconds")
        state = body.get("state", True)
        if not isinstance(state, str | bool):
            raise AdminRequestError("state", "must be a string, true or false")
        self._server.perform(
            self._server.world.agent_types(session, self._server.now(), duration_ms, state=state)
        )
        return as_json({})

    async def disconnect(self, request: web.Request) -> web.Response:
        body = await body_of(request)
        session = self._session(body)
        mode = body.get("mode")
        if mode not in (None, "Send", "ReadOnly", "disabled"):
            raise AdminRequestError("mode", f"{mode!r} is unknown", "Send, ReadOnly or disabled")
        self._server.perform(
            self._server.world.agent_disconnects(session, self._server.now(), mode)
        )
        return as_json({})
