"""`/__emulator/…`: the guest sessions in short, and one whole conversation, by the guest's name."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from ...model.numbers import whole_number
from ..core.records import GuestSession, Json
from ..core.world import World
from .context import AdminContext
from .requests import AdminRequestError, as_json
from .routes import AdminRoute
from .selection import selected

LIMIT_MAX = 1000
TEXT_SHOWN_MAX = 120


def session_routes(server: AdminContext) -> list[AdminRoute]:
    admin = _SessionAdmin(server)
    return [
        AdminRoute(
            "GET",
            "sessions",
            "Guest sessions in short, in the order of their making, by pages",
            admin.sessions,
            query={
                "q": "only those with this in their name, or in guestd's id",
                "connected": "true or false: only those with a connection, or without",
                "attribute": "KEY:VALUE: only those with this custom attribute",
                "state": "open or ended: only those with a running conversation, or without",
                "after": "the `next` of the page before",
                "limit": f"at most {LIMIT_MAX}; 100 if left out",
            },
        ),
        AdminRoute(
            "GET",
            "conversations/{guest}",
            "One guest's messages in the platform's order, and its conversations",
            admin.conversation,
            query={"limit": f"how many of the newest messages, at most {LIMIT_MAX}; 100"},
        ),
    ]


class _SessionAdmin:
    def __init__(self, server: AdminContext) -> None:
        self._server = server

    async def sessions(self, request: web.Request) -> web.Response:
        query = request.query
        limit, after = number(query, "limit", 100, 1), number(query, "after", 0, 0)
        wanted, connected = query.get("q", "").lower(), query.get("connected")
        if connected not in (None, "true", "false"):
            raise AdminRequestError("connected", "must be true or false")
        attribute, state = query.get("attribute"), query.get("state")
        if state not in (None, "open", "ended"):
            raise AdminRequestError("state", "must be open or ended")
        world, now = self._server.world, self._server.now()
        found = [
            one
            for one in world.sessions.values()
            if has_attribute(one, attribute)
            and (state is None or (state == "open") is _is_open(world, one, now))
            and (not wanted or wanted in f"{one.guest} {one.name} {one.session}".lower())
            and (connected is None or bool(one.connections) is (connected == "true"))
        ]
        found.sort(key=lambda one: one.number)
        later = [one for one in found if one.number > after]
        page = later[:limit]
        return as_json(
            {
                "sessions": [summary(one) for one in page],
                "next": page[-1].number if len(later) > limit else None,
                "total": len(found),
                "connections": len(self._server.connections),
            }
        )

    async def conversation(self, request: web.Request) -> web.Response:
        guest = request.match_info["guest"]
        session = selected(self._server.world, {"guest": guest})
        limit = number(request.query, "limit", 100, 0)
        return as_json(
            {
                **summary(session),
                "attributes": session.attributes or {},
                "context": session.context or {},
                "messages": session.messages[-limit:] if limit else [],
                "conversations": [
                    {
                        "id": one.id,
                        "state": one.state,
                        "started": one.started,
                        "ended": one.ended,
                        "messages": len(one.messages),
                    }
                    for one in session.conversations
                ],
            }
        )


def has_attribute(session: GuestSession, wanted: str | None) -> bool:
    """`wanted` is KEY:VALUE, or KEY alone for any value. Raises AdminRequestError."""
    if wanted is None:
        return True
    key, colon, value = wanted.partition(":")
    if not key:
        raise AdminRequestError("attribute", "must be KEY:VALUE")
    found = (session.attributes or {}).get(key)
    return found is not None and (not colon or found == value)


def _is_open(world: World, session: GuestSession, now: float) -> bool:
    return session.conversation is not None and not world.is_expired(session, now)


def summary(session: GuestSession) -> Json:
    """Without its token. Times are epoch seconds, as in `state`."""
    agent = session.agent
    return {
        "guest": session.guest or session.name,
        "session": session.session,
        "dialect": session.dialect,
        "deployment": session.deployment.id,
        "created": session.created,
        "expires": session.expires,
        "connections": len(session.connections),
        "read_only": session.read_only,
        "conversation": session.conversation.id if session.conversation is not None else None,
        "agent": {"nickname": agent.nickname, "bot": agent.bot} if agent is not None else None,
        "message_count": len(session.messages),
        "last_message": _last(session),
    }


def _last(session: GuestSession) -> Json | None:
    for body in reversed(session.messages[-20:]):
        if body.get("type") != "Event":
            return {
                "text": str(body.get("text") or "")[:TEXT_SHOWN_MAX],
                "direction": body.get("direction", ""),
                "type": body.get("type", ""),
                "time": body.get("channel", {}).get("time", ""),
            }
    return None


def number(query: Any, name: str, default: int, least: int) -> int:
    """Raises AdminRequestError."""
    given = query.get(name)
    found = default if given is None else whole_number(given)
    if found is None or found < least or (name == "limit" and found > LIMIT_MAX):
        words = f"must be a whole number from {least}"
        raise AdminRequestError(name, words + (f" to {LIMIT_MAX}" if name == "limit" else ""))
    return found
