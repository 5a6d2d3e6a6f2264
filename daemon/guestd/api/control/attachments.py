"""Files (SOCK-6): streamed from the request to a copy on disk, whatever their size; then a command
like any other.

POST …/attachments            multipart/form-data: `file`, optional `caption`, `command_id`
POST …/attachments?filename=  any other media type: the body is the file

A file that the guest session will not take is refused by its Content-Length, before it has come: a
page reads that at once, and needs not send the rest.
"""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from aiohttp import (
    BadContentDispositionHeader,
    BadContentDispositionParam,
    BodyPartReader,
    MultipartReader,
    web,
)
from pydantic import Field

from ...model.commands import Attach
from ...model.file_spool import FileCopy, FileSpool
from ...model.ids import is_command_id
from ...model.ports import Fleet
from ...observe.metrics import Metrics
from ..callers import caller_of
from ..media_type import media_type_of
from ..problems import Problem
from ..settings import ApiSettings
from .body_reader import UNREADABLE
from .commands import LOCATION, accept, key_of
from .concurrency import ConcurrencyLimit
from .ended_sessions import living
from .lookup import session_of
from .routes import ApiCall, Route, RouteResponse
from .schemas import CommandAccepted, QueryParameters, WhenDownField

T = TypeVar("T")

# aiohttp warns of a part's wrong Content-Disposition with its text, which must not be logged; here
# it is a part without a name.
warnings.filterwarnings("ignore", category=BadContentDispositionHeader)
warnings.filterwarnings("ignore", category=BadContentDispositionParam)

CHUNK_BYTES = 65_536

#: A caption or an id; a caption's true limit is the guest session's own.
FIELD_BYTES_MAX = 16_384

#: What a form may have beside its file: the other fields, their heads and its boundaries.
FORM_BYTES_MAX = 4 * FIELD_BYTES_MAX

_FORM = {
    "type": "object",
    "required": ["file"],
    "properties": {
        "file": {"type": "string", "format": "binary"},
        "caption": {"type": "string"},
        "command_id": {"type": "string"},
    },
}

FORM_FIELDS = ("file", "caption", "command_id")


class AttachmentQuery(QueryParameters):
    filename: str = Field(
        default="", max_length=1024, description="The file's name, if the body is the file itself."
    )
    caption: str = Field(default="", max_length=4096, description="The text that goes with it.")
    when_down: WhenDownField = None


@dataclass(slots=True)
class ReceivedFile:
    """The uploaded file: its copy, and what the request says about it."""

    name: str
    content_type: str
    caption: str = ""
    command_id: str = ""
    copy: FileCopy | None = None


class AttachmentRoutes:
    def __init__(
        self,
        fleet: Fleet,
        spool: FileSpool | None,
        settings: ApiSettings,
        draw_id: Callable[[], str],
        metrics: Metrics,
    ) -> None:
        self._fleet = fleet
        self._spool = spool
        self._settings = settings
        self._draw_id = draw_id
        self._metrics = metrics
        self._uploads = ConcurrencyLimit(
            settings.uploads_max,
            settings.uploads_per_address_max,
            metrics,
            "api.uploads_max",
            "files are being uploaded already",
            retry_after_s=5.0,
        )

    def routes(self) -> list[Route]:
        return [
            Route(
                "POST",
                "/v1/sessions/{session}/attachments",
                "sendAttachment",
                "Send a file",
                self._send,
                {
                    202: RouteResponse(
                        "Our copy is whole, and the command durable.", CommandAccepted, LOCATION
                    )
                },
                "messages",
                query=AttachmentQuery,
                problems=(409,),
                keyed=True,
                streams={
                    "multipart/form-data": _FORM,
                    "application/octet-stream": {"type": "string", "format": "binary"},
                },
                long=True,
            )
        ]

    async def _send(self, call: ApiCall[AttachmentQuery, None]) -> web.StreamResponse:
        session_id = session_of(self._fleet, call.part("session"))
        limit = (await living(self._fleet, session_id)).file_bytes_max  # before anything is read
        _check_announced(call.request, limit)
        with self._uploads.taken(caller_of(call.request)):
            file = await self._received(call, limit)
        assert file.copy is not None
        command = Attach(
            file.command_id,
            file.name,
            file.content_type,
            file.copy.size_bytes,
            str(file.copy.path),
            file.caption,
            call.query.when_down or "",
            file.copy.sha256,
        )
        return await accept(self._fleet, session_id, command, self._settings)

    async def _received(self, call: ApiCall[AttachmentQuery, None], limit: int) -> ReceivedFile:
        """`limit` 0: the guest session says itself why it takes no file."""
        if self._spool is None:
            raise Problem(404, "not_configured", "this daemon does not accept files")
        request, query = call.request, call.query
        media_type = media_type_of(request)
        if media_type == "multipart/form-data":
            file = await self._from_form(request, query, limit)
        else:
            if not query.filename:
                raise Problem(
                    422,
                    "invalid",
                    "query.filename: is missing; name the file",
                    field="query.filename",
                )
            file = ReceivedFile(query.filename, media_type, query.caption)
            chunks = self._chunks(request.content.readany)
            file.copy = await self._spool.spool(chunks, limit or None)
        try:
            file.command_id = key_of(call, file.command_id) or self._draw_id()
        except Problem:
            self._drop(file)
            raise
        return file

    async def _from_form(
        self, request: web.Request, query: AttachmentQuery, limit: int
    ) -> ReceivedFile:
        """The parts in any order; an unknown part or a second file is refused."""
        if query.filename:
            field = "query.filename"
            detail = f"{field}: a form names its file itself; give it there, as the part's filename"
            raise Problem(422, "invalid", detail, field=field)
        file = ReceivedFile("", "application/octet-stream", query.caption)
        given: set[str] = set()
        try:
            reader = await _parsed(request.multipart())
            while (part := await self._in_time(_parsed(reader.next()))) is not None:
                await self._take_part(file, part, given, limit)
            if file.copy is None:
                raise Problem(422, "invalid", "the form has no file", field="file")
        except BaseException:
            self._drop(file)
            raise
        return file

    async def _take_part(
        self,
        file: ReceivedFile,
        part: MultipartReader | BodyPartReader,
        given: set[str],
        limit: int,
    ) -> None:
        name = part.name if isinstance(part, BodyPartReader) else None
        if not isinstance(part, BodyPartReader) or name is None or name not in FORM_FIELDS:
            where = _shown(name) or "form"
            raise Problem(
                422,
                "invalid",
                "expected one file part and optional caption and command_id",
                field=where,
            )
        if name in given:
            raise Problem(422, "invalid", f"{name}: is given twice; give it once", field=name)
        given.add(name)
        _check_encoding(part, name)
        if name == "file":
            await self._take_file(file, part, limit)
        elif name == "caption":
            file.caption = await self._short_text(part, "caption")
        else:
            file.command_id = await self._short_text(part, "command_id")
            if not is_command_id(file.command_id):
                raise Problem(
                    422,
                    "invalid",
                    "command_id: must be 1 to 128 letters, digits and . _ ~ : @ + -",
                    field="command_id",
                )

    async def _take_file(self, file: ReceivedFile, part: BodyPartReader, limit: int) -> None:
        file.name = file.name or part.filename or ""
        file.content_type = part.headers.get("Content-Type", file.content_type)
        if not file.name:
            raise Problem(
                422, "invalid", "file: has no name; give the part a filename", field="file"
            )
        assert self._spool is not None
        file.copy = await self._spool.spool(
            self._chunks(lambda: _parsed(part.read_chunk(CHUNK_BYTES))), limit or None
        )

    def _drop(self, file: ReceivedFile) -> None:
        """A copy that no command is given for."""
        if self._spool is not None and file.copy is not None:
            self._spool.discard(str(file.copy.path))

    async def _short_text(self, part: BodyPartReader, name: str) -> str:
        held = b""
        async for chunk in self._chunks(lambda: _parsed(part.read_chunk(CHUNK_BYTES))):
            held += chunk
            if len(held) > FIELD_BYTES_MAX:
                raise Problem(
                    413, "too_large", f"{name}: has more than {FIELD_BYTES_MAX} bytes", field=name
                )
        try:
            return held.decode()
        except UnicodeDecodeError:
            raise Problem(422, "invalid", f"{name}: is not UTF-8 text", field=name) from None

    async def _chunks(self, read: Callable[[], Awaitable[bytes]]) -> AsyncIterator[bytes]:
        """Raises Problem 408 when the chunks pause too long, or arrive below the minimum rate."""
        loop = asyncio.get_running_loop()
        started, size_bytes = loop.time(), 0
        while chunk := await self._in_time(read()):
            size_bytes += len(chunk)
            allowed_s = (
                self._settings.body_timeout_s + size_bytes / self._settings.upload_bytes_per_s_min
            )
            if loop.time() - started > allowed_s:
                raise self._too_slow()
            yield chunk

    async def _in_time(self, reading: Awaitable[Any]) -> Any:
        """A body may be long, but not pause for longer than `body_timeout_s`."""
        try:
            async with asyncio.timeout(self._settings.body_timeout_s):
                return await reading
        except TimeoutError:
            raise self._too_slow() from None
        except UNREADABLE:
            raise Problem(
                400, "bad_request", "the body does not match its headers, or is cut off"
            ) from None

    def _too_slow(self) -> Problem:
        self._metrics.count_http_refused("body_timeout_s")
        return Problem(408, "timeout", "the file arrived too slowly; send it again")


def _check_announced(request: web.Request, limit: int) -> None:
    """By the Content-Length. Raises Problem 413."""
    is_form = media_type_of(request) == "multipart/form-data"
    announced = (request.content_length or 0) - (FORM_BYTES_MAX if is_form else 0)
    if limit and announced > limit:
        size = f"{'more than ' if is_form else ''}{announced} bytes"
        detail = f"the file has {size}, the limit is {limit}; send a smaller one"
        raise Problem(413, "too_large", detail, field="file")


async def _parsed(reading: Awaitable[T]) -> T:
    """Reads a part of a form. Whatever aiohttp's parser raises, even an assertion, is an error in
    the form."""
    try:
        return await reading
    except (ConnectionError, web.RequestPayloadError):
        raise
    except Exception:
        detail = (
            "the body is not a multipart form, or breaks off; send it with a boundary, and end it"
            " with one"
        )
        raise Problem(400, "bad_form", detail) from None


def _check_encoding(part: BodyPartReader, name: str) -> None:
    """RFC 7578 §4.7: senders do not use a transfer encoding, and to keep the encoded bytes as the
    file would be wrong."""
    encoding = part.headers.get("Content-Transfer-Encoding", "binary").strip().lower()
    if encoding not in ("binary", "8bit", "7bit"):
        detail = f"{name}: has a Content-Transfer-Encoding; send the bytes themselves, without one"
        raise Problem(415, "unsupported_media_type", detail, field=name)


def _shown(name: str | None) -> str:
    """A name from outside, as an answer may repeat it."""
    return "".join(char if char.isprintable() else "?" for char in (name or "")[:100])
