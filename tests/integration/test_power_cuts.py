"""The plug is pulled, fifteen hundred times: what was acknowledged is there, whole, every time.

The journal's own writer runs once on a file system that keeps a log of every write, sync and
deletion, with a mark where a commit was acknowledged. A power cut is then a place in that log: what
was synced before it is on the platters; of the writes since, any part may have made it, in any
order, torn at sectors. With synchronous=NORMAL the same cuts lose acknowledged rows: the test has
teeth.

Every tenth life is a mixed one: beside each message an operation goes a step further, a webhook is
made and the one before it delivered, and a reader's cursor moves. Whatever survives of a commit,
all of it must."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from random import Random

import apsw
import pytest

from guestd.journal import database
from guestd.journal.check import full_check
from guestd.journal.queries import migrations
from guestd.journal.writer import Writer
from guestd.model.journal import Commit, EventRow, SessionRecord
from guestd.model.records import OWN_STREAM, DeliveryRecord, OperationRecord

CUTS = int(os.environ.get("TEST_POWER_CUTS", "1500"))
#: So that several workers share them.
PARTS = 5
SEED = int(os.environ.get("TEST_POWER_SEED", "1"))
SECTOR = 512
CUTS_PER_LIFE = 100
MIXED_EVERY = 10
KEPT = apsw.SQLITE_OPEN_MAIN_DB | apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_MAIN_JOURNAL


class File(apsw.VFSFile):
    """A real file, and a log of what was done to it."""

    def __init__(self, log: list[tuple], name, flags) -> None:
        self.log = log
        path = name if isinstance(name, str) or name is None else name.filename()
        self.name = Path(path).name if path and flags[0] & KEPT else None
        super().__init__("", name, flags)

    def xWrite(self, data, offset):
        if self.name:
            self.log.append(("write", self.name, bytes(data), offset))
        super().xWrite(data, offset)

    def xTruncate(self, size):
        if self.name:
            self.log.append(("truncate", self.name, size))
        super().xTruncate(size)

    def xSync(self, flags):
        if self.name:
            self.log.append(("sync", self.name))
        super().xSync(flags)


class FileSystem(apsw.VFS):
    def __init__(self, name: str, log: list[tuple]) -> None:
        self.name, self.log = name, log
        super().__init__(name, base="")

    def xOpen(self, name, flags):
        return File(self.log, name, flags)

    def xDelete(self, name, sync_directory):
        self.log.append(("delete", Path(name).name))
        super().xDelete(name, sync_directory)


class Adapter:
    """An apsw connection with the few words of sqlite3's that the writer uses."""

    def __init__(self, connection: apsw.Connection) -> None:
        self.connection = connection

    @property
    def in_transaction(self) -> bool:
        return self.connection.in_transaction

    def execute(self, statement, parameters=()):
        rows = self.connection.execute(statement, parameters).fetchall()

        class Answer:
            lastrowid = self.connection.last_insert_rowid()

            def fetchone(self):
                return rows[0] if rows else None

            def fetchall(self):
                return rows

        return Answer()


def live(folder: Path, rng: Random, synchronous: str, commits: int, is_mixed: bool) -> list[tuple]:
    """One life of a writer. In the log ("acknowledged", seq) stands where the answer was given."""
    log: list[tuple] = []
    system = FileSystem(f"power-{folder.name}", log)
    connection = apsw.Connection(str(folder / database.NAME), vfs=system.name)
    connection.execute(
        database._PRAGMAS.replace("synchronous = FULL", f"synchronous = {synchronous}")
    ).fetchall()
    for number, script in enumerate(migrations(), 1):
        connection.execute(f"BEGIN; {script}; PRAGMA user_version = {number}; COMMIT").fetchall()
    writer = Writer(Adapter(connection), lambda: 0)  # type: ignore[arg-type]  # apsw in the clothes of sqlite3
    writer.write([Commit(opened=[SessionRecord("s", "g", "t", "", {}, {}, 0, 0)])])
    log.append(("acknowledged", 0))
    seq = 0
    for n in range(commits):
        count = rng.choice([1, 1, 3, 40])
        rows = [
            EventRow(
                "s",
                seq + n,
                "message",
                b'"%s"' % (b"x" * rng.choice([50, 900])),
                f"m{seq + n}",
                b"",
            )
            for n in range(1, count + 1)
        ]
        seq += count
        writer.write([Commit(rows=rows), *([works(n, seq)] if is_mixed else [])])
        log.append(("acknowledged", seq))
        if rng.random() < 0.1:
            writer.checkpoint()
    connection.close()
    system.unregister()
    return log


def works(n: int, seq: int) -> Commit:
    """What goes with the commit that ends at `seq`: the n-th of each kind."""
    step = OperationRecord("o", "prompt", b"%d" % seq)
    made = DeliveryRecord(f"d{n}", "t", "l", "e", b"%d" % seq)
    before = DeliveryRecord(f"d{n - 1}", "t", "l", "e", b"", status="delivered")
    fact = EventRow(OWN_STREAM, n + 1, "fact", b"{}", "", b"")
    return Commit(
        rows=[fact],
        operations=[step],
        deliveries=[made, before] if n else [made],
        cursors=[("r", seq)],
    )


class Platters:
    """The disk while the log is replayed: what is certain, and what is on its way."""

    def __init__(self) -> None:
        self.synced: dict[str, bytearray] = {}
        self.pending: dict[str, list[tuple]] = {}
        self.acknowledged = -1

    def replay(self, entry: tuple) -> None:
        match entry:
            case ("acknowledged", seq):
                self.acknowledged = seq
            case ("sync", name):
                for change in self.pending.pop(name, ()):
                    _apply(self.synced.setdefault(name, bytearray()), change)
            case ("delete", name):
                self.synced.pop(name, None)
                self.pending.pop(name, None)
            case _:
                self.pending.setdefault(entry[1], []).append(entry)

    def after_a_cut(self, rng: Random) -> dict[str, bytes]:
        survived = {}
        for name in {*self.synced, *self.pending}:
            file = bytearray(self.synced.get(name, b""))
            for change in self.pending.get(name, ()):
                if rng.random() < 0.5:
                    _apply(file, change, torn_by=rng if rng.random() < 0.3 else None)
            survived[name] = bytes(file)
        return survived


def _apply(file: bytearray, change: tuple, torn_by: Random | None = None) -> None:
    if change[0] == "truncate":
        del file[change[2] :]
        return
    _, _, data, offset = change
    if torn_by is not None:
        data = data[: torn_by.randrange(0, len(data) + SECTOR, SECTOR)]
    if len(file) < offset:
        file.extend(b"\x00" * (offset - len(file)))
    file[offset : offset + len(data)] = data


def found_after(survived: dict[str, bytes], folder: Path, is_mixed: bool) -> tuple[int, bool]:
    """The last seq of an unbroken row of them, and whether the file is sound."""
    for old in folder.iterdir():
        old.unlink()
    for name, data in survived.items():
        (folder / name).write_bytes(data)
    connection = sqlite3.connect(folder / database.NAME)
    try:
        count, last = connection.execute(
            "SELECT count(*), coalesce(max(seq), 0) FROM events WHERE session > 0"
        ).fetchone()
        sound = connection.execute("PRAGMA quick_check").fetchone()[0] == "ok" and not full_check(
            connection
        )
        return last, sound and count == last and (
            not is_mixed or not last or hangs_together(connection, last)
        )
    except sqlite3.OperationalError:  # the cut came before there was a table
        return -1, True
    finally:
        connection.close()


def hangs_together(connection: sqlite3.Connection, last: int) -> bool:
    """What was committed beside the last message is there with it, and nothing of later."""
    steps = connection.execute(
        "SELECT CAST(CAST(state AS TEXT) AS INTEGER) FROM operations"
    ).fetchall()
    waiting = connection.execute(
        "SELECT CAST(CAST(body AS TEXT) AS INTEGER) FROM deliveries WHERE status = 'waiting'"
    )
    reached = connection.execute("SELECT offset FROM cursors").fetchall()
    facts, deliveries = connection.execute(
        "SELECT (SELECT count(*) FROM events WHERE session = 0), (SELECT count(*) FROM deliveries)"
    ).fetchone()
    return steps == waiting.fetchall() == reached == [(last,)] and facts == deliveries


def pull_the_plug(tmp_path: Path, cuts: int, synchronous: str, seed: int) -> tuple[int, int]:
    """(cuts that lost an acknowledged row, cuts that damaged the file), over several short
    lives."""
    rng = Random(seed)
    after = tmp_path / "after"
    after.mkdir(exist_ok=True)
    lost = damaged = 0
    for number in range(0, cuts, CUTS_PER_LIFE):
        is_mixed = number % (MIXED_EVERY * CUTS_PER_LIFE) == 0
        folder = tmp_path / f"{synchronous}-{seed}-{number}"
        folder.mkdir()
        log = live(folder, rng, synchronous, 25, is_mixed)
        platters, done = Platters(), 0
        for place in sorted(rng.choices(range(len(log)), k=CUTS_PER_LIFE)):
            for entry in log[done:place]:
                platters.replay(entry)
            done = place
            last, sound = found_after(platters.after_a_cut(rng), after, is_mixed)
            lost += last < platters.acknowledged
            damaged += not sound
    return lost, damaged


@pytest.mark.parametrize("part", range(PARTS))
def test_no_acknowledged_row_is_lost(tmp_path, part):
    seed = SEED * PARTS + part
    lost, damaged = pull_the_plug(tmp_path, CUTS // PARTS, "FULL", seed)
    print(f"\nseed {seed}: {lost} cuts lost an acknowledged row, {damaged} damaged the file")
    assert (lost, damaged) == (0, 0)


@pytest.mark.parametrize("seed", [1, 2])
def test_the_same_cuts_with_synchronous_normal_lose_rows(tmp_path, seed):
    lost, _ = pull_the_plug(tmp_path, 300, "NORMAL", seed)
    assert lost > 0, "these cuts would prove nothing"
