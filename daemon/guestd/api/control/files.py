"""A file of a conversation, fetched by guestd and streamed to the caller, so that a page needs to
talk to no other host.

The link lives for minutes and opens the file without a login; it is asked for anew each time, used
once and told to no one else. What comes is a download in every browser, whatever its type: it is
never shown as a page of this address."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from aiohttp import web

from ...model.commands import RenewDownloadLink
from ...model.ports import Download, Downloader, Fleet
from ..problems import Problem
from .lookup import give, session_of
from .routes import ApiCall, Route, RouteResponse

#: The platform takes files of some ten megabytes.
FILE_BYTES_MAX = 104_857_600
#: Files on their way at once; each holds a connection and a few chunks.
FILES_MAX = 32
#: The platform's answer is given up before (attachments.slot_timeout_s).
LINK_TIMEOUT_S = 60.0
#: A client that takes no chunk for so long is cut off.
WRITE_TIMEOUT_S = 30.0

MEDIA = "As a download; its Content-Type is the file's own, where the platform says one."

_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}", re.I)


class FileRoutes:
    def __init__(
        self, fleet: Fleet, downloader: Downloader | None, draw_id: Callable[[], str]
    ) -> None:
        self._fleet = fleet
        self._downloader = downloader
        self._draw_id = draw_id
        self._under_way = 0

    def routes(self) -> list[Route]:
        file = RouteResponse("The file's bytes.", media={"application/octet-stream": MEDIA})
        return [
            Route(
                "GET",
                "/v1/sessions/{session}/files/{attachment}",
                "readFile",
                "A file of the conversation, by its attachment id",
                self._read,
                {200: file},
                "messages",
                problems=(404, 409, 502),
                long=True,
            )
        ]

    async def _read(self, call: ApiCall[None, None]) -> web.StreamResponse:
        if self._downloader is None:
            raise Problem(404, "not_configured", "this daemon fetches no files")
        if self._under_way >= FILES_MAX:
            raise Problem(503, "overloaded", f"{FILES_MAX} files are on their way already")
        self._under_way += 1
        try:
            session_id = session_of(self._fleet, call.part("session"))
            command = RenewDownloadLink(self._draw_id(), call.part("attachment"))
            link = (await give(self._fleet, session_id, command, LINK_TIMEOUT_S)).result or {}
            async with self._downloader.open(str(link.get("url", ""))) as download:
                return await _streamed(call.request, link, download)
        finally:
            self._under_way -= 1


async def _streamed(
    request: web.Request, link: dict[str, Any], download: Download
) -> web.StreamResponse:
    if download.size_bytes is not None and download.size_bytes > FILE_BYTES_MAX:
        raise Problem(502, "too_large", f"the file has more than {FILE_BYTES_MAX} bytes")
    response = web.StreamResponse(headers=_headers(link))
    response.content_length = download.size_bytes
    sent = 0
    try:
        async for chunk in download.chunks:
            sent += len(chunk)
            if sent > FILE_BYTES_MAX:
                raise ConnectionError("more than any file")
            if not response.prepared:
                await response.prepare(request)
            async with asyncio.timeout(WRITE_TIMEOUT_S):
                await response.write(chunk)
                await request.writer.drain()
        if not response.prepared:
            await response.prepare(request)
        await response.write_eof()
    except Exception:
        if not response.prepared:
            raise
        if request.transport is not None:  # half a file: only a broken connection can say so
            request.transport.abort()
    return response


def _headers(link: dict[str, Any]) -> dict[str, str]:
    kind, name = str(link.get("content_type") or ""), str(link.get("filename") or "file")
    plain = re.sub(r"[^A-Za-z0-9._ -]", "_", name)[:100] or "file"
    return {
        "Content-Type": kind if _TYPE.fullmatch(kind) else "application/octet-stream",
        "Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''"
        + quote(name[:200].encode("utf-8", "replace"), safe=""),
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "private, no-store",
        "Referrer-Policy": "no-referrer",
    }
