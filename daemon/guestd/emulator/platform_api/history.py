"""A guest's history (protocol §11.1)."""

from __future__ import annotations

from math import ceil

from aiohttp import web

from ...policy.buckets import SlidingCount
from .context import PlatformContext
from .http_answers import bearer, problem


class HistoryRoutes:
    def __init__(self, server: PlatformContext) -> None:
        self._server = server

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/api/v2/webmessaging/messages", self.history)]

    async def history(self, request: web.Request) -> web.Response:
        world, now = self._server.world, self._server.now()
        session = world.session_of_jwt(bearer(request), now)
        if session is None:
            return problem(401, "authentication.required", "No valid JWT; ask for one with getJwt")
        limit = world.limits.history_per_session_per_minute
        if limit is not None and world.limits.strict:
            session.history = session.history or SlidingCount(limit, 60.0)
            if not session.history.take(now):
                wait_s = ceil(session.history.ready_at(now) - now)
                return problem(
                    429,
                    "too.many.requests",
                    "Too many history requests",
                    {"Retry-After": str(wait_s)},
                )
        try:
            number = int(request.query.get("pageNumber", "1"))
            size = int(request.query.get("pageSize", "25"))
        except ValueError:
            return problem(400, "bad.request", "pageNumber and pageSize are whole numbers")
        if number < 1 or not 1 <= size <= 500:
            return problem(400, "bad.request", "pageNumber starts at 1, pageSize is 1 to 500")
        page = world.history(session, number, size)
        if self._server.faults.pick("history", session.token, now) is not None:
            page = {**page, "entities": []}
        return web.json_response(page)
