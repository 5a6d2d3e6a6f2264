"""The HTTP side of the platform API. Every call is recorded, and may be changed by a fault."""

from __future__ import annotations

from functools import wraps
from typing import Any

from aiohttp import web

from ..core import storage_urls
from .calls import PlatformCall, PlatformRefusal
from .context import PlatformContext
from .deployments import DeploymentRoutes
from .fault_middleware import FaultMiddleware, Handler
from .history import HistoryRoutes
from .http_answers import bearer, body_of, problem, refused, to_json, url_asked
from .tokens import TokenRoutes
from .upload_routes import UploadRoutes

__all__ = ["platform_routes"]

VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def platform_routes(server: PlatformContext) -> list[web.RouteDef]:
    groups = (
        DeploymentRoutes(server),
        HistoryRoutes(server),
        TokenRoutes(server),
        UploadRoutes(server),
    )
    routes = [route for group in groups for route in group.routes()]
    for n, route in enumerate(server.platform_api.routes):
        routes.append(web.route(route.method, route.path, _handler(server, n)))
    routes += [
        web.route(verb, path, _method_not_allowed) for path, verb in _unsupported_verbs(server)
    ]
    routes.append(web.route("*", "/{tail:.*}", _path_not_found))
    faults = FaultMiddleware(server)
    wrapped = {  # most of them are one handler, of the verbs that are not allowed
        one: _recorded(server, faults.wrap(_with_own_host(server, _with_error_body(one))))
        for one in dict.fromkeys(route.handler for route in routes)
    }
    return [web.RouteDef(one.method, one.path, wrapped[one.handler], one.kwargs) for one in routes]


def _unsupported_verbs(server: PlatformContext) -> list[tuple[str, str]]:
    """(path, verb) of what the platform answers with 405."""
    routes = server.platform_api.routes
    served = {(route.path, route.method) for route in routes}
    paths = dict.fromkeys(route.path for route in routes)
    return [(path, verb) for path in paths for verb in VERBS if (path, verb) not in served]


def _handler(server: PlatformContext, n: int) -> Handler:
    """The handler of route `n`. A reset of the emulator replaces the API, so it is looked up at
    each call."""

    async def handle(request: web.Request) -> web.StreamResponse:
        body = await body_of(request)
        key = request.headers.get("Idempotency-Key", "")
        call = PlatformCall(server.now(), body, request.match_info, request.query, key=key)
        api = server.platform_api
        answer = api.handle(api.routes[n], bearer(request), request.path_qs, call)
        server.perform(answer.effects)
        response = (
            to_json(answer.body, answer.status)
            if answer.body is not None
            else web.Response(status=answer.status)
        )
        response.headers.update(answer.headers)
        return response

    return handle


def _with_error_body(handler: Any) -> Handler:
    """A refusal becomes the platform's error body."""

    @wraps(handler)
    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            found: web.StreamResponse = await handler(request)
        except PlatformRefusal as refusal:
            return refused(refusal)
        return found

    return answer


def _with_own_host(server: PlatformContext, handler: Handler) -> Handler:
    """URLs of files have the host that this caller asked."""

    @wraps(handler)
    async def answer(request: web.Request) -> web.StreamResponse:
        found = await handler(request)
        if isinstance(found, web.Response) and isinstance(found.body, bytes):
            bound = server.world.base_url
            base = url_asked(server, request)
            body = storage_urls.with_base(found.body, bound, base)
            if body is not found.body:
                found.body = body
        return found

    return answer


def _recorded(server: PlatformContext, handler: Handler) -> Handler:
    @wraps(handler)
    async def answer(request: web.Request) -> web.StreamResponse:
        server.counters["rest_calls"] += 1
        key = request.headers.get("Idempotency-Key")
        noted = f"{request.method} {request.path}" + (f" Idempotency-Key: {key}" if key else "")
        server.record("rest", "", noted.encode(), server.now())
        found = await handler(request)
        if not found.prepared:
            found.headers["ININ-Correlation-Id"] = f"emulator-{server.counters['rest_calls']}"
        return found

    return answer


async def _path_not_found(request: web.Request) -> web.Response:
    """In the platform's words for an unknown path; for a missing resource it names the resource."""
    return problem(404, "not found", "HTTP 404 Not Found")


async def _method_not_allowed(request: web.Request) -> web.Response:
    return problem(405, "method not allowed", "HTTP 405 Method Not Allowed")
