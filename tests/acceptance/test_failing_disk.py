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

ROOT = Path(__file__).parents[2]

SCRIPT = """
import asyncio, sys
from pathlib import Path
from guestd.journal import sqlite
from guestd.journal.sqlite import SqliteJournal
from guestd.model.errors import JournalError
from guestd.model.journal import Commit, EventRow, SessionRecord

sqlite.IDLE_S = 0.05

async def main():
    loop = asyncio.get_running_loop()
    broken = loop.create_future()
    journal = SqliteJournal(Path(sys.argv[1]), loop, lambda error: broken.done() or broken.set_exception(error))
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

try:
    asyncio.run(main())
except JournalError as error:
    print(error, file=sys.stderr)
    sys.exit(74)
"""


def run(folder: Path, library: Path, failing: int) -> subprocess.CompletedProcess:
    folder.mkdir()
    counted = str(folder.with_suffix(".count"))
    environment = {
        **os.environ,
        "LD_PRELOAD": str(library),
        "FAIL_SYNC": str(failing),
        "COUNT_SYNCS": counted,
    }
    return subprocess.run(
        [sys.executable, "-c", SCRIPT, str(folder)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60.0,
    )


def test_every_failing_sync_ends_the_process_and_costs_nothing_acknowledged(shim, tmp_path):
    assert run(tmp_path / "whole", shim, 0).returncode == 0
    syncs = int((tmp_path / "whole.count").read_text())
    ended = 0
    for failing in range(1, syncs + 1):
        folder = tmp_path / str(failing)
        done = run(folder, shim, failing)
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
