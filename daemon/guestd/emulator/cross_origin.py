"""CORS of the emulator: the platform's own API is for every page, as the real one's public
endpoints are; `/__emulator/` only for pages that its guard lets in (`admin/guard.py`).

Never with credentials: what a caller may do is in its token or in the URL."""

from __future__ import annotations

from aiohttp import web

from .admin.routes import PREFIX

METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE"
#: `*` does not include Authorization; the others are named for browsers that do not know `*`.
HEADERS = "Authorization, Content-Type, Idempotency-Key, X-Amz-Tagging, *"
PREFLIGHT_LIFE_S = 600


def is_control(request: web.Request) -> bool:
    """By the route that was found, or by the path where a preflight leads elsewhere."""
    resource = request.match_info.route.resource
    named = resource is not None and resource.canonical.startswith(PREFIX)
    return named or request.path.startswith(PREFIX)


def preflight(request: web.Request) -> web.Response | None:
    """The answer to a preflight; None if the request is none."""
    headers = request.headers
    if request.method != "OPTIONS" or "Access-Control-Request-Method" not in headers:
        return None
    answer = {
        "Access-Control-Allow-Methods": METHODS,
        "Access-Control-Allow-Headers": HEADERS,
        "Access-Control-Max-Age": str(PREFLIGHT_LIFE_S),
    }
    if headers.get("Access-Control-Request-Private-Network") == "true":
        answer["Access-Control-Allow-Private-Network"] = "true"
    return web.Response(status=204, headers=answer)


def add_headers(request: web.Request, answer: web.StreamResponse, is_refused: bool) -> None:
    """`is_refused`: the guard of the admin API says no to this request."""
    if not is_control(request):
        answer.headers["Access-Control-Allow-Origin"] = "*"
        answer.headers["Access-Control-Expose-Headers"] = "*"
        return
    answer.headers["Vary"] = "Origin"
    origin = request.headers.get("Origin")
    if origin is not None and not is_refused:
        answer.headers["Access-Control-Allow-Origin"] = origin
        answer.headers["Access-Control-Expose-Headers"] = "*"
