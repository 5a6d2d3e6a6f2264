"""`GET /__emulator/transcripts`: every conversation of guests on the socket, with its messages.

A load test of fifteen thousand guests reconciles what it saw with what is recorded here, so it is
read by pages, each bounded by conversations and by messages. A conversation whose guest cleared its
session is among them."""

from __future__ import annotations

from hashlib import sha256
from itertools import islice
from typing import Any

from aiohttp import web

from ..core.records import GuestConversation, GuestSession, Json
from ..core.world import World
from .context import AdminContext
from .requests import AdminRequestError, as_json
from .routes import AdminRoute
from .session_admin import LIMIT_MAX, has_attribute, number

#: A page ends where it has so many messages, and has one conversation at least.
PAGE_MESSAGES_MAX = 5_000


def transcript_routes(server: AdminContext) -> list[AdminRoute]:
    admin = _TranscriptAdmin(server)
    return [
        AdminRoute(
            "GET",
            "transcripts",
            "Conversations of guests on the socket with their messages, in the order of their"
            " beginning, by pages",
            admin.transcripts,
            query={
                "guest": "only of guests of this name",
                "attribute": "KEY:VALUE: only of guest sessions with this custom attribute",
                "state": "open or ended",
                "after": "the `next` of the page before",
                "limit": f"how many conversations, at most {LIMIT_MAX}; 100 if left out",
            },
        )
    ]


class _TranscriptAdmin:
    def __init__(self, server: AdminContext) -> None:
        self._server = server

    async def transcripts(self, request: web.Request) -> web.Response:
        query, world = request.query, self._server.world
        limit, after = number(query, "limit", 100, 1), number(query, "after", 0, 0)
        if query.get("state") not in (None, "open", "ended"):
            raise AdminRequestError("state", "must be open or ended")
        page: list[Json] = []
        messages = 0
        place = max(after, world.conversations_forgotten)
        for session, found in _from(world, place):
            if len(page) == limit or messages >= PAGE_MESSAGES_MAX:
                return as_json({"conversations": page, "next": place})
            place += 1
            if _is_wanted(query, session, found):
                page.append(transcript(session, found))
                messages += len(found.messages)
        return as_json({"conversations": page, "next": None})


def _from(world: World, place: int) -> Any:
    """Conversations after so many, with their guest sessions."""
    skipped = place - world.conversations_forgotten
    for conversation_id, session in islice(world.conversations.items(), skipped, None):
        yield session, next(one for one in session.conversations if one.id == conversation_id)


def _is_wanted(query: Any, session: GuestSession, found: GuestConversation) -> bool:
    state = "open" if found.state == "connected" else "ended"
    return (
        query.get("guest") in (None, session.guest or session.name)
        and query.get("state") in (None, state)
        and has_attribute(session, query.get("attribute"))
    )


def transcript(session: GuestSession, found: GuestConversation) -> Json:
    """`token_sha256`: of the guest session's token, in hex, since the token itself is a secret."""
    return {
        "id": found.id,
        "guest": session.guest or session.name,
        "session": session.session,
        "token_sha256": sha256(session.token.encode()).hexdigest(),
        "deployment": session.deployment.id,
        "state": "open" if found.state == "connected" else "ended",
        "started": found.started,
        "ended": found.ended,
        "attributes": session.attributes or {},
        "messages": [_message(frame) for frame in found.messages.frames()],
    }


def _message(frame: Json) -> Json:
    body = frame["body"]
    found = {
        "id": body["id"],
        "type": body["type"],
        "direction": body["direction"],
        "text": body.get("text", ""),
        "time": body["channel"]["time"],
        "tracing_id": frame.get("tracingId", ""),
    }
    return found if body["type"] != "Event" else {**found, "events": body.get("events", [])}
