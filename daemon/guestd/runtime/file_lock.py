"""A lock that the kernel releases when its holder dies, however it dies. The file stays, and holds
the process id of its holder."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path

_POLL_S = 0.02


class LockHeldError(Exception):
    """`holder`: the process id that stands in the file, or "unknown"."""

    def __init__(self, holder: str) -> None:
        super().__init__(f"held by process {holder}")
        self.holder = holder


class FileLock:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    def take(self, wait_s: float = 0.0) -> None:
        """Blocks for up to `wait_s` seconds. Raises LockHeldError, or OSError if the file cannot be
        made."""
        deadline = time.monotonic() + wait_s
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        file = os.open(self._path, flags, 0o600)
        while not _locked(file):
            if time.monotonic() >= deadline:
                holder = os.read(file, 64).decode(errors="replace").strip() or "unknown"
                os.close(file)
                raise LockHeldError(holder)
            time.sleep(_POLL_S)
        self._file = file
        with suppress(OSError):  # a full disk: the lock holds, only its holder's id is missing
            os.ftruncate(file, 0)
            os.write(file, f"{os.getpid()}\n".encode())

    def release(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
