"""`/__emulator/…` for guest sessions: inspect them, break their connections, change settings.
`session_admin`, `agent_admin` and `fault_admin` have the rest, `platform_admin` the routes for the
platform API."""

from __future__ import annotations

import json
from dataclasses import asdict

from aiohttp import web

from ..agents.script import built_in
from ..core.records import Attachment, GuestSession, Json
from ..guest_api import asyncapi
from ..platform_api.http_answers import url_asked
from ..setting_list import SettingError, all_settings, changed, values_of
from .agent_admin import agent_routes
from .context import AdminContext
from .fault_admin import fault_routes
from .requests import AdminRequestError, as_json, body_of
from .routes import AdminRoute
from .selection import SELECTION, selected
from .session_admin import session_routes
from .transcript_admin import transcript_routes

_SESSION_LIMIT = "how many of the newest; 100 if left out"


def guest_admin_routes(server: AdminContext) -> list[AdminRoute]:
    admin = _GuestAdmin(server)
    return [
        *_about_guests(admin),
        *session_routes(server),
        *transcript_routes(server),
        *agent_routes(server),
        *_about_connections(admin),
        *fault_routes(server),
        *_about_the_emulator(admin),
    ]


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
            query={
                "guest": "only those of this name",
                "session": "only that with guestd's id",
                "token": "only this one",
            },
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
    ]


def _about_the_emulator(admin: _GuestAdmin) -> list[AdminRoute]:
    return [
        AdminRoute("POST", "reset", "Forget everything and close every socket", admin.reset),
        AdminRoute(
            "GET",
            "journal",
            "What was received, the newest last",
            admin.journal,
            query={
                "guest": "only of this guest",
                "session": "only of the guest session with guestd's id",
                "token": "only of this guest session",
                "limit": _SESSION_LIMIT,
            },
        ),
        AdminRoute(
            "GET", "asyncapi", "The guest socket in AsyncAPI 3: every frame", admin.asyncapi
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

    async def asyncapi(self, request: web.Request) -> web.Response:
        return as_json(asyncapi.as_data())

    async def state(self, request: web.Request) -> web.Response:
        world = self._server.world
        wanted, guest = request.query.get("token"), request.query.get("guest")
        own_id = request.query.get("session")
        sessions = {
            token: _describe(session)
            for known in (world.cleared, world.sessions)
            for token, session in known.items()
            if wanted in (None, token)
            and guest in (None, session.guest)
            and own_id in (None, session.session)
        }
        return as_json({"sessions": sessions, "connections": len(self._server.connections)})

    async def journal(self, request: web.Request) -> web.Response:
        given = {name: one for name, one in request.query.items() if name != "limit"}
        token = self._session(given).token if set(given) - {"token"} else given.get("token")
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

    # ------------------------------------------------------------------ breaking things

    async def expire(self, request: web.Request) -> web.Response:
        session = self._session(await body_of(request))
        server = self._server
        server.perform(server.world.expire(session, server.now()))
        return as_json({})

    async def logout(self, request: web.Request) -> web.Response:
        session = self._session(await body_of(request))
        self._server.perform(self._server.world.log_out(session))
        return as_json({})

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
        "session": session.session,
        "messages": list(session.messages),
        "conversations": [
            {
                "id": one.id,
                "state": one.state,
                "started": one.started,
                "ended": one.ended,
                "messages": list(one.messages),
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


def _most_within(instants: list[float], window_s: float) -> int:
    """The most of these (sorted) instants that lie within any window."""
    most = start = 0
    for n, at in enumerate(instants):
        while at - instants[start] >= window_s:
            start += 1
        most = max(most, n - start + 1)
    return most
