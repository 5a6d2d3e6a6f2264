"""What a running daemon takes, seen from outside: its process, its journal's files and rows."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from guestd.journal.database import NAME

#: How late retention may be: the slowest reader's cursor is up to 30 s behind, then a batch goes
#: every second.
LATE_MAX_S = 40.0


@dataclass(slots=True, frozen=True)
class ProcessSample:
    rss_bytes: int
    descriptors: int
    threads: int


def look_at_process(pid: int) -> ProcessSample:
    """Raises FileNotFoundError if the process is gone."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    status = dict(line.split(":", 1) for line in lines if ":" in line)
    return ProcessSample(
        rss_bytes=int(status["VmRSS"].split()[0]) * 1024,
        descriptors=len(list(Path(f"/proc/{pid}/fd").iterdir())),
        threads=int(status["Threads"]),
    )


@dataclass(slots=True, frozen=True)
class RowsSample:
    """What the journal holds. `late_s`: how much longer than promised the oldest ended session is
    kept; below 0: it is not due yet."""

    events: int
    newest_offset: int
    sessions: int
    sessions_over: int
    sessions_overdue: int
    late_s: float
    free_bytes: int


class JournalFiles:
    """The files of a journal that another process writes, read by connections that write
    nothing."""

    def __init__(self, folder: Path, retention_s: float) -> None:
        self._file = folder / NAME
        self._wal = folder / f"{NAME}-wal"
        self._retention_s = retention_s

    def sizes_bytes(self) -> tuple[int, int]:
        """Of the file itself, and of its write-ahead log."""
        return self._file.stat().st_size, self._wal.stat().st_size if self._wal.exists() else 0

    def rows(self) -> RowsSample:
        now_ms = time.time() * 1000
        due_ms = now_ms - self._retention_s * 1000
        with self._reader() as reader:
            query = "SELECT count(*), coalesce(max(id), 0) FROM events"
            events, newest = reader.execute(query).fetchone()
            sessions, over, overdue, oldest_ms = reader.execute(
                "SELECT count(*), count(over_ms), count(*) FILTER (WHERE over_ms < ?), min(over_ms)"
                "  FROM sessions WHERE id > 0",
                (due_ms - LATE_MAX_S * 1000,),
            ).fetchone()
            free_pages = reader.execute("PRAGMA freelist_count").fetchone()[0]
            page_bytes = reader.execute("PRAGMA page_size").fetchone()[0]
        late_s = -self._retention_s if oldest_ms is None else (due_ms - oldest_ms) / 1000
        return RowsSample(events, newest, sessions, over, overdue, late_s, free_pages * page_bytes)

    def orphans(self) -> int:
        """Events whose session is gone: nothing would ever delete them."""
        with self._reader() as reader:
            query = "SELECT count(*) FROM events WHERE session NOT IN (SELECT id FROM sessions)"
            return reader.execute(query).fetchone()[0]

    def kept_bytes(self) -> int:
        """What the rows would take in a file made of nothing else."""
        copy = self._file.with_name("compact-copy.sqlite3")
        try:
            with self._reader() as reader:
                reader.execute("VACUUM INTO ?", (str(copy),))
            return copy.stat().st_size
        finally:
            copy.unlink(missing_ok=True)

    @contextmanager
    def _reader(self) -> Iterator[sqlite3.Connection]:
        address = f"file:{self._file}?mode=ro"
        reader = sqlite3.connect(address, uri=True, timeout=10.0, isolation_level=None)
        with closing(reader):
            yield reader
