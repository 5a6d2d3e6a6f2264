"""`/__emulator/…` for guest sessions: inspect them, speak as the agent, inject faults, change
settings.

GET  about      what a client needs: deployment, addresses, OAuth client, queue
GET  state      {"sessions": {token: {"messages": [… in order], "conversations": […], …}}}
                `?token=` for one
POST say        {"token", "text", "content"?, "type"?, "nickname"?, "image"?, "bot"?,
                 "quick_replies"?: [[label, payload], …]}
POST typing     {"token", "duration_ms"?, "state"?: webchat's word, or true or false}
POST disconnect {"token", "mode"?: "Send"|"ReadOnly"|"disabled"}
POST drop       {"token"} or {"all": true}, "how"?: "abort"|"close"|"half_open", "code"?
POST expire     {"token"}
POST logout     {"token"}
GET, POST, DELETE faults     the plan: see `core/faults.py`
POST reset      forget everything
GET  journal    what was received, newest last, `?limit=`, `?token=`
GET  counters   connections, most in any minute and second, requests, faults
GET, POST settings           {key: value, …}: see `setting_list.py`; GET lists them.
                             "limits" may be "off" or "on" as well
GET  health

`platform_admin.py` has the routes for the platform API.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from functools import wraps
from typing import Any

import orjson
from aiohttp import web

from ...model.json_values import fault_in, printable
from ..agents.script import built_in
from ..core.faults import FaultPlanError
from ..core.records import Attachment, GuestSession, Json
from ..setting_list import SettingError, all_settings, changed, values_of
from .context import AdminContext

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class AdminRequestError(Exception):
    """An invalid request to the admin API."""

    def __init__(self, field: str, message: str, remedy: str = "", status: int = 400) -> None:
        super().__init__(message)
        self.field, self.remedy, self.status = field, remedy, status


def guest_admin_routes(server: AdminContext) -> list[web.RouteDef]:
    admin = _GuestAdmin(server)
    prefix = "/__emulator"
    routes = [
        web.get(f"{prefix}/about", admin.about),
        web.get(f"{prefix}/state", admin.state),
        web.post(f"{prefix}/say", admin.say),
        web.post(f"{prefix}/typing", admin.typing),
        web.post(f"{prefix}/disconnect", admin.disconnect),
        web.post(f"{prefix}/drop", admin.drop),
        web.post(f"{prefix}/expire", admin.expire),
        web.post(f"{prefix}/logout", admin.logout),
        web.get(f"{prefix}/faults", admin.faults),
        web.post(f"{prefix}/faults", admin.set_faults),
        web.delete(f"{prefix}/faults", admin.clear_faults),
        web.post(f"{prefix}/reset", admin.reset),
        web.get(f"{prefix}/journal", admin.journal),
        web.get(f"{prefix}/counters", admin.counters),
        web.get(f"{prefix}/settings", admin.settings),
        web.post(f"{prefix}/settings", admin.set_settings),
        web.get(f"{prefix}/health", admin.health),
    ]
    return [web.RouteDef(one.method, one.path, guarded(one.handler), one.kwargs) for one in routes]


def guarded(handler: Any) -> Handler:
    @wraps(handler)
    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            answer: web.StreamResponse = await handler(request)
        except AdminRequestError as bad:
            return web.json_response(
                {"message": str(bad), "field": bad.field, "remedy": bad.remedy}, status=bad.status
            )
        return answer

    return handle


async def body_of(request: web.Request) -> Json:
    try:
        found = json.loads(await request.read() or b"{}")
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise AdminRequestError("", "the body is not a JSON object", "send one, such as {}")
    if (fault := fault_in(found)) is not None:
        where = printable(".".join(fault.path)) or "the body"
        raise AdminRequestError(
            where, f"{where} {fault.reason}", "send only values that JSON can represent"
        )
    return found


class _GuestAdmin:
    def __init__(self, server: AdminContext) -> None:
        self._server = server

    def _session(self, body: Json) -> GuestSession:
        token = body.get("token")
        session = self._server.world.sessions.get(token) if isinstance(token, str) else None
        if session is None:
            raise AdminRequestError(
                "token", "no guest session has this token", "GET /__emulator/state lists them", 404
            )
        return session

    # ------------------------------------------------------------------ looking

    async def about(self, request: web.Request) -> web.Response:
        return as_json(self._server.about())

    async def state(self, request: web.Request) -> web.Response:
        world = self._server.world
        wanted = request.query.get("token")
        sessions = {
            token: _describe(session)
            for known in (world.cleared, world.sessions)
            for token, session in known.items()
            if wanted is None or token == wanted
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
        return as_json(self._server.faults.report())

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


def as_json(body: Json) -> web.Response:
    return web.Response(body=orjson.dumps(body), content_type="application/json")
