"""Where uploads go: files in a temporary folder, streamed, bounded."""

from __future__ import annotations

from pathlib import Path

from aiohttp import StreamReader

CHUNK_BYTES = 65_536


class TooLarge(ValueError):
    pass


class Storage:
    def __init__(self, folder: str, bytes_max: int) -> None:
        self._folder = Path(folder)
        self._bytes_max = bytes_max

    def path(self, secret_name: str) -> Path:
        """Names are drawn by the world, but a name from outside never leaves the folder."""
        return self._folder / secret_name.encode().hex()[:128]

    async def store(self, name: str, body: StreamReader) -> int:
        """Take the bytes as they come; returns how many. Raises TooLarge and keeps nothing."""
        size = 0
        path = self.path(name)
        with path.open("wb") as file:
            async for chunk in body.iter_chunked(CHUNK_BYTES):
                size += len(chunk)
                if size > self._bytes_max:
                    path.unlink(missing_ok=True)
                    raise TooLarge
                file.write(chunk)
        return size
