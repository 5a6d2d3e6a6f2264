"""The console's files where the control API is, the JavaScript client where the simulator is."""

from __future__ import annotations

from aiohttp import web

from ..console.page_files import CLIENT, CLIENT_TYPES
from ..console.page_server import FOLDER, file, serve_file
from .cross_origin import CLIENT_PATHS

FILE_PREFIX = f"/{FOLDER}"

CLIENT_FILES = dict(zip(CLIENT_PATHS, (CLIENT, CLIENT_TYPES), strict=True))


def console_routes() -> list[web.RouteDef]:
    """All but the page itself, which shares `/` with the simulator."""
    return [
        web.get("/console", _to_page),
        web.get(f"{FILE_PREFIX}{{name:.+}}", serve_file),
    ]


def client_routes() -> list[web.RouteDef]:
    return [web.get(path, _client) for path in CLIENT_FILES]


def is_console(path: str) -> bool:
    """Whether it is the path of one of these files."""
    return path.startswith(FILE_PREFIX) or path in CLIENT_FILES


async def _client(request: web.Request) -> web.StreamResponse:
    return file(request, CLIENT_FILES[request.path])


async def _to_page(request: web.Request) -> web.StreamResponse:
    """What people type; relative, because a proxy may have put a prefix before the path."""
    return web.Response(status=302, headers={"Location": "./"})
