"""The port of `spool/`: file copies on disk, as the other packages see them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol


class FileCopy(Protocol):
    """One whole copy; its path travels in the command that needs it."""

    @property
    def path(self) -> Path: ...

    @property
    def size_bytes(self) -> int: ...

    @property
    def sha256(self) -> str:
        """In hexadecimal."""
        ...


class CopyReader(Protocol):
    async def read(self, offset: int) -> bytes:
        """The next chunk; empty at the end. Raises OSError."""
        ...

    def close(self) -> None: ...


class CopyOpener(Protocol):
    async def __call__(self, path: str, size_bytes: int) -> CopyReader:
        """Raises SpoolError if the copy is not there, or is not of `size_bytes`."""
        ...


class FileSpool(Protocol):
    async def spool(self, chunks: AsyncIterator[bytes], limit_bytes: int | None = None) -> FileCopy:
        """Write what comes. Raises CommandError `too_large`, Overloaded, or SpoolError when the
        disk fails; leaves nothing behind then."""
        ...

    def discard(self, path: str) -> None:
        """Delete a copy, soon; a missing one is not an error."""
        ...
