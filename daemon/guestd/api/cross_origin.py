"""CORS: what a browser needs so that a page of another origin may read an answer.

guestd serves the console and no other page, so every other page is of another origin. `OriginCheck`
decides which may ask, and has decided before anything here is used; those may read as well. Cookies
play no part in the API, so credentials are never allowed, and a token comes in the Authorization
header. A preflight cannot carry that header: it is answered before the token is asked for, and
tells nothing that the documentation does not.

Every answer says `Vary: Origin`, also one without an Origin: a cache must not give it to a page."""

from __future__ import annotations

from aiohttp import web

from .control.route_table import PREFIX
from .emulator_routes import PREFIX as EMULATOR_PREFIX

#: What pages may read beside /v1.
HEALTH_PATHS = ("/readyz", "/healthz", "/livez")
CLIENT_PATHS = ("/client.js", "/client.d.ts")

METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE"
#: `*` does not include Authorization; the others are named for browsers that do not know `*`.
HEADERS = "Authorization, Content-Type, Idempotency-Key, Last-Event-ID, *"
EXPOSED = "Location, Retry-After, WWW-Authenticate, Allow"

#: A change of the configuration is seen this soon by pages that are open.
PREFLIGHT_LIFE_S = 600

_MAY_READ = web.RequestKey("may_read", bool)


def preflight(request: web.Request) -> web.Response | None:
    """The answer to an allowed page's preflight; None if the request is none."""
    headers = request.headers
    if (
        request.method != "OPTIONS"
        or "Origin" not in headers
        or "Access-Control-Request-Method" not in headers
        or not _is_for_pages(request.path)
    ):
        return None
    answer = {
        "Access-Control-Allow-Methods": METHODS,
        "Access-Control-Allow-Headers": HEADERS,
        "Access-Control-Max-Age": str(PREFLIGHT_LIFE_S),
        "Vary": "Access-Control-Request-Method, Access-Control-Request-Headers",
    }
    if headers.get("Access-Control-Request-Private-Network") == "true":
        answer["Access-Control-Allow-Private-Network"] = "true"
    return web.Response(status=204, headers=answer)


def allow(request: web.Request) -> None:
    """The page that sends this request may read the answer."""
    request[_MAY_READ] = True


async def add_headers(request: web.Request, answer: web.StreamResponse) -> None:
    """For `on_response_prepare`, which sees every answer before its head is written: errors and
    streams too."""
    if not _is_for_pages(request.path):
        return
    varies = answer.headers.get("Vary")
    answer.headers["Vary"] = f"Origin, {varies}" if varies else "Origin"
    origin = request.headers.get("Origin")
    if origin is not None and request.get(_MAY_READ):
        answer.headers["Access-Control-Allow-Origin"] = origin
        answer.headers["Access-Control-Expose-Headers"] = EXPOSED


def _is_for_pages(path: str) -> bool:
    return (
        path.startswith((PREFIX, EMULATOR_PREFIX)) or path in HEALTH_PATHS or path in CLIENT_PATHS
    )
