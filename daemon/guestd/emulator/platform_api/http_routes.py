"""The emulator's REST doors: thin, over the world and its office. Every call is noted and may meet
a mishap."""

from __future__ import annotations

from functools import wraps
from typing import Any

from aiohttp import web

from .calls import Call, Refusal
from .context import PlatformContext
from .deployments import DeploymentDoors
from .fault_middleware import Handler, Mishaps
from .history import HistoryDoor
from .http_answers import bearer, body_of, problem, refused, to_json
from .tokens import TokenDoors
from .upload_routes import StorageDoors

__all__ = ["rest_routes"]

VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def rest_routes(server: PlatformContext) -> list[web.RouteDef]:
    rooms = (
        DeploymentDoors(server),
        HistoryDoor(server),
        TokenDoors(server),
        StorageDoors(server),
    )
    routes = [route for room in rooms for route in room.routes()]
    for n, door in enumerate(server.platform_api.doors):
        routes.append(web.route(door.method, door.path, _platform(server, n)))
    routes += [web.route(verb, path, _no_such_verb) for path, verb in _verbs_without_a_door(server)]
    routes.append(web.route("*", "/{tail:.*}", _no_such_path))
    mishaps = Mishaps(server)
    return [
        web.RouteDef(
            one.method,
            one.path,
            _noted(server, mishaps.around(_mannered(one.handler))),
            one.kwargs,
        )
        for one in routes
    ]


def _verbs_without_a_door(server: PlatformContext) -> list[tuple[str, str]]:
    """(path, verb) of what the platform answers with 405."""
    doors = server.platform_api.doors
    served = {(door.path, door.method) for door in doors}
    paths = dict.fromkeys(door.path for door in doors)
    return [(path, verb) for path in paths for verb in VERBS if (path, verb) not in served]


def _platform(server: PlatformContext, n: int) -> Handler:
    """A door of the platform's own API. A reset of the emulator makes the office anew, so it is
    asked for at each call."""

    async def handle(request: web.Request) -> web.StreamResponse:
        body = await body_of(request)
        key = request.headers.get("Idempotency-Key", "")
        call = Call(server.now(), body, request.match_info, request.query, key=key)
        office = server.platform_api
        answer = office.serve(office.doors[n], bearer(request), request.path_qs, call)
        server.perform(answer.effects)
        told = (
            to_json(answer.body, answer.status)
            if answer.body is not None
            else web.Response(status=answer.status)
        )
        told.headers.update(answer.headers)
        return told

    return handle


def _mannered(handler: Any) -> Handler:
    """A refusal is told in the platform's shape."""

    @wraps(handler)
    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            found: web.StreamResponse = await handler(request)
        except Refusal as refusal:
            return refused(refusal)
        return found

    return answer


def _noted(server: PlatformContext, handler: Handler) -> Handler:
    @wraps(handler)
    async def answer(request: web.Request) -> web.StreamResponse:
        server.counters["rest_calls"] += 1
        key = request.headers.get("Idempotency-Key")
        noted = f"{request.method} {request.path}" + (f" Idempotency-Key: {key}" if key else "")
        server.record("rest", "", noted.encode())
        found = await handler(request)
        if not found.prepared:
            found.headers["ININ-Correlation-Id"] = f"emulator-{server.counters['rest_calls']}"
        return found

    return answer


async def _no_such_path(request: web.Request) -> web.Response:
    """As the platform says it: of a thing that is missing it would say which."""
    return problem(404, "not found", "HTTP 404 Not Found")


async def _no_such_verb(request: web.Request) -> web.Response:
    return problem(405, "method not allowed", "HTTP 405 Method Not Allowed")
