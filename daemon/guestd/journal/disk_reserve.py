"""Free space on the disk: watched before it runs out, and a reserve for when it has.

`is_low`: less is free than `free_bytes_min`, and less than five per cent of the file system; no new
guest session may begin. The ballast is a file that only takes up room. When the disk is full it is
removed, so that what is under way can finish and retention can delete; it is made
again as soon as that leaves enough free, and until then the disk counts as full. Used by the
writer's thread only."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from .settings import JournalSettings

logger = logging.getLogger("guestd.journal")

BALLAST = "ballast"
LOW_SHARE = 0.05


class DiskReserve:
    def __init__(self, directory: Path, settings: JournalSettings) -> None:
        self._directory = directory
        self._path = directory / BALLAST
        self._free_bytes_min = settings.free_bytes_min
        self._ballast_bytes = settings.ballast_bytes
        self.is_low = False
        self.last_free_bytes = 0  # at the last look
        self.is_short = False  # the ballast was removed and cannot be made again yet

    def look(self) -> None:
        """How much is free; and the ballast, if it is missing and fits."""
        figures = os.statvfs(self._directory)
        free = self.last_free_bytes = figures.f_bavail * figures.f_frsize
        least = min(self._free_bytes_min, int(figures.f_blocks * figures.f_frsize * LOW_SHARE))
        self.is_low = free < least
        if self._ballast_bytes and free >= self._ballast_bytes + least and not self._path.exists():
            self._make()

    def free_bytes(self) -> int:
        """Free for us on the journal's file system. Raises OSError."""
        figures = os.statvfs(self._directory)
        return figures.f_bavail * figures.f_frsize

    def release(self) -> None:
        """The disk is full: give back what was kept for this."""
        if self._path.exists():
            self._path.unlink()
            self.is_short = True
            logger.warning(
                "the disk is full: %s was removed to make room for what is under way", self._path
            )

    def _make(self) -> None:
        """Whatever goes wrong: a ballast is not worth an error, and the next look tries again."""
        try:
            file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:
            return
        try:
            os.posix_fallocate(file, 0, self._ballast_bytes)
            self.is_short = False
        except OSError:
            self._path.unlink(missing_ok=True)
        finally:
            os.close(file)
