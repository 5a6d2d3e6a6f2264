"""One daemon per state directory."""

from __future__ import annotations

from pathlib import Path

from ..model.errors import ConfigError
from ..runtime.file_lock import FileLock, LockHeldError

REMEDY = "stop that one, or give this one a directory of its own"


class DirectoryLock:
    """Take it with `take`, give it back with `release`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = FileLock(directory / "lock")

    def take(self, remedy: str = REMEDY) -> None:
        """Raises ConfigError naming the holder and the remedy, or OSError if the file cannot be
        made."""
        try:
            self._lock.take()
        except LockHeldError as error:
            raise ConfigError(
                "journal.directory",
                f"{self._directory} is in use by another guestd (process {error.holder})",
                remedy,
            ) from None

    def release(self) -> None:
        self._lock.release()
