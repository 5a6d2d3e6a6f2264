"""File copies that wait to be uploaded: on disk, private, bounded, and deleted when they are not
needed any more. Whatever opens, reads or deletes a copy does it here.

A file that came with a request is written here before its command is given; the command carries the
path, and from then on the guest session's machine says when the copy may go: refused, confirmed,
failed, or given up. With a journal on disk a copy is synced before its command is given, so that
"accepted" survives a power cut for the file as well. What a crash leaves behind without a command
is an orphan and goes at the next start.

    copy = await spool.spool(chunks, limit_bytes)  # CommandError, Overloaded, SpoolError
    fleet.give(session_id, Attach(…, copy.size_bytes, …), answered)  # gives the copy away
    spool.discard(path)                            # when it is not needed any more

Since every copy is deleted here, the sum of their sizes is known without asking the disk.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..model.errors import CommandError, ConfigError, Overloaded, SpoolError
from ..runtime.files import create_private, sync_directory, write_all
from ..session.settings import AttachmentSettings

BATCH_BYTES = 262_144  # written in one step of the thread
SUFFIX = ".file"


@dataclass(slots=True, frozen=True)
class Spooled:
    path: Path
    size_bytes: int
    sha256: str


class Spool:
    """`start` before the first copy, `stop` after the last."""

    def __init__(
        self,
        directory: Path | None = None,
        attachments: AttachmentSettings | None = None,
        *,
        durable: bool = False,
    ) -> None:
        """`directory` None: a private one that ends with the process. `durable`: sync each copy,
        there is a journal on disk."""
        self._own = directory is None
        self._directory = directory
        self._attachments = attachments or AttachmentSettings()
        self._durable = durable
        self._sizes: dict[Path, int] = {}
        self._total_bytes = 0
        self._found: list[Path] = []
        self._deletions: set[asyncio.Future[None]] = set()

    def start(self) -> None:
        """Make the directory and see what an earlier life has left. Raises ConfigError."""
        try:
            if self._directory is None:
                self._directory = Path(tempfile.mkdtemp(prefix="guestd-spool-"))
            self._directory.mkdir(mode=0o700, exist_ok=True)
            self._found = [path for path in self._directory.iterdir() if path.suffix == SUFFIX]
            self._sizes = {path: path.stat().st_size for path in self._found}
            self._total_bytes = sum(self._sizes.values())
        except OSError as error:
            raise ConfigError(
                "attachments.spool_directory",
                f"{self._directory} cannot be used: {error.strerror}",
                "name a directory that guestd may write to",
            ) from None

    async def stop(self) -> None:
        await self.settled()
        if self._own and self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)

    async def settled(self) -> None:
        """Returns when everything that was discarded is deleted."""
        await asyncio.gather(*self._deletions, return_exceptions=True)

    def clear_orphans(self, wanted: set[str]) -> int:
        """Delete what an earlier life has left and no command wants; returns how many."""
        orphans = [path for path in self._found if str(path) not in wanted]
        for path in orphans:
            path.unlink(missing_ok=True)
            self._forget(path)
        self._found = []
        return len(orphans)

    async def spool(self, chunks: AsyncIterator[bytes], limit_bytes: int | None = None) -> Spooled:
        """Write what comes. `limit_bytes` may only lower the configured bound.

        Raises CommandError (`too_large`, or the file is empty), Overloaded when all copies together
        are too many bytes, SpoolError when the disk fails. Whatever is raised, also by `chunks`,
        nothing is left behind."""
        assert self._directory is not None, "start comes first"
        limit = min(
            self._attachments.file_bytes_max, limit_bytes or self._attachments.file_bytes_max
        )
        writing = _Writing(self._directory / f"{secrets.token_hex(16)}{SUFFIX}")
        try:
            await _on_disk(writing.open)
            self._sizes[writing.path] = 0
            async for batch in _batches(chunks):
                self._reserve(writing.path, len(batch), limit)
                await _on_disk(writing.write, batch)
            if not self._sizes[writing.path]:
                raise CommandError("the file is empty; send one with a byte at least", field="file")
            await _on_disk(writing.finish, self._durable)
        except BaseException:
            await asyncio.shield(asyncio.to_thread(writing.give_up))
            self._forget(writing.path)
            raise
        return Spooled(writing.path, self._sizes[writing.path], writing.digest.hexdigest())

    def discard(self, path: str) -> None:
        """Delete a copy, soon; a missing one is not an error. In a thread: a large file may
        take its time. Its bytes count until it is gone."""
        deletion = asyncio.get_running_loop().run_in_executor(None, _unlink, path)
        self._deletions.add(deletion)
        deletion.add_done_callback(lambda done: self._deleted(Path(path), done))

    def _deleted(self, path: Path, deletion: asyncio.Future[None]) -> None:
        self._deletions.discard(deletion)
        self._forget(path)

    def _forget(self, path: Path) -> None:
        self._total_bytes -= self._sizes.pop(path, 0)

    def _reserve(self, path: Path, more: int, limit: int) -> None:
        size = self._sizes[path] + more
        if size > limit:
            raise CommandError(
                f"the file has more than {limit} bytes, the limit; send a smaller one",
                code="too_large",
            )
        bytes_max = self._attachments.spool_bytes_max
        if self._total_bytes + more > bytes_max:
            raise Overloaded(
                f"files of {bytes_max} bytes wait to be uploaded already, which is the bound", 10.0
            )
        self._sizes[path] = size
        self._total_bytes += more


class _Writing:
    """One copy as it grows; all of it happens in threads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.digest = hashlib.sha256()
        self._file = -1

    def open(self) -> None:
        self._file = create_private(self.path)

    def write(self, batch: bytes) -> None:
        self.digest.update(batch)
        write_all(self._file, batch)

    def finish(self, durable: bool) -> None:
        if durable:
            os.fsync(self._file)
        self._close()
        if durable:
            sync_directory(self.path.parent)

    def give_up(self) -> None:
        self._close()
        self.path.unlink(missing_ok=True)

    def _close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


async def _on_disk(work: Callable[..., None], *given: object) -> None:
    try:
        await asyncio.to_thread(work, *given)
    except OSError as error:
        raise SpoolError(f"the file cannot be kept: {error.strerror or error}") from None


async def _batches(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Small chunks together, large ones in pieces: one trip to the thread for each of these."""
    held = bytearray()
    async for chunk in chunks:
        for start in range(0, len(chunk), BATCH_BYTES):
            held += chunk[start : start + BATCH_BYTES]
            if len(held) >= BATCH_BYTES:
                yield bytes(held)
                held.clear()
    if held:
        yield bytes(held)


def _unlink(path: str) -> None:
    with suppress(OSError):
        os.unlink(path)
