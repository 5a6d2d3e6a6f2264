"""One daemon per state directory: a lock that the kernel takes back when its holder dies, however
it dies."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from ..model.errors import ConfigError


class DirectoryLock:
    """Take it with `take`, give it back with `release`. The file stays; who holds it stands in
    it."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "lock"
        self._file: int | None = None

    def take(self) -> None:
        """Raises ConfigError naming the holder, or OSError if there is no room for the file."""
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.read(file, 64).decode(errors="replace").strip() or "unknown"
            os.close(file)
            raise ConfigError(
                "journal.directory",
                f"{self._path.parent} is in use by another guestd (process {holder})",
                "stop that one, or give this one a directory of its own",
            ) from None
        self._file = file
        with suppress(
            OSError
        ):  # a full disk: the lock holds all the same, and only its holder's number is missing
            os.ftruncate(file, 0)
            os.write(file, f"{os.getpid()}\n".encode())

    def release(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None
