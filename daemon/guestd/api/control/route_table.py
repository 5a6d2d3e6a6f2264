"""The routes of an HTTP port: what every request passes before its handler, and how errors are
answered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from aiohttp import web

from ...observe.metrics import Metrics
from ..callers import caller_of
from ..problems import problem_of
from ..settings import ApiSettings
from .bearer_auth import BearerAuth
from .body_reader import BodyReader
from .concurrency import ConcurrencyLimit
from .idempotency import IdempotentAnswers
from .parsing import parse
from .routes import Route
from .watch import TRUSTED

PREFIX = "/v1/"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class RouteTable:
    """`add_to` an application; `guard` every request under PREFIX."""

    def __init__(self, routes: Sequence[Route], settings: ApiSettings, metrics: Metrics) -> None:
        self._routes = routes
        self._metrics = metrics
        self._bearer_auth = BearerAuth(settings)
        self._bodies = BodyReader(settings, metrics)
        self._answers = IdempotentAnswers()
        self._requests = ConcurrencyLimit(
            settings.requests_max,
            settings.requests_per_address_max,
            metrics,
            "api.requests_max",
            "requests are in progress",
        )
        self._public = {(one.method, one.path) for one in routes if one.public}

    def add_to(self, app: web.Application) -> None:
        for route in self._routes:
            app.router.add_route(route.method, route.path, self._handler(route))

    async def guard(
        self, request: web.Request, handler: Handler, trusted: bool
    ) -> web.StreamResponse:
        """Turns every error into a problem document."""
        try:
            request[TRUSTED] = trusted
            if not trusted and (request.method, request.path) not in self._public:
                self._bearer_auth.check(request)
            found = await handler(request)
        except ConnectionResetError:
            raise  # the client has disconnected
        except Exception as error:
            found = problem_of(error).answer(request.path)
        if found.status == 500:
            self._metrics.http_internal_errors += 1
        counts = self._metrics.control_answers
        counts[str(found.status)] = counts.get(str(found.status), 0) + 1
        return found

    def _handler(self, route: Route) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            call = await parse(request, route, self._bodies)
            if route.long:
                return await route.handle(call)
            with self._requests.taken(caller_of(request)):
                if route.remembers and call.idempotency_key:
                    return await self._answers.once(route, call, lambda: route.handle(call))
                return await route.handle(call)

        return handle
