"""A disk that runs full: seen before, waited out, and with a reserve for what is under way."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from guestd.journal import disk_reserve
from guestd.journal.disk_reserve import BALLAST, DiskReserve
from guestd.journal.settings import JournalSettings
from guestd.journal.sqlite import SqliteJournal
from guestd.model.commands import Send
from guestd.model.errors import CommandError, JournalError, StorageFull
from guestd.model.ports import OpenGuest

ROOT = Path(__file__).parents[2]
MIB = 1024 * 1024


@pytest.fixture
def free(monkeypatch):
    """A file system of 10 GiB, of which `free.bytes` are left."""
    found = SimpleNamespace(bytes=10 * 1024 * MIB)

    def figures(path):
        return SimpleNamespace(
            f_bavail=found.bytes // 4096, f_frsize=4096, f_blocks=10 * 1024 * MIB // 4096
        )

    monkeypatch.setattr(disk_reserve.os, "statvfs", figures)
    return found


def test_it_is_low_below_the_bound_and_not_above(tmp_path, free):
    here = DiskReserve(tmp_path, JournalSettings(free_bytes_min=100 * MIB, ballast_bytes=0))
    for left, is_low in ((101, False), (99, True), (101, False)):
        free.bytes = left * MIB
        here.look()
        assert here.is_low is is_low


def test_on_a_small_disk_five_per_cent_are_enough(tmp_path, free):
    here = DiskReserve(tmp_path, JournalSettings(free_bytes_min=10**12, ballast_bytes=0))
    for left, is_low in ((513, False), (511, True)):
        free.bytes = left * MIB
        here.look()
        assert here.is_low is is_low


def test_the_ballast_is_made_given_back_and_made_again_when_it_fits(tmp_path, free):
    here = DiskReserve(tmp_path, JournalSettings(free_bytes_min=10 * MIB, ballast_bytes=MIB))
    here.look()
    assert (tmp_path / BALLAST).stat().st_blocks * 512 >= MIB, "it really takes up room"
    here.release()
    assert not (tmp_path / BALLAST).exists() and here.is_short
    free.bytes = 10 * MIB + 4096
    here.look()
    assert here.is_short and not (tmp_path / BALLAST).exists(), (
        "with it, the disk would be low again"
    )
    free.bytes = 11 * MIB
    here.look()
    assert not here.is_short and (tmp_path / BALLAST).exists()


def test_without_a_ballast_there_is_nothing_to_give_back(tmp_path, free):
    here = DiskReserve(tmp_path, JournalSettings(ballast_bytes=0))
    here.look()
    here.release()
    assert not here.is_short and list(tmp_path.iterdir()) == []


SCRIPT = """
import asyncio, os, sys
from pathlib import Path
from guestd.journal import sqlite
from guestd.journal.settings import JournalSettings
from guestd.journal.sqlite import SqliteJournal
from guestd.model.commands import Send
from guestd.model.errors import CommandError, JournalError, StorageFull
from guestd.model.ports import OpenGuest
from guestd.journal.sqlite import SqliteJournal
from guestd.model.journal import Commit, EventRow, SessionRecord

sqlite.RETRY_FULL_S = sqlite.LOOK_S = sqlite.IDLE_S = 0.005
place, ballast, rounds = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
filler = place.parent / "filler"

def fill():
    size = 65536
    with filler.open("ab", buffering=0) as file:
        while size >= 1:
            try:
                if file.write(b"x" * size) < size: size //= 2
            except OSError:
                size //= 2

async def until(true):
    async with asyncio.timeout(30):
        while not true():
            await asyncio.sleep(0.002)

async def main():
    loop, failures, answered, seq = asyncio.get_running_loop(), [], [], 0
    answered_while_full = set()

    def answer(seq):
        answered.append(seq)
        if journal.storage_full:
            answered_while_full.add(seq)

    settings = JournalSettings(free_bytes_min=0, ballast_bytes=ballast)
    journal = SqliteJournal(place, loop, failures.append, settings)
    journal.start()
    journal.commit(Commit(opened=[SessionRecord("a", "a", "t", "", {}, {}, 0, 0)]), lambda: None)
    for _ in range(rounds):
        answered_while_full.clear()
        await until(lambda: not ballast or (place / "ballast").exists() or failures)
        fill()
        while not journal.storage_full and not failures:
            seq += 1
            journal.commit(Commit(rows=[EventRow("a", seq, "message", b"x" * 3000, f"m{seq}", b"")]), lambda n=seq: answer(n))
            await asyncio.sleep(0.001)
        if ballast:  # what is under way goes through all the same, while nothing new is promised
            await until(lambda: len(answered) == seq or failures)
            assert answered_while_full, failures
        filler.unlink()
        await until(lambda: (len(answered) == seq and not journal.storage_full) or failures)
        assert not failures, failures
    assert answered == list(range(1, seq + 1))
    assert [row.seq for row in (await journal.read("a", 0, 10**6)).rows] == answered
    await journal.stop()
    print(f"{rounds} times full, {seq} rows")

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def small_disk(tmp_path_factory):
    """A command's beginning that runs the rest of it in a world with a file system of its own, of
    16 MiB."""
    if shutil.which("unshare") is None:
        pytest.skip("no unshare here")
    point = tmp_path_factory.mktemp("small")
    mount = f'mount -t tmpfs -o size=16m none "{point}" && mkdir "{point}/journal" && exec "$@"'
    command = ["unshare", "-Urm", "sh", "-c", mount, "sh"]
    tried = subprocess.run([*command, "true"], capture_output=True, text=True)
    if tried.returncode:
        pytest.skip(f"no file system of our own can be mounted here: {tried.stderr.strip()}")
    return command, point / "journal"


@pytest.mark.parametrize(("ballast", "rounds"), [(0, 50), (2 * MIB, 10)])
def test_a_real_disk_is_filled_and_freed(small_disk, ballast, rounds):
    command, place = small_disk
    done = subprocess.run(
        [*command, sys.executable, "-c", SCRIPT, str(place), str(ballast), str(rounds)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT / "daemon"), str(ROOT)))},
        capture_output=True,
        text=True,
        timeout=240.0,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.startswith(f"{rounds} times full")
    assert done.stderr.count("ballast was removed") >= (rounds if ballast else 0)


async def until(true):
    async with asyncio.timeout(30.0):
        while not true():
            await asyncio.sleep(0.005)


async def test_nearly_full_means_no_new_guest_session_and_those_there_go_on(new_stack):
    async with new_stack() as stack:
        first = stack.fleet.open(OpenGuest("ana", email="ana@example.org"))
        stack.fleet._journal.storage_low = True
        assert not stack.fleet.is_ready()
        with pytest.raises(CommandError, match="nearly full") as refused:
            stack.fleet.open(OpenGuest("bob", email="bob@example.org"))
        assert refused.value.code == "storage_low"
        await until(lambda: stack.fleet.view(first).state == "live")
        answers = []
        stack.fleet.give(first, Send("c1", "still here"), answers.append)
        await until(lambda: answers)
        assert answers[0].accepted
        stack.fleet._journal.storage_low = False
        stack.fleet.open(OpenGuest("bob", email="bob@example.org"))


@pytest.mark.parametrize(
    ("name", "free_mib", "expected"),
    [
        ("SQLITE_FULL", 10, StorageFull),
        ("SQLITE_IOERR_SHMSIZE", 0, StorageFull),
        ("SQLITE_IOERR_SHMSIZE", 10, JournalError),
        ("SQLITE_IOERR_WRITE", 0, StorageFull),
        ("SQLITE_IOERR_WRITE", 10, JournalError),
    ],
)
async def test_a_disk_that_fails_at_the_start_is_not_taken_for_a_full_one(
    tmp_path, free, name, free_mib, expected
):
    free.bytes = free_mib * MIB
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorname = name
    journal = SqliteJournal(
        tmp_path, asyncio.get_running_loop(), lambda error: None, JournalSettings(ballast_bytes=0)
    )
    assert type(journal._not_started(error)) is expected


async def test_the_writer_sees_a_disk_that_fills_and_one_that_is_cleared(
    tmp_path, free, monkeypatch
):
    monkeypatch.setattr("guestd.journal.sqlite.IDLE_S", 0.005)
    monkeypatch.setattr("guestd.journal.sqlite.LOOK_S", 0.005)
    free.bytes = 0
    settings = JournalSettings(free_bytes_min=MIB, ballast_bytes=0)
    journal = SqliteJournal(tmp_path, asyncio.get_running_loop(), lambda error: None, settings)
    journal.start()
    try:
        assert journal.storage_low, "known before the first guest asks"
        free.bytes = 10 * MIB
        await until(lambda: not journal.storage_low)
        free.bytes = 0
        await until(lambda: journal.storage_low)
    finally:
        await journal.stop()


STARTING = """
import asyncio, sys
from pathlib import Path
from guestd.journal import sqlite
from guestd.journal.settings import JournalSettings
from guestd.journal.sqlite import SqliteJournal
from guestd.model.errors import StorageFull
from guestd.model.journal import Commit, EventRow, SessionRecord

place, ballast, is_new = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "new"
filler = place.parent / "filler"

def fill():
    size = 65536
    with filler.open("ab", buffering=0) as file:
        while size >= 1:
            try:
                if file.write(b"x" * size) < size: size //= 2
            except OSError:
                size //= 2

def build(failures):
    settings = JournalSettings(free_bytes_min=0, ballast_bytes=ballast)
    return SqliteJournal(place, asyncio.get_running_loop(), failures.append, settings)

async def commit(journal, **parts):
    done = asyncio.get_running_loop().create_future()
    journal.commit(Commit(**parts), lambda: done.set_result(None))
    await asyncio.wait_for(done, 30.0)

async def main():
    failures = []
    if not is_new:
        journal = build(failures)
        journal.start()
        await commit(journal, opened=[SessionRecord("a", "a", "t", "", {}, {}, 0, 0)])
        await journal.stop()
    fill()
    journal = build(failures)
    tries = 0
    while tries < 5:
        try:
            journal.start()
            break
        except StorageFull as error:
            assert "full" in str(error) and error.worth_retrying
            tries += 1
    had_room = tries < 5
    if not had_room:
        filler.unlink()
        journal.start()
    if is_new:
        await commit(journal, opened=[SessionRecord("a", "a", "t", "", {}, {}, 0, 0)])
    if not filler.exists():
        await commit(journal, rows=[EventRow("a", 1, "message", b"{}", "", b"")])
    assert [one.record.session_id for one in await journal.recover()] == ["a"]
    if filler.exists():
        filler.unlink()
    await journal.stop()
    assert not failures, failures
    assert not [one for one in place.iterdir() if "damaged" in one.name], "full is not damaged"
    print("ballast" if had_room else "waited")

asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("ballast", "journal", "expected"),
    [(0, "old", "waited"), (0, "new", "waited"), (2 * MIB, "old", "ballast")],
)
def test_a_start_on_a_full_disk_can_be_tried_again_and_uses_the_ballast(
    small_disk, ballast, journal, expected
):
    command, place = small_disk
    done = subprocess.run(
        [*command, sys.executable, "-c", STARTING, str(place), str(ballast), journal],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT / "daemon"), str(ROOT)))},
        capture_output=True,
        text=True,
        timeout=60.0,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.strip() == expected


SERVED = """
state="$0"; filler="$(dirname "$state")/filler"; log="$1"; shift
until_said() { for n in $(seq 600); do grep -q "$1" "$log" && return; sleep 0.1; done; }
printf 'simulator.port = 0\\njournal.directory = "%s"\\njournal.free_bytes_min = 0\\n' "$state" > "$log.toml"
dd if=/dev/zero of="$filler" bs=64k 2> /dev/null
dd if=/dev/zero of="$filler.2" bs=1 count=70000 2> /dev/null
"$@" serve -c "$log.toml" > "$log" 2>&1 & daemon=$!
until_said "is full"
kill -0 $daemon && rm "$filler" "$filler.2" && until_said "ready http" && kill -TERM $daemon
wait $daemon
echo "ended with $?"
"""


def test_the_whole_daemon_waits_for_room_at_its_start(small_disk, tmp_path):
    command, place = small_disk
    log = tmp_path / "log"
    done = subprocess.run(
        [*command, "sh", "-c", SERVED, str(place), str(log), sys.executable, "-m", "guestd"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT / "daemon"), str(ROOT)))},
        capture_output=True,
        text=True,
        timeout=120.0,
    )
    assert done.stdout.strip() == "ended with 0", (
        done.stdout,
        done.stderr,
        log.read_text()[-3000:],
    )
    assert "is full" in log.read_text() and "ready http" in log.read_text()
