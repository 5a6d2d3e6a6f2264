"""A journal under load, for many times its retention, in virtual time: it stops growing, nothing
stays too long, and after a peak its file becomes smaller again."""

from __future__ import annotations

from collections import deque
from contextlib import closing

import pytest

from guestd.journal import database
from guestd.journal.retention import Retention
from guestd.journal.retire_pace import RetirePace
from guestd.journal.writer import Writer
from guestd.model.journal import Commit, EventRow, SessionRecord

RETENTION_S = 60
PERIODS = 8


class Load:
    """Guest sessions that are opened one after the other, speak in turn and end; a second is one
    transaction."""

    def __init__(self, folder, events: int, opened_per_s: int, lives_s: int) -> None:
        self.folder = folder
        self.connection = database.open_for_writing(folder)
        self.connection.execute("PRAGMA synchronous = OFF")
        self.now_s = 0
        self.writer = Writer(self.connection, self.epoch_ms, lambda: float(self.now_s))
        self.pace, self.keep = RetirePace(), Retention(RETENTION_S * 1000, RETENTION_S * 1000)
        self.events, self.opened_per_s, self.lives_s = events, opened_per_s, lives_s
        self.living: deque[tuple[str, int]] = deque()
        self.opened = self.shrunk = 0

    def epoch_ms(self) -> int:
        return 1_800_000_000_000 + self.now_s * 1000

    def second(self) -> None:
        """Each living session writes its share of events; those that have lived long enough end."""
        self.now_s += 1
        commit = Commit(at_ms=self.epoch_ms())
        for _ in range(self.opened_per_s):
            self.opened += 1
            name = f"s{self.opened}"
            commit.opened.append(SessionRecord(name, name, "token", "", {}, {}, 0, 0))
            self.living.append((name, self.now_s))
        for name, since_s in self.living:
            first, last = (self.events * (self.now_s - since_s + n) // self.lives_s for n in (0, 1))
            for seq in range(first + 1, last + 1):
                commit.rows.append(
                    EventRow(name, seq, "delivery", b'"%s"' % (b"x" * 300), f"c{seq}", b"")
                )
        while self.living and self.now_s - self.living[0][1] >= self.lives_s - 1:
            commit.over.append(self.living.popleft()[0])
        self.writer.write([commit])
        self.pace.written(len(commit.rows) + len(commit.opened))
        while self.pace.is_due(self.now_s):
            self.pace.swept(self.writer.retire(self.keep), self.now_s)
        if self.writer.shrink(in_pause=False):
            self.shrunk += 1
        self.writer.erase(in_pause=False)
        self.writer.checkpoint_if_large()

    def overdue(self) -> int:
        """Sessions that should have gone before the last two seconds."""
        before_ms = self.epoch_ms() - (RETENTION_S + 2) * 1000
        return self.connection.execute(
            "SELECT count(*) FROM sessions WHERE over_ms < ?", (before_ms,)
        ).fetchone()[0]

    def file_bytes(self) -> int:
        """As it stands on the disk, without its log."""
        return (self.folder / database.NAME).stat().st_size

    def kept_bytes(self) -> int:
        copy = self.folder / "copy"
        self.connection.execute("VACUUM INTO ?", (str(copy),))
        try:
            return copy.stat().st_size
        finally:
            copy.unlink()

    def pages(self) -> int:
        return self.connection.execute("PRAGMA page_count").fetchone()[0]


@pytest.mark.parametrize(
    ("events", "opened_per_s", "lives_s"),
    [(2, 20, 2), (30, 3, 60), (1200, 1, 6)],
    ids=["many small sessions", "sessions that overlap", "large sessions"],
)
def test_a_journal_under_steady_load_reaches_a_plateau(tmp_path, events, opened_per_s, lives_s):
    load = Load(tmp_path, events, opened_per_s, lives_s)
    try:
        warm_s = 2 * (RETENTION_S + lives_s)
        for _ in range(warm_s):
            load.second()
        plateau = load.pages()
        for _ in range((PERIODS - 2) * RETENTION_S if events < 1000 else RETENTION_S):
            load.second()
            assert load.overdue() == 0, f"after {load.now_s} s"
        assert load.pages() <= 1.1 * plateau
        share = load.pages() * 4096 / load.kept_bytes()
        assert share <= 1.3, f"{share:.2f}"
    finally:
        load.connection.close()


def test_after_a_peak_the_file_goes_down_to_what_is_kept_while_the_load_goes_on(tmp_path):
    load = Load(tmp_path, events=30, opened_per_s=20, lives_s=30)
    try:
        for _ in range(2 * RETENTION_S):
            load.second()
        peak_bytes = load.file_bytes()
        load.opened_per_s = 4
        for _ in range(4 * RETENTION_S):
            load.second()
        assert load.shrunk > 10, "in steps, while commits go on"
        assert load.file_bytes() < peak_bytes / 3
        assert load.pages() * 4096 <= 1.3 * load.kept_bytes()
        shrunk = load.shrunk
        for _ in range(4 * RETENTION_S):
            load.second()
        assert load.shrunk <= shrunk + 4, "a steady load leaves little to give back"
        assert load.overdue() == 0
        load.connection.close()
        assert database.verify(tmp_path / database.NAME) is None
    finally:
        load.connection.close()


def test_the_log_stays_short_under_load_and_becomes_short_again_after_a_long_reader(tmp_path):
    load = Load(tmp_path, events=30, opened_per_s=20, lives_s=30)
    wal = tmp_path / f"{database.NAME}-wal"
    try:
        for _ in range(2 * RETENTION_S):
            load.second()
            assert wal.stat().st_size <= 8 * 2**20
        with closing(database.open_for_reading(tmp_path)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM events").fetchone()
            for _ in range(RETENTION_S):
                load.second()
            assert wal.stat().st_size > 8 * 2**20, "what a reader still needs is not overwritten"
            reader.execute("ROLLBACK")
        for _ in range(11):
            load.second()
        assert wal.stat().st_size <= 4 * 2**20
    finally:
        load.connection.close()
