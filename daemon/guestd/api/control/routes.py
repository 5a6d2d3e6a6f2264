"""A route: path, request and response models, handler. The table of routes is also the OpenAPI
document."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import orjson
from aiohttp import web
from pydantic import BaseModel

Query = TypeVar("Query")
Body = TypeVar("Body")


@dataclass(slots=True, frozen=True)
class ApiCall(Generic[Query, Body]):
    """A request, authenticated and parsed. `idempotency_key` is the header of that name, or ""."""

    request: web.Request
    query: Query
    body: Body
    idempotency_key: str = ""

    def part(self, name: str) -> str:
        """A part of the path, decoded."""
        return self.request.match_info[name]


Handle = Callable[[ApiCall[Any, Any]], Awaitable[web.StreamResponse]]


@dataclass(slots=True, frozen=True)
class RouteResponse:
    """One successful response of a route. `model` None: no body. `media`: other forms of it, by
    media type, in words."""

    text: str
    model: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    media: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True, frozen=True)
class Route:
    """`name` is the operation's id in the OpenAPI document; `problems` those beyond what every
    route may answer.

    `shown_body`: what the document says of the body, where the handler's port does the checking.
    `streams`: the handler reads the body itself, whose media types are the keys. `long`: does not
    count as a request in progress, because it has a bound of its own. `keyed`: it may have an
    Idempotency-Key; `remembers`: whose answer is remembered, because it is no command's id.
    `public`: no token is asked for."""

    method: str
    path: str
    name: str
    summary: str
    handle: Handle
    outcomes: Mapping[int, RouteResponse]
    tag: str
    query: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    shown_body: type[BaseModel] | None = None
    problems: tuple[int, ...] = ()
    keyed: bool = False
    remembers: bool = False
    streams: Mapping[str, Any] = field(default_factory=dict)
    long: bool = False
    public: bool = False


def answer(
    model: BaseModel | Mapping[str, Any],
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """A success as JSON."""
    found = model.model_dump(mode="json") if isinstance(model, BaseModel) else model
    return encoded(orjson.dumps(found), status, headers)


def encoded(
    body: bytes, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    return web.Response(body=body, status=status, headers=headers, content_type="application/json")
