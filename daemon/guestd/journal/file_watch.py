"""Are the journal's files still those that were opened? Deleted or replaced, they take all that was
written since with them.

SQLite goes on writing into files that no directory names any more, and says nothing.
"""

from __future__ import annotations

from pathlib import Path

#: The log beside it holds what is not written back yet, and the memory that connections share tells
#: them what of it counts. Both stand there as long as a connection is open.
SUFFIXES = ("", "-wal", "-shm")


class FileWatch:
    """`look` once a second: three calls of stat."""

    def __init__(self, path: Path) -> None:
        self._paths = [path.with_name(path.name + suffix) for suffix in SUFFIXES]
        self._seen: dict[Path, tuple[int, int]] = {}
        #: What the files took at the last look.
        self.bytes = 0

    def look(self) -> Path | None:
        """The first file that is missing or another one than before; None while all is well. Raises
        OSError of the disk."""
        size = 0
        for path in self._paths:
            found, file_bytes = _identity(path)
            size += file_bytes
            if found != self._seen.get(path, found):
                return path
            if found is not None:
                self._seen[path] = found
        self.bytes = size
        return None


def _identity(path: Path) -> tuple[tuple[int, int] | None, int]:
    """Which file it is, if it is there, and its size."""
    try:
        figures = path.stat()
    except FileNotFoundError:
        return None, 0
    return (figures.st_dev, figures.st_ino), figures.st_size
