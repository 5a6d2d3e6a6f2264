"""Uploaded files in a temporary directory: streamed and bounded."""

from __future__ import annotations

import hashlib
from pathlib import Path

from aiohttp import StreamReader

CHUNK_BYTES = 65_536


class UploadTooLarge(ValueError):
    pass


class UploadStorage:
    def __init__(self, folder: str, bytes_max: int) -> None:
        self._folder = Path(folder)
        self.bytes_max = bytes_max

    def path(self, secret_name: str) -> Path:
        """Names are drawn by the world, but a name from outside never leaves the folder."""
        return self._folder / secret_name.encode().hex()[:128]

    async def store(self, name: str, body: StreamReader) -> tuple[int, str]:
        """Store the bytes as they arrive; returns their number and SHA-256. Raises UploadTooLarge
        and keeps nothing.

        A file has its name only when it is whole, so that a broken upload leaves an earlier one as
        it was."""
        size, digest = 0, hashlib.sha256()
        path = self.path(name)
        half = path.with_suffix(f".{id(body):x}")
        try:
            with half.open("wb") as file:
                async for chunk in body.iter_chunked(CHUNK_BYTES):
                    size += len(chunk)
                    if size > self.bytes_max:
                        raise UploadTooLarge
                    digest.update(chunk)
                    file.write(chunk)
            half.rename(path)
        finally:
            half.unlink(missing_ok=True)
        return size, digest.hexdigest()

    def forget(self, name: str) -> None:
        self.path(name).unlink(missing_ok=True)
