"""Guest sessions: opened, listed, shown, ended."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from hashlib import blake2b
from itertools import chain

import orjson
from aiohttp import web

from ...model.commands import End
from ...model.errors import CommandError, NotReady
from ...model.overview import LAST_TEXT_MAX, LastMessage, SessionLine
from ...model.ports import Fleet, OpenGuest, SessionView
from ..problems import Problem
from ..settings import ApiSettings
from .commands import LOCATION, accept
from .ended_sessions import ENDED_MAX, living, view_of_either
from .idempotency import digest_of_body
from .live_wait import wait_until_live
from .lookup import opened, session_of
from .routes import ApiCall, Route, RouteResponse, answer
from .schemas import CommandAccepted, OpenQuery, OpenSession, Reconnect, Reconnecting
from .session_list import select
from .session_schemas import FIELDS, Session, SessionPage, SessionQuery, shown

#: Newest events in which the last message is looked for.
LAST_LOOKED_THROUGH = 20


class SessionRoutes:
    def __init__(
        self,
        fleet: Fleet,
        settings: ApiSettings,
        draw_id: Callable[[], str],
        now_ms: Callable[[], int],
        name_required: bool = False,
    ) -> None:
        """`name_required`: no name is generated for a guest that comes without one (SOCK-1)."""
        self._name_required = name_required
        self._fleet = fleet
        self._now_ms = now_ms
        self._settings = settings
        self._draw_id = draw_id

    def routes(self) -> list[Route]:
        tag, opened_ = "sessions", RouteResponse("Opened, and durable.", Session, LOCATION)
        return [
            Route(
                "POST",
                "/v1/sessions",
                "openSession",
                "Open a guest session",
                self._open,
                {201: opened_},
                tag,
                query=OpenQuery,
                body=OpenSession,
                problems=(409,),
                keyed=True,
                remembers=True,
            ),
            Route(
                "GET",
                "/v1/sessions",
                "listSessions",
                "Guest sessions: filtered, sorted, by pages",
                self._list,
                {200: RouteResponse("A page of them.", SessionPage)},
                tag,
                query=SessionQuery,
            ),
            *self._routes_of_one(),
        ]

    def _routes_of_one(self) -> list[Route]:
        tag, one = "sessions", "/v1/sessions/{session}"
        shown_ = RouteResponse("As it stands; `ended` for one that is over, by its id.", Session)
        ended = RouteResponse(
            "It will disconnect from the platform, and end.", CommandAccepted, LOCATION
        )
        return [
            Route(
                "GET",
                one,
                "showSession",
                "One guest session, by id or name",
                self._show,
                {200: shown_},
                tag,
            ),
            Route(
                "POST",
                f"{one}/reconnect",
                "reconnectSession",
                "Close guestd's own connection and let the session come back",
                self._reconnect,
                {202: RouteResponse("It is closed; the session comes back.", Reconnecting)},
                tag,
                body=Reconnect,
                problems=(409,),
                keyed=True,
                remembers=True,
            ),
            Route(
                "DELETE",
                one,
                "endSession",
                "End it in an orderly way",
                self._end,
                {202: ended},
                tag,
                keyed=True,
            ),
        ]

    async def _open(self, call: ApiCall[OpenQuery, OpenSession]) -> web.StreamResponse:
        session_id = self._opened_before(call)
        if session_id is None:
            guest = self._guest_of(call)
            session_id = await opened(
                lambda durable: self._fleet.open(guest, durable), self._settings.answer_timeout_s
            )
        if call.query.wait == "live":
            within_s = min(call.query.wait_s, self._settings.wait_max_s)
            await wait_until_live(self._fleet, session_id, within_s)
        return answer(
            Session.of(self._fleet.view(session_id), self._now_ms()),
            201,
            {"Location": f"/v1/sessions/{session_id}"},
        )

    def _guest_of(self, call: ApiCall[OpenQuery, OpenSession]) -> OpenGuest:
        body = call.body
        if self._name_required and not body.name:
            raise CommandError("a webchat guest needs a name, such as ana", field="name")
        name = body.name or _name_by_key(call) or f"guest-{self._draw_id()[:8]}"
        return OpenGuest(
            name,
            body.email,
            body.attributes,
            body.metadata,
            body.duration_s or None,
            body.display_name,
        )

    def _opened_before(self, call: ApiCall[OpenQuery, OpenSession]) -> str | None:
        """The open session that this key and body opened, before a restart or so long ago that
        `IdempotentAnswers` has forgotten it. Raises Problem if it may not be durable yet."""
        name = "" if call.body.name else _name_by_key(call)
        session_id = self._fleet.find(name) if name else None
        if session_id is None:
            return None
        view = self._fleet.view(session_id)
        if view.state == "waiting" and not view.seq:
            detail = f"the session {session_id} has not begun yet; send the same request again"
            raise Problem(503, "journal_slow", detail)
        return session_id

    async def _list(self, call: ApiCall[SessionQuery, None]) -> web.StreamResponse:
        query, now_ms = call.query, self._now_ms()
        only_ended = query.ended in ("true", "only")
        ended: dict[str, SessionView] = {}
        if only_ended or query.ended == "include" or "ended" in query.state:
            ended = {view.session_id: view for view in await self._fleet.ended(ENDED_MAX)}
        living = () if only_ended else self._living(query.ids)
        lines = chain(living, map(_line_of, ended.values()))
        sort = query.sort or ("activity" if only_ended else "id")
        found = select(lines, query, sort, now_ms)
        views = [
            ended.get(one.session_id) or self._fleet.view(one.session_id) for one in found.lines
        ]
        fields = ("session_id", *query.fields) if query.fields else FIELDS
        if query.ids and "last_message" in fields:
            views = [await self._with_last_message(view) for view in views]
        page = {
            "sessions": [shown(view, now_ms, fields) for view in views],
            "next": found.next,
            "total": found.total,
            "counts": found.counts,
            "at": now_ms,
        }
        return answer(page)

    def _living(self, ids: Sequence[str]) -> Iterable[SessionLine]:
        """Where ids are given, no others are looked at: a page asks for its rows often."""
        overview = self._fleet.overview
        if not ids:
            return overview.lines()
        return [line for one in dict.fromkeys(ids) if (line := overview.line(one)) is not None]

    async def _with_last_message(self, view: SessionView) -> SessionView:
        """From its newest events, if this life of the daemon has seen no message of it."""
        if view.last_message is not None:
            return view
        try:
            read = await self._fleet.read(
                view.session_id, max(0, view.seq - LAST_LOOKED_THROUGH), LAST_LOOKED_THROUGH
            )
        except CommandError:  # retired meanwhile, or damaged: a list does not fail by that
            return view
        for row in reversed(read.rows):
            if row.kind == "message":
                event = orjson.loads(row.payload)
                last = LastMessage(event["text"][:LAST_TEXT_MAX], event["direction"], event["type"])
                return replace(view, last_message=last)
        return view

    async def _show(self, call: ApiCall[None, None]) -> web.StreamResponse:
        view = await view_of_either(self._fleet, session_of(self._fleet, call.part("session")))
        return answer(Session.of(view, self._now_ms()))

    async def _reconnect(self, call: ApiCall[None, Reconnect]) -> web.StreamResponse:
        session_id, how = session_of(self._fleet, call.part("session")), call.body.how
        await living(self._fleet, session_id)
        if not self._fleet.reconnect(session_id, hang_up=how == "close"):
            state = self._fleet.view(session_id).state
            raise NotReady("there is no connection that could be closed", state)
        state = self._fleet.view(session_id).state
        found = Reconnecting(session_id=session_id, how=how, state=state)
        return answer(found, 202)

    async def _end(self, call: ApiCall[None, None]) -> web.StreamResponse:
        session_id = session_of(self._fleet, call.part("session"))
        command = End(call.idempotency_key or self._draw_id())
        return await accept(self._fleet, session_id, command, self._settings)


def _line_of(view: SessionView) -> SessionLine:
    """Of one that has ended."""
    return SessionLine(
        view.session_id,
        view.name,
        view.state,
        view.seq,
        view.last_activity_ms,
        opened_ms=view.opened_ms,
        state_since_ms=view.state_since_ms,
    )


def _name_by_key(call: ApiCall[OpenQuery, OpenSession]) -> str:
    """The name of a session that was given none: made of key and body, so that the journal knows
    what they opened. "" without a key."""
    if not call.idempotency_key:
        return ""
    of_both = blake2b(digest_of_body(call.body) + call.idempotency_key.encode(), digest_size=8)
    return f"guest-{of_both.hexdigest()}"
