"""The routes of the admin API as a table: by it requests are served and checked, `GET /__emulator/`
lists them, and docs/emulator.md describes them.

A field or a query parameter that a route does not know is refused, so that a misspelt one is not
taken for a wish that was granted."""

from __future__ import annotations

import difflib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps

import orjson
from aiohttp import web

from ...console.page_server import FOLDER, page, serve_file, wants_page
from .requests import AdminRequestError, body_of

PREFIX = "/__emulator"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE")

#: Another word for a field, too far from it to be taken for a slip of the finger.
_MEANT = {"name": "guest", "session_id": "session", "message": "text"}

NOTE = "this is guestd's emulator, not the platform"


@dataclass(slots=True, frozen=True)
class AdminRoute:
    """`path` is below `/__emulator/`. `body` and `query` say what each field may be; None: the
    handler checks by itself."""

    method: str
    path: str
    summary: str
    handler: Handler
    body: Mapping[str, str] | None = field(default_factory=dict)
    query: Mapping[str, str] | None = field(default_factory=dict)
    body_example: str = ""

    def described(self) -> dict[str, object]:
        found: dict[str, object] = {
            "method": self.method,
            "path": f"{PREFIX}/{self.path}",
            "summary": self.summary,
        }
        if self.body:
            found["body"] = dict(self.body)
        elif self.body_example:
            found["body"] = self.body_example
        if self.query:
            found["query"] = dict(self.query)
        return found


def served(routes: Sequence[AdminRoute]) -> list[web.RouteDef]:
    """Those of the table, their index, and what is said to other verbs and paths."""
    found = [web.route(one.method, f"{PREFIX}/{one.path}", _checked(one)) for one in routes]
    for path in dict.fromkeys(one.path for one in routes):
        known = [one.method for one in routes if one.path == path]
        refuse = _other_verb(path, known)
        found += [
            web.route(verb, f"{PREFIX}/{path}", refuse) for verb in _VERBS if verb not in known
        ]
    index = _index(routes)
    found += [web.get(PREFIX, _to_page_or(index)), web.get(f"{PREFIX}/", _page_or(index))]
    found.append(web.get(f"{PREFIX}/{FOLDER}{{name:.+}}", serve_file))
    found.append(web.route("*", f"{PREFIX}/{{tail:.*}}", guarded(_no_route(routes))))
    return found


def guarded(handler: Handler) -> Handler:
    @wraps(handler)
    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except AdminRequestError as bad:
            return web.json_response(
                {"message": str(bad), "field": bad.field, "remedy": bad.remedy}, status=bad.status
            )

    return handle


def _checked(route: AdminRoute) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        if route.query is not None:
            _refuse_unknown(request.query, route.query, "this path has no query")
        if route.body is not None and route.method == "POST":
            _refuse_unknown(await body_of(request), route.body, "send {}")
        return await route.handler(request)

    return guarded(handle)


def _refuse_unknown(given: Mapping[str, object], known: Mapping[str, str], none: str) -> None:
    for name in given:
        if name not in known:
            other = [_MEANT[name]] if _MEANT.get(name) in known else []
            close = other or difflib.get_close_matches(name, known, 1)
            remedy = f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"
            raise AdminRequestError(name, f"{name} is unknown", remedy if known else none)


def _index(routes: Sequence[AdminRoute]) -> Handler:
    content = {
        "note": NOTE,
        "routes": [one.described() for one in routes],
        "documentation": "docs/emulator.md",
    }

    async def answer(request: web.Request) -> web.StreamResponse:
        text = orjson.dumps(content, option=orjson.OPT_INDENT_2) + b"\n"
        return web.Response(body=text, content_type="application/json")

    return answer


def _page_or(index: Handler) -> Handler:
    """The console in a browser, the list of routes for other programs."""

    async def answer(request: web.Request) -> web.StreamResponse:
        return page(request) if wants_page(request) else await index(request)

    return answer


def _to_page_or(index: Handler) -> Handler:
    """The page's own addresses are relative, and need the slash at the end."""

    async def answer(request: web.Request) -> web.StreamResponse:
        return to_page(request) if wants_page(request) else await index(request)

    return answer


def to_page(request: web.Request) -> web.Response:
    """To the console, relative: a proxy may have put a prefix before the path."""
    return web.Response(status=302, headers={"Location": f".{PREFIX}/", "Vary": "Accept"})


def _other_verb(path: str, known: Sequence[str]) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        words = f"{PREFIX}/{path} answers {', '.join(known)}, not {request.method}"
        return web.json_response(
            {"message": words, "field": "", "remedy": f"GET {PREFIX}/ lists the routes"},
            status=405,
            headers={"Allow": ", ".join(known)},
        )

    return answer


def _no_route(routes: Sequence[AdminRoute]) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        close = difflib.get_close_matches(request.match_info["tail"], [r.path for r in routes], 1)
        meant = f"did you mean {PREFIX}/{close[0]}? " if close else ""
        raise AdminRequestError(
            "", f"there is no {request.path}", f"{meant}GET {PREFIX}/ lists the routes", 404
        )

    return answer
