"""`/__emulator/…` for guest sessions: inspect them, speak as the agent, inject faults, change
settings. `platform_admin.py` has the routes for the platform API."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from aiohttp import web

from ..agents.script import built_in
from ..core.faults import FaultPlanError, fault_fields
from ..core.records import Attachment, GuestSession, Json
from ..platform_api.http_answers import url_asked
from ..setting_list import SettingError, all_settings, changed, values_of
from .context import AdminContext
from .requests import AdminRequestError, as_json, body_of
from .routes import AdminRoute
from .selection import SELECTION, selected

_SESSION_LIMIT = "how many of the newest; 100 if left out"


def guest_admin_routes(server: AdminContext) -> list[AdminRoute]:
    admin = _GuestAdmin(server)
    return [*_about_guests(admin), *_about_connections(admin), *_about_the_emulator(admin)]


def _about_guests(admin: _GuestAdmin) -> list[AdminRoute]:
    return [
        AdminRoute(
            "GET",
            "about",
            "What a client needs: deployment, OAuth client, queue",
            admin.about,
        ),
        AdminRoute(
            "GET",
            "state",
            "Guest sessions by token, with their messages in the platform's order",
            admin.state,
            query={"token": "only this one", "guest": "only those of this name"},
        ),
        AdminRoute(
            "POST",
            "say",
            "Speak as the agent",
            admin.say,
            {
                **SELECTION,
                "text": "what the agent says",
                "content": "a list of content items (protocol §3.7)",
                "quick_replies": "[[label, payload], …], in place of content",
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


def _about_connections(admin: _GuestAdmin) -> list[AdminRoute]:
    return [
        AdminRoute(
            "POST",
            "drop",
            "Break connections",
            admin.drop,
            {
                **SELECTION,
                "all": "true: those of every guest",
                "how": "abort (as if left out), close, or half_open",
                "code": "the close code of close; 1001 if left out",
            },
        ),
        AdminRoute("POST", "expire", "Let the guest session expire", admin.expire, SELECTION),
        AdminRoute("POST", "logout", "Log an authenticated guest out", admin.logout, SELECTION),
        AdminRoute(
            "GET", "faults", "The plan, what was injected, the kinds and fields", admin.faults
        ),
        AdminRoute(
            "POST",
            "faults",
            "Replace the plan of faults",
            admin.set_faults,
            None,
            body_example='{"seed": 7, "rules": [{"kind": "drop", "rate": 0.01}]}',
        ),
        AdminRoute("DELETE", "faults", "No faults any more", admin.clear_faults),
    ]


def _about_the_emulator(admin: _GuestAdmin) -> list[AdminRoute]:
    return [
        AdminRoute("POST", "reset", "Forget everything and close every socket", admin.reset),
        AdminRoute(
            "GET",
            "journal",
            "What was received, the newest last",
            admin.journal,
            query={"token": "only of this guest session", "limit": _SESSION_LIMIT},
        ),
        AdminRoute("GET", "counters", "Connections, requests, faults in numbers", admin.counters),
        AdminRoute("GET", "settings", "Every setting with its value", admin.settings),
        AdminRoute(
            "POST",
            "settings",
            "Change settings; `limits` may be on or off as well",
            admin.set_settings,
            None,
            body_example='{"token_life_s": 30, "agent": "echo"}',
        ),
        AdminRoute("GET", "health", "Whether it is up", admin.health),
    ]


class _GuestAdmin:
    def __init__(self, server: AdminContext) -> None:
        self._server = server

    def _session(self, body: Json) -> GuestSession:
        return selected(self._server.world, body)

    # ------------------------------------------------------------------ looking

    async def about(self, request: web.Request) -> web.Response:
        return as_json(self._server.about(url_asked(self._server, request)))

    async def state(self, request: web.Request) -> web.Response:
        world = self._server.world
        wanted, guest = request.query.get("token"), request.query.get("guest")
        sessions = {
            token: _describe(session)
            for known in (world.cleared, world.sessions)
            for token, session in known.items()
            if (wanted is None or token == wanted) and guest in (None, session.guest)
        }
        return as_json({"sessions": sessions, "connections": len(self._server.connections)})

    async def journal(self, request: web.Request) -> web.Response:
        token = request.query.get("token")
        try:
            limit = max(0, int(request.query.get("limit", "100")))
        except ValueError:
            raise AdminRequestError("limit", "must be a whole number") from None
        entries = [
            entry for entry in self._server.journal if token is None or entry["token"] == token
        ]
        return as_json({"entries": entries[-limit:] if limit else []})

    async def counters(self, request: web.Request) -> web.Response:
        server = self._server
        connects = list(server.connect_times)
        return as_json(
            {
                **server.counters,
                "connections_open": len(server.connections),
                "connects_most_in_a_minute": _most_within(connects, 60.0),
                "connects_most_in_a_second": _most_within(connects, 1.0),
                "sessions": len(server.world.sessions),
                "faults": dict(server.faults.injected),
            }
        )

    async def health(self, request: web.Request) -> web.Response:
        return as_json(
            {
                "status": "up",
                "sessions": len(self._server.world.sessions),
                "note": "this is not the platform",
            }
        )

    # ------------------------------------------------------------------ speaking as the agent

    async def say(self, request: web.Request) -> web.Response:
        body = await body_of(request)
        session = self._session(body)
        text, content = body.get("text", ""), body.get("content")
        if not isinstance(text, str) or not (text or content or body.get("quick_replies")):
            raise AdminRequestError(
                "text", "must be a string; it may be empty only with content or quick_replies"
            )
        limit = self._server.world.limits.agent_text_characters
        if limit is not None and len(text) > limit:
            raise AdminRequestError(
                "text", f"has {len(text)} characters", f"an agent may say {limit}"
            )
        if body.get("quick_replies"):
            content = [
                {
                    "contentType": "QuickReply",
                    "quickReply": {
                        "text": str(label),
                        "payload": str(payload),
                        "action": "Message",
                    },
                }
                for label, payload in _pairs(body["quick_replies"])
            ]
        if content is not None and not isinstance(content, list):
            raise AdminRequestError(
                "content", "must be a list of content items", "see protocol §3.7"
            )
        more = {key: body[key] for key in ("type", "nickname", "image", "bot") if key in body}
        said, effects = self._server.world.agent_says(
            session, text, self._server.now(), content=content, **more
        )
        self._server.perform(effects)
        return as_json({"id": said["id"], "time": said["channel"]["time"]})

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

    async def expire(self, request: web.Request) -> web.Response:
        session = self._session(await body_of(request))
        server = self._server
        server.perform(server.world.expire(session, server.now()))
        return as_json({})

    async def logout(self, request: web.Request) -> web.Response:
        session = self._session(await body_of(request))
        self._server.perform(self._server.world.log_out(session))
        return as_json({})

    # ------------------------------------------------------------------ breaking things

    async def drop(self, request: web.Request) -> web.Response:
        body = await body_of(request)
        how = body.get("how", "abort")
        if how not in ("abort", "close", "half_open"):
            raise AdminRequestError("how", f"{how!r} is unknown", "abort, close or half_open")
        code = body.get("code", 1001)
        if not isinstance(code, int) or not 1000 <= code <= 4999:
            raise AdminRequestError("code", "must be a close code", "1000 to 4999")
        if body.get("all") not in (None, True, False):
            raise AdminRequestError("all", "must be true or false")
        connections = (
            list(self._server.connections)
            if body.get("all") is True
            else list(self._session(body).connections)
        )
        for connection_id in connections:
            connection = self._server.connections.get(connection_id)
            if connection is None:
                continue
            if how == "abort":
                connection.transport.abort()
            elif how == "close":
                connection.close(code, "dropped on request")
            else:
                connection.freeze()
        return as_json({"dropped": len(connections)})

    async def faults(self, request: web.Request) -> web.Response:
        return as_json({**self._server.faults.report(), **fault_fields()})

    async def set_faults(self, request: web.Request) -> web.Response:
        try:
            plan = json.loads(await request.read() or b"{}")
            self._server.faults.set(plan, self._server.now())
        except FaultPlanError as bad:
            raise AdminRequestError(
                bad.field, str(bad), "GET /__emulator/faults lists the kinds"
            ) from None
        except (ValueError, RecursionError):
            raise AdminRequestError("", "the body is not JSON") from None
        return as_json(self._server.faults.report())

    async def clear_faults(self, request: web.Request) -> web.Response:
        self._server.faults.set((), self._server.now())
        return as_json(self._server.faults.report())

    async def reset(self, request: web.Request) -> web.Response:
        self._server.reset()
        return as_json({})

    # ------------------------------------------------------------------ settings

    async def settings(self, request: web.Request) -> web.Response:
        world = self._server.world
        values = values_of(world.settings.model_copy(update={"limits": world.limits}))
        return as_json(
            {
                "limits": world.limits.model_dump(),
                "deployments": [one.model_dump() for one in world.settings.deployments],
                "agents": sorted(built_in()),
                "settings": [
                    {
                        **asdict(one),
                        "default": json.loads(one.default),
                        "value": values.get(one.key),
                    }
                    for one in all_settings()
                ],
            }
        )

    async def set_settings(self, request: web.Request) -> web.Response:
        body = await body_of(request)
        world = self._server.world
        switch = body.pop("limits") if body.get("limits") in ("on", "off") else None
        now = world.settings.model_copy(update={"limits": world.limits})
        try:
            found = changed(now, body, is_running=True)
        except SettingError as bad:
            raise AdminRequestError(bad.key, str(bad), bad.bound) from None
        limits = found.limits
        if limits == now.limits:  # the switch goes back to those that were set
            found = found.model_copy(update={"limits": world.settings.limits})
        self._server.apply_settings(found)
        world.limits = {None: limits, "on": found.limits, "off": limits.off()}[switch]
        return await self.settings(request)


def _describe(session: GuestSession) -> Json:
    return {
        "deployment": session.deployment.id,
        "dialect": session.dialect,
        "created": session.created,
        "expires": session.expires,
        "connections": len(session.connections),
        "read_only": session.read_only,
        "cleared": session.cleared,
        "attributes": session.attributes or {},
        "context": session.context or {},
        "attachments": {key: _file(one) for key, one in (session.attachments or {}).items()},
        "name": session.name,
        "guest": session.guest,
        "messages": session.messages,
        "conversations": [
            {
                "id": one.id,
                "state": one.state,
                "started": one.started,
                "ended": one.ended,
                "messages": one.messages,
            }
            for one in session.conversations
        ],
    }


def _file(attachment: Attachment) -> Json:
    """`sha256` is of the stored bytes; `content_type` is that of the PUT."""
    return {
        "filename": attachment.name,
        "mime": attachment.mime,
        "size": attachment.size,
        "sha256": attachment.sha256,
        "content_type": attachment.content_type,
        "uploaded": attachment.uploaded,
        "sent": attachment.sent,
    }


def _pairs(value: Any) -> list[tuple[Any, Any]]:
    if isinstance(value, list) and all(isinstance(one, list) and len(one) == 2 for one in value):
        return [(one[0], one[1]) for one in value]
    raise AdminRequestError("quick_replies", "must be a list of [label, payload] pairs")


def _most_within(instants: list[float], window_s: float) -> int:
    """The most of these (sorted) instants that lie within any window."""
    most = start = 0
    for n, at in enumerate(instants):
        while at - instants[start] >= window_s:
            start += 1
        most = max(most, n - start + 1)
    return most
