"""`/docs`: the page on which the control API is read and tried in a browser.

It is Swagger UI 5.35.0 (swagger-ui-dist of npm, Apache-2.0), unchanged, in `swagger-ui/`; nothing
comes from another host, and the browser is told to refuse what would. The page itself tells
nothing and asks for no token; where `api.token` is set it asks the person for it, to read
`/v1/openapi.json` with, and keeps it only as long as it is open."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web

HERE = Path(__file__).parent

#: By path: the file and its media type.
FILES = {
    "/docs": ("page.html", "text/html"),
    "/docs/page.js": ("page.js", "text/javascript"),
    "/docs/page.css": ("page.css", "text/css"),
    "/docs/swagger-ui.css": ("swagger-ui/swagger-ui.css", "text/css"),
    "/docs/swagger-ui-bundle.js": ("swagger-ui/swagger-ui-bundle.js", "text/javascript"),
}

#: Swagger UI writes styles into its elements and has its icons as data.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",  # asked again each time: not changed, or of the new version
}


def routes() -> list[web.RouteDef]:
    return [web.get(path, _serving(*found)) for path, found in FILES.items()]


def _serving(name: str, media_type: str) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def serve(request: web.Request) -> web.StreamResponse:
        headers = {**HEADERS, "Content-Type": f"{media_type}; charset=utf-8"}
        return web.FileResponse(HERE / name, headers=headers)

    return serve
