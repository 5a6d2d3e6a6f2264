"""Reports of bugs, one small file each, in a folder beside the journal: readable by the owner only,
and few.

A report that cannot be written is not an error: the log has said what happened.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

logger = logging.getLogger("guestd.journal")

#: The newest are kept. One report is a few kilobytes, and the same bug tells nothing new the
#: twentieth time.
REPORTS_MAX = 20

FOLDER = "reports"


class Reports:
    """The folder `reports` in the journal's directory, made when the first report is kept."""

    def __init__(self, directory: Path) -> None:
        self._folder = directory / FOLDER

    def keep(self, name: str, content: bytes) -> None:
        """Write one file and delete the oldest ones. Never raises; blocks as long as the disk
        does."""
        path = self._folder / name
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            with os.fdopen(
                os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb"
            ) as file:
                file.write(content)
            self._delete_oldest()
        except OSError as error:
            logger.error("a report could not be written: %s", error.strerror)
        else:
            logger.error("a report of the bug, without any message's text, is in %s", path)

    def _delete_oldest(self) -> None:
        """By the last part of their names, the time in milliseconds."""
        reports = sorted(
            self._folder.glob("break-*.json"), key=lambda path: path.stem.rpartition("-")[2]
        )
        for old in reports[:-REPORTS_MAX]:
            old.unlink(missing_ok=True)
