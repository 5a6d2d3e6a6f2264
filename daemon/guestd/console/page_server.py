"""Answers with the files of the page.

Each answer says what the page may do: load scripts, styles and data from where it came from, and
nothing else; show images that it made itself; not be framed. Under `require-trusted-types-for` with
no policy, no script of it can turn a text into markup, whatever a guest or an agent writes."""

from __future__ import annotations

from aiohttp import ETag, web

from .page_files import INDEX, PageFile, page_files

#: Of the page's files below where it is served: `/console/main.js`, `/__emulator/console/main.js`.
FOLDER = "console/"

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "connect-src 'self'",  # the socket too
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)

HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}


def wants_page(request: web.Request) -> bool:
    """Whether it is a browser that asks for something to show; `*/*` is any program."""
    return any(
        part.split(";", 1)[0].strip().lower() == "text/html"
        for part in request.headers.get("Accept", "").split(",")
    )


def page(request: web.Request) -> web.Response:
    """The page itself. Where it is served depends on the request's Accept."""
    answer = file(request, INDEX)
    answer.headers["Vary"] = "Accept"
    return answer


def file(request: web.Request, name: str) -> web.Response:
    """The file of that path below `page/`: 200, 304 if the client has it, or 404."""
    found = page_files().get(name)
    if found is None:
        return web.Response(status=404, text="the console has no such file\n", headers=HEADERS)
    answer = _not_modified() if _has(request, found) else _whole(found)
    answer.etag = found.etag
    return answer


async def serve_file(request: web.Request) -> web.StreamResponse:
    """For a route that ends with `{name:.+}`."""
    return file(request, request.match_info["name"])


def _has(request: web.Request, found: PageFile) -> bool:
    given = request.if_none_match or ()
    return any(one == ETag("*") or one.value == found.etag for one in given)


def _not_modified() -> web.Response:
    return web.Response(status=304, headers=HEADERS)


def _whole(found: PageFile) -> web.Response:
    return web.Response(body=found.body, headers={**HEADERS, "Content-Type": found.content_type})
