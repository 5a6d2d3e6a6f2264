"""The port of `spool/`: file copies on disk, as the layers above see them."""

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


class FileSpool(Protocol):
    async def spool(self, chunks: AsyncIterator[bytes], limit_bytes: int | None = None) -> FileCopy:
        """Write what comes. Raises CommandError `too_large`, Overloaded, or SpoolError when the
        disk fails; leaves nothing behind then."""
        ...
