"""What the API says of itself: OpenAPI of the routes, AsyncAPI of both sockets. Each document is
written at the first request for it: that takes a quarter of a second."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from aiohttp import web

from .. import asyncapi
from ..problems import Problem
from .routes import ApiCall, Handle, Route, RouteResponse, encoded

Write = Callable[[], bytes]


class DescriptionRoutes:
    """`openapi` and `platform` write their documents; `platform` None: there is none."""

    def __init__(self, openapi: Write, platform: Write | None) -> None:
        self._openapi = openapi
        self._platform = platform

    def routes(self) -> list[Route]:
        return [
            _route(
                "/v1/openapi.json",
                "showDescription",
                "This description of the control API",
                self._openapi,
                "OpenAPI 3.1.",
            ),
            _route(
                "/v1/asyncapi.json",
                "showSimulatorSocket",
                "The simulator's socket: every frame",
                asyncapi.document,
                "AsyncAPI 3.0.",
            ),
            _route(
                "/v1/asyncapi-platform.json",
                "showPlatformSocket",
                "The platform's guest socket, as guestd and its emulator know it",
                self._platform or _not_there,
                "AsyncAPI 3.0.",
            ),
        ]


def _route(path: str, name: str, summary: str, write: Write, text: str) -> Route:
    outcomes = {200: RouteResponse(text, dict[str, object])}
    return Route("GET", path, name, summary, _answering(cache(write)), outcomes, "about")


def _answering(write: Write) -> Handle:
    async def answer(call: ApiCall[None, None]) -> web.StreamResponse:
        return encoded(write())

    return answer


def _not_there() -> bytes:
    raise Problem(404, "not_configured", "this daemon has no description of the platform's socket")
