"""Guest sessions: opened, listed, shown, ended."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from hashlib import blake2b

from aiohttp import web

from ...model.commands import End
from ...model.ports import Fleet, OpenGuest
from ..problems import Problem
from ..settings import ApiSettings
from .commands import LOCATION, accept
from .idempotency import digest_of_body
from .live_wait import wait_until_live
from .lookup import opened, session_of
from .routes import ApiCall, Route, RouteResponse, answer
from .schemas import CommandAccepted, OpenQuery, OpenSession, Session, SessionPage, SessionQuery

#: How far back one may look for those that are over; a row of the journal each.
ENDED_MAX = 1000


class SessionRoutes:
    def __init__(self, fleet: Fleet, settings: ApiSettings, draw_id: Callable[[], str]) -> None:
        self._fleet = fleet
        self._settings = settings
        self._draw_id = draw_id

    def routes(self) -> list[Route]:
        tag, one = "sessions", "/v1/sessions/{session}"
        opened_, shown = (
            RouteResponse("Opened, and durable.", Session, LOCATION),
            RouteResponse("The guest session is open.", Session),
        )
        ended = RouteResponse(
            "It will disconnect from the platform, and end.", CommandAccepted, LOCATION
        )
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
                "The living guest sessions",
                self._list,
                {200: RouteResponse("A page of them.", SessionPage)},
                tag,
                query=SessionQuery,
            ),
            Route(
                "GET",
                one,
                "showSession",
                "One guest session, by id or name",
                self._show,
                {200: shown},
                tag,
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
            Session.of(self._fleet.view(session_id)),
            201,
            {"Location": f"/v1/sessions/{session_id}"},
        )

    def _guest_of(self, call: ApiCall[OpenQuery, OpenSession]) -> OpenGuest:
        body = call.body
        name = body.name or _name_by_key(call) or f"guest-{self._draw_id()[:8]}"
        return OpenGuest(name, body.email, body.attributes, body.metadata, body.duration_s or None)

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
        query = call.query
        if query.ended:
            return answer(await self._ended(query))
        views = [
            view
            for view in self._fleet.sessions()
            if (not query.state or view.state == query.state)
            and (not query.name or view.name == query.name)
        ]
        views.sort(key=lambda view: view.session_id)
        start = bisect_right(views, query.after, key=lambda view: view.session_id)
        page = views[start : start + query.limit]
        more = start + len(page) < len(views)
        found = SessionPage(
            sessions=[Session.of(view) for view in page],
            next=page[-1].session_id if more else None,
            total=len(views),
        )
        return answer(found)

    async def _ended(self, query: SessionQuery) -> SessionPage:
        views = [
            view
            for view in await self._fleet.ended(ENDED_MAX)
            if not query.name or view.name == query.name
        ]
        page = [Session.of(view) for view in views[: query.limit]]
        return SessionPage(sessions=page, next=None, total=len(views))

    async def _show(self, call: ApiCall[None, None]) -> web.StreamResponse:
        return answer(Session.of(self._fleet.view(session_of(self._fleet, call.part("session")))))

    async def _end(self, call: ApiCall[None, None]) -> web.StreamResponse:
        session_id = session_of(self._fleet, call.part("session"))
        command = End(call.idempotency_key or self._draw_id())
        return await accept(self._fleet, session_id, command, self._settings)


def _name_by_key(call: ApiCall[OpenQuery, OpenSession]) -> str:
    """The name of a session that was given none: made of key and body, so that the journal knows
    what they opened. "" without a key."""
    if not call.idempotency_key:
        return ""
    of_both = blake2b(digest_of_body(call.body) + call.idempotency_key.encode(), digest_size=8)
    return f"guest-{of_both.hexdigest()}"
