"""`/__emulator/…`: the plan of faults, faults that are injected once, and what happens as a stream.

Some faults break what is there already, and are injected at once; all others wait for their next
occasion, such as the next message to the guest."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import islice
from typing import Any

from aiohttp import web

from ..core.event_log import shown_injection
from ..core.fault_rules import (
    KIND_FIELDS,
    KINDS,
    FaultPlanError,
    FaultRule,
    fault_fields,
    own_fields,
    parse_rule,
)
from ..core.faults import FaultInjection
from ..core.records import GuestSession, Json
from ..guest_api.connection import GuestConnection
from .context import AdminContext
from .requests import AdminRequestError, as_json, body_of
from .routes import AdminRoute
from .selection import SELECTION, selected
from .session_admin import LIMIT_MAX, number

SEE_KINDS = "GET /__emulator/faults lists the kinds and their fields"

_KIND_FIELDS = frozenset(name for names in KIND_FIELDS.values() for name in names)

#: Each is looked at on every occasion of its kind.
RULES_MAX = 1000

#: Of those injected lately, beside the rules.
RECENT_SHOWN = 100

#: Injected now, not at the next occasion.
AT_ONCE = ("drop", "half_open", "close", "kick", "expired_session")


def fault_routes(server: AdminContext) -> list[AdminRoute]:
    admin = _FaultAdmin(server)
    of_rule = FaultRule.model_fields
    fields = {name: of_rule[name].description or "" for name in of_rule if name in _KIND_FIELDS}
    return [
        AdminRoute(
            "GET",
            "faults",
            "The rules with ids and counts, what was injected lately, the kinds and fields",
            admin.faults,
        ),
        AdminRoute(
            "GET",
            "faults/injections",
            "What was injected, the oldest first, by pages: with the ids of the conversation and"
            " the message that each hit, or the tracing id of the request",
            admin.injections,
            query={
                "kind": "only of this kind",
                "rule": "only by the rule of this id",
                "after": "the `next` of the page before",
                "limit": f"at most {LIMIT_MAX}; 100 if left out",
            },
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
        AdminRoute(
            "POST",
            "faults/rules",
            "Add one rule; the others and their counts stay",
            admin.add_rule,
            None,
            body_example='{"kind": "reorder", "rate": 0.1, "guest": "ana"}',
        ),
        AdminRoute("DELETE", "faults/{id}", "Take one rule away", admin.remove_rule),
        AdminRoute(
            "POST",
            "inject",
            "Inject a fault once: at once where it breaks a connection or session, else at the"
            " next occasion",
            admin.inject,
            {
                **SELECTION,
                "all": "true: once for every guest",
                "kind": "the kind of fault",
                **fields,
            },
        ),
    ]


class _FaultAdmin:
    def __init__(self, server: AdminContext) -> None:
        self._server = server

    async def faults(self, request: web.Request) -> web.Response:
        faults = self._server.faults
        shown = [_shown(one) for one in islice(reversed(faults.recent), RECENT_SHOWN)]
        return as_json({**faults.report(), "recent": shown, **fault_fields()})

    async def injections(self, request: web.Request) -> web.Response:
        query = request.query
        limit, after = number(query, "limit", 100, 1), number(query, "after", 0, 0)
        kept = self._server.faults.recent
        found = [
            one
            for one in kept
            if query.get("kind") in (None, one.kind) and query.get("rule") in (None, one.rule)
        ]
        later = [one for one in found if one.id > after]
        page = later[:limit]
        return as_json(
            {
                "injections": [_shown(one) for one in page],
                "next": page[-1].id if len(later) > limit else None,
                "total": len(found),
                "not_kept": kept[0].id - 1 if kept else 0,
            }
        )

    async def set_faults(self, request: web.Request) -> web.Response:
        try:
            self._server.faults.set(await _json_of(request), self._server.now())
        except FaultPlanError as bad:
            raise AdminRequestError(bad.field, str(bad), SEE_KINDS) from None
        return as_json(self._server.faults.report())

    async def clear_faults(self, request: web.Request) -> web.Response:
        self._server.faults.set((), self._server.now())
        return as_json(self._server.faults.report())

    async def add_rule(self, request: web.Request) -> web.Response:
        rule = _rule(await body_of(request))
        self._check_place()
        return as_json(self._server.faults.add(rule, self._server.now()).shown())

    def _check_place(self) -> None:
        if len(self._server.faults.active) >= RULES_MAX:
            raise AdminRequestError(
                "", f"there are {RULES_MAX} rules already", "DELETE /__emulator/faults", 409
            )

    async def remove_rule(self, request: web.Request) -> web.Response:
        rule_id = request.match_info["id"]
        if not self._server.faults.remove(rule_id):
            known = ", ".join(one.id for one in self._server.faults.active) or "none"
            raise AdminRequestError("id", f"there is no rule {rule_id}"[:100], known, 404)
        return as_json(self._server.faults.report())

    # ------------------------------------------------------------------ once

    async def inject(self, request: web.Request) -> web.Response:
        body = await body_of(request)
        kind = body.get("kind")
        more = {name: body[name] for name in _KIND_FIELDS if name in body}
        if not isinstance(kind, str) or kind not in KINDS:
            raise AdminRequestError("kind", f"{kind!r} is unknown"[:100], SEE_KINDS)
        for name in more:
            if name not in own_fields(kind):
                known = ", ".join(own_fields(kind)) or "none"
                raise AdminRequestError(name, f"{kind} has no {name}", f"it has {known}")
        rule = _rule({"kind": kind, "count": 1, **more})
        if KINDS[kind][0] in ("rest", "upgrade"):
            return self._armed(rule, [], once_each=False)
        sessions = self._chosen(body)
        if kind in AT_ONCE:
            return self._now(rule, sessions)
        return self._armed(rule, sessions, once_each=body.get("all") is True)

    def _chosen(self, body: Json) -> Sequence[GuestSession]:
        if body.get("all") not in (None, True, False):
            raise AdminRequestError("all", "must be true or false")
        if body.get("all") is True:
            return list(self._server.world.sessions.values())
        return [selected(self._server.world, body)]

    def _armed(
        self, rule: FaultRule, sessions: Sequence[GuestSession], once_each: bool
    ) -> web.Response:
        """At the next occasion."""
        self._check_place()
        if sessions and not once_each:
            rule = rule.model_copy(update=_about(sessions[0]))
        active = self._server.faults.add(rule, self._server.now(), once_each=once_each, once=True)
        return as_json(
            {"rule": active.id, "kind": rule.kind, "guests": len(sessions), "at": "next"}
        )

    def _now(self, rule: FaultRule, sessions: Sequence[GuestSession]) -> web.Response:
        server, now = self._server, self._server.now()
        hit = 0
        for session in sessions:
            connections = [
                server.connections[one]
                for one in list(session.connections)
                if one in server.connections
            ]
            if not connections and rule.kind != "expired_session":
                continue
            hit += 1
            server.faults.note(rule.kind, "", session.token, now)
            if rule.kind == "expired_session":
                server.perform(server.world.expire(session, now))
            for connection in connections:
                self._break(rule, session, connection)
        return as_json({"rule": None, "kind": rule.kind, "guests": hit, "at": "once"})

    def _break(self, rule: FaultRule, session: GuestSession, connection: GuestConnection) -> None:
        server = self._server
        match rule.kind:
            case "drop":
                connection.transport.abort()
            case "half_open":
                connection.freeze()
            case "close":
                connection.close(rule.code, "fault")
            case "kick":
                server.perform(server.world.evict(session, connection.connection_id, ""))


def _shown(one: FaultInjection) -> Json:
    return {"at": int(one.at * 1000), **shown_injection(one)}


def _about(session: GuestSession) -> Json:
    """Which guest session it is, by its token only if there is no other way."""
    if session.session:
        return {"session": session.session}
    name = session.guest or session.name
    return {"guest": name} if name else {"token": session.token}


def _rule(value: Json) -> FaultRule:
    try:
        return parse_rule(value)
    except FaultPlanError as bad:
        raise AdminRequestError(bad.field, str(bad), SEE_KINDS) from None


async def _json_of(request: web.Request) -> Any:
    try:
        return json.loads(await request.read() or b"{}")
    except (ValueError, RecursionError):
        raise AdminRequestError("", "the body is not JSON") from None
