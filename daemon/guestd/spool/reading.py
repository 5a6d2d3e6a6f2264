"""A copy as it is read for an upload.

What the system has in its cache is read at once; for the rest a thread goes to the disk, so that a
slow one stops no heartbeat."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

from ..model.errors import SpoolError

CHUNK_BYTES = 65_536


class OpenCopy:
    """The CopyReader port. Reading that was cancelled may leave a thread at work: it closes the
    file itself."""

    def __init__(self, path: str, size_bytes: int) -> None:
        self._path = path
        self._size_bytes = size_bytes
        self._file = -1
        self._work: asyncio.Future[bytes] | None = None
        self._loop = asyncio.get_running_loop()

    async def open(self) -> None:
        await self._in_thread(self._open)

    async def read(self, offset: int) -> bytes:
        chunk = bytearray(CHUNK_BYTES)
        try:
            size = os.preadv(self._file, [chunk], offset, os.RWF_NOWAIT)
        except OSError:  # not in the cache, or a file system that cannot tell
            return await self._in_thread(lambda: os.pread(self._file, CHUNK_BYTES, offset))
        return bytes(memoryview(chunk)[:size])

    def close(self) -> None:
        if self._work is not None and not self._work.done():
            self._work.add_done_callback(self._worked)
        else:
            self._close()

    async def _in_thread(self, work: Callable[[], bytes]) -> bytes:
        self._work = self._loop.run_in_executor(None, work)
        return await asyncio.shield(self._work)

    def _open(self) -> bytes:
        try:
            self._file = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError as error:
            raise SpoolError(
                f"our copy of the file is gone: {error.strerror}; send it again"
            ) from None
        found = os.fstat(self._file).st_size
        if found != self._size_bytes:
            raise SpoolError(
                f"our copy of the file has {found} bytes, not {self._size_bytes}; send it again"
            )
        return b""

    def _worked(self, work: asyncio.Future[bytes]) -> None:
        if not work.cancelled():
            work.exception()  # taken, so that an error without a waiter is not a warning
        self._close()

    def _close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


async def open_copy(path: str, size_bytes: int) -> OpenCopy:
    """Raises SpoolError if the copy is not there, or is not of `size_bytes`."""
    copy = OpenCopy(path, size_bytes)
    try:
        await copy.open()
    except BaseException:
        copy.close()
        raise
    return copy
