"""The k-th sync of the disk fails, for every k of a script: the process ends, says so, and has
acknowledged nothing since.

See sync_shim.py for how; everything else is real.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

#: Each line that it reads is a life of its own: a process that has imported everything already.
SCRIPT = """
import asyncio, os, signal, sys
from pathlib import Path
from guestd.journal import sqlite
from guestd.journal.sqlite import SqliteJournal
from guestd.model.errors import JournalError
from guestd.model.journal import Commit, EventRow, SessionRecord

sqlite.IDLE_S = 0.05

async def main(folder):
    loop = asyncio.get_running_loop()
    broken = loop.create_future()
    journal = SqliteJournal(Path(folder), loop, lambda error: broken.done() or broken.set_exception(error))
    journal.start()
    async def commit(commit):
        done = loop.create_future()
        journal.commit(commit, lambda: done.set_result(None))
        await asyncio.wait({done, broken}, return_when=asyncio.FIRST_COMPLETED)
        if broken.done():
            broken.result()
    await commit(Commit(opened=[SessionRecord("s", "g", "t", "", {}, {}, 0, 0)]))
    for seq in range(1, 13):
        await commit(Commit(rows=[EventRow("s", seq, "message", b"x" * 2000, f"m{seq}", b"")]))
        print(seq, flush=True)
        if seq % 4 == 0:
            await asyncio.sleep(0.2)  # the writer uses the pause for a checkpoint
    await journal.stop()

def one_life(failing, folder):
    os.environ.update(FAIL_SYNC=failing, COUNT_SYNCS=f"{folder}.count")
    signal.alarm(60)
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(f"{folder}.{name}", os.O_CREAT | os.O_WRONLY), number)
    try:
        asyncio.run(main(folder))
    except JournalError as error:
        print(error, file=sys.stderr)
        sys.exit(74)
    sys.exit(0)

for line in sys.stdin:
    child = os.fork()
    if child == 0:
        one_life(*line.strip().split(" ", 1))
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Lives:
    """Programs whose `failing`th sync fails, started by forks of one that has the library loaded."""

    def __init__(self, library: Path) -> None:
        self._starter = subprocess.Popen(
            [sys.executable, "-c", SCRIPT],
            cwd=ROOT,
            env={**os.environ, "LD_PRELOAD": str(library)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, folder: Path, failing: int) -> subprocess.CompletedProcess:
        folder.mkdir()
        self._starter.stdin.write(f"{failing} {folder}\n")
        self._starter.stdin.flush()
        code = int(self._starter.stdout.readline())
        out, err = (Path(f"{folder}.{name}").read_text() for name in ("out", "err"))
        return subprocess.CompletedProcess([], code, out, err)

    def end(self) -> None:
        self._starter.communicate()


@pytest.fixture
def lives(shim):
    found = Lives(shim)
    yield found
    found.end()


def test_every_failing_sync_ends_the_process_and_costs_nothing_acknowledged(lives, tmp_path):
    assert lives.run(tmp_path / "whole", 0).returncode == 0
    syncs = int((tmp_path / "whole.count").read_text())
    ended = 0
    for failing in range(1, syncs + 1):
        folder = tmp_path / str(failing)
        done = lives.run(folder, failing)
        acknowledged = [int(line) for line in done.stdout.split()]
        assert done.returncode in (0, 74), done.stderr
        assert "Traceback" not in done.stderr
        if done.returncode == 0:  # a directory's sync, which SQLite itself does not mind
            assert acknowledged == list(range(1, 13)), f"sync {failing}"
        else:
            ended += 1
            assert "journal" in done.stderr
        if acknowledged:
            connection = sqlite3.connect(folder / "journal.sqlite3")
            assert connection.execute("PRAGMA quick_check").fetchone() == ("ok",)
            found = [seq for (seq,) in connection.execute("SELECT seq FROM events ORDER BY seq")]
            connection.close()
            assert found[: len(acknowledged)] == acknowledged, f"sync {failing}"
    assert ended >= 13, "each commit has a sync of its own"
