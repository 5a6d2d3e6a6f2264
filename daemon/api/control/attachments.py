"""Files (SOCK-6): streamed from the request to our own copy on disk, whatever their size; then one command like any other.

POST …/attachments            multipart/form-data: `file`, and beside it `caption` and `command_id` if wanted
POST …/attachments?filename=  any other media type: the body is the file
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from aiohttp import BodyPartReader, MultipartReader, web
from pydantic import Field

from ...model.commands import Attach
from ...model.ports import Fleet
from ..problems import Problem
from .addressing import session_of
from .commands import LOCATION, accept, key_of
from .reading import KEY_PATTERN
from .routes import Call, Outcome, Route
from .settings import ControlSettings
from .shapes import Accepted, Query

CHUNK_BYTES = 65_536

#: A caption or an id; a caption's true limit is the guest session's own.
FIELD_BYTES_MAX = 16_384

_FORM = {
    "type": "object",
    "required": ["file"],
    "properties": {
        "file": {"type": "string", "format": "binary"},
        "caption": {"type": "string"},
        "command_id": {"type": "string"},
    },
}


class SpooledFile(Protocol):
    @property
    def path(self) -> Path: ...

    @property
    def size_bytes(self) -> int: ...


class Spooling(Protocol):
    """Where our copy is written. Raises CommandError `too_large`, Overloaded, or the disk's own error; leaves nothing then."""

    async def spool(self, chunks: AsyncIterator[bytes], limit_bytes: int | None = None) -> SpooledFile: ...


class AttachmentQuery(Query):
    filename: str = Field(default="", max_length=1024, description="The file's name, if the body is the file itself.")
    caption: str = Field(default="", max_length=4096, description="The text that goes with it.")


@dataclass(slots=True)
class File:
    """What came: its copy, and what was said about it."""

    name: str
    content_type: str
    caption: str = ""
    command_id: str = ""
    copy: SpooledFile | None = None


class Attachments:
    def __init__(
        self, fleet: Fleet, spool: Spooling | None, settings: ControlSettings, draw_id: Callable[[], str]
    ) -> None:
        self._fleet = fleet
        self._spool = spool
        self._settings = settings
        self._draw_id = draw_id
        self._in_progress = 0

    def routes(self) -> list[Route]:
        return [
            Route(
                "POST",
                "/v1/sessions/{session}/attachments",
                "sendAttachment",
                "Send a file (SOCK-6)",
                self._send,
                {202: Outcome("Our copy is whole, and the command durable.", Accepted, LOCATION)},
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

    async def _send(self, call: Call[AttachmentQuery, None]) -> web.StreamResponse:
        session_id = session_of(self._fleet, call.part("session"))
        self._fleet.view(session_id)  # NotFound, before anything is read
        if self._in_progress >= self._settings.uploads_max:
            detail = f"{self._settings.uploads_max} files are on their way already (api.uploads_max)"
            raise Problem(503, "overloaded", detail, retry_after_s=5.0)
        self._in_progress += 1
        try:
            file = await self._received(call)
        finally:
            self._in_progress -= 1
        assert file.copy is not None
        what = file.name, file.content_type, file.copy.size_bytes, str(file.copy.path), file.caption
        return await accept(self._fleet, session_id, Attach(file.command_id, *what), self._settings)

    async def _received(self, call: Call[AttachmentQuery, None]) -> File:
        if self._spool is None:
            raise Problem(404, "not_configured", "this daemon keeps no files")
        request, query = call.request, call.query
        if request.content_type == "multipart/form-data":
            file = await self._from_form(request, query)
        else:
            if not query.filename:
                raise Problem(422, "invalid", "is missing; name the file", field="query.filename")
            file = File(query.filename, request.content_type, query.caption)
            file.copy = await self._spool.spool(self._chunks(request.content.readany))
        try:
            file.command_id = key_of(call, file.command_id) or self._draw_id()
        except Problem:
            await _drop(file)
            raise
        return file

    async def _from_form(self, request: web.Request, query: AttachmentQuery) -> File:
        """The parts in any order; anything but what we know is refused, and so is a second file."""
        file = File(query.filename, "application/octet-stream", query.caption)
        try:
            reader = await request.multipart()
            while (part := await self._in_time(reader.next())) is not None:
                await self._take_part(file, part)
            if file.copy is None:
                raise Problem(422, "invalid", "the form has no file", field="file")
        except ValueError:
            await _drop(file)
            raise Problem(400, "bad_form", "the body is no multipart form, or breaks off") from None
        except BaseException:
            await _drop(file)
            raise
        return file

    async def _take_part(self, file: File, part: MultipartReader | BodyPartReader) -> None:
        name = part.name if isinstance(part, BodyPartReader) else None
        if isinstance(part, BodyPartReader) and name == "file" and file.copy is None:
            file.name = file.name or part.filename or ""
            file.content_type = part.headers.get("Content-Type", file.content_type)
            if not file.name:
                raise Problem(422, "invalid", "the file has no name; give filename", field="file")
            assert self._spool is not None
            file.copy = await self._spool.spool(self._chunks(lambda: part.read_chunk(CHUNK_BYTES)))
        elif isinstance(part, BodyPartReader) and name == "caption":
            file.caption = await self._short_text(part, "caption")
        elif isinstance(part, BodyPartReader) and name == "command_id":
            file.command_id = await self._short_text(part, "command_id")
            if not KEY_PATTERN.match(file.command_id):
                raise Problem(422, "invalid", "is 1 to 128 letters, digits and . _ ~ : @ + -", field="command_id")
        else:
            raise Problem(
                422, "invalid", "a form has one file, and caption and command_id if wanted", field=name or "form"
            )

    async def _short_text(self, part: BodyPartReader, name: str) -> str:
        held = b""
        async for chunk in self._chunks(lambda: part.read_chunk(CHUNK_BYTES)):
            held += chunk
            if len(held) > FIELD_BYTES_MAX:
                raise Problem(413, "too_large", f"has more than {FIELD_BYTES_MAX} bytes", field=name)
        try:
            return held.decode()
        except UnicodeDecodeError:
            raise Problem(422, "invalid", "is not UTF-8 text", field=name) from None

    async def _chunks(self, read: Callable[[], Awaitable[bytes]]) -> AsyncIterator[bytes]:
        while chunk := await self._in_time(read()):
            yield chunk

    async def _in_time(self, reading: Awaitable[Any]) -> Any:
        """A body may be as long as it likes, but not pause for ever."""
        try:
            async with asyncio.timeout(self._settings.body_timeout_s):
                return await reading
        except TimeoutError:
            raise Problem(408, "timeout", "the file did not go on in time") from None


async def _drop(file: File) -> None:
    """A copy that no command is given for."""
    if file.copy is not None:
        await asyncio.to_thread(file.copy.path.unlink, missing_ok=True)
