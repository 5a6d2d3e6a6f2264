"""The whole daemon, read by four at once, while a sync of its journal fails: it always ends with
74, and says so.

TEST_SYNC_FAILURES=300 .venv/bin/python -m pytest -s tests/acceptance/test_failing_disk_serve.py
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from random import Random

import aiohttp

FAILURES = int(os.environ.get("TEST_SYNC_FAILURES", "6"))
SEED = int(os.environ.get("TEST_SYNC_SEED", str(Random().randrange(10**6))))
READERS = 4
WRONG = ("Traceback", "our bug", "Fatal Python error", "closed database", "never retrieved")

CONFIG = """
simulator.port = 0
journal.directory = "{state}"
"""


async def read_on(http: aiohttp.ClientSession, url: str) -> int:
    """Read every transcript again and again until there is no answer; how many answers said that
    the journal failed."""
    refused = 0
    while True:
        try:
            async with http.get(f"{url}/v1/sessions") as answer:
                names = [one["session_id"] for one in (await answer.json())["sessions"]]
            for name in names:
                async with http.get(f"{url}/v1/sessions/{name}/messages") as answer:
                    await answer.read()
                    refused += answer.status == 503
        except (aiohttp.ClientError, OSError, KeyError):
            return refused
        await asyncio.sleep(0)


async def one_life(run, shim, config, state, failing) -> tuple[int, list[str]]:
    environment = {
        "LD_PRELOAD": str(shim),
        "FAIL_FILE": "journal.sqlite3",
        "FAIL_SYNC": str(failing),
    }
    program = run("serve", "-c", config, "--demo", "6", env=environment)
    ended = asyncio.create_task(asyncio.to_thread(program.wait, 60.0))
    readers = []
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10.0)) as http:
        while not ended.done() and not readers:
            if url := next(
                (line.removeprefix("ready ") for line in program.out if "ready http" in line), None
            ):
                readers = [asyncio.create_task(read_on(http, url)) for _ in range(READERS)]
            await asyncio.sleep(0.01)
        code = await ended
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)
    return code, program.err


async def test_a_failing_journal_always_ends_with_74(run, shim, tmp_path):
    print(f"\n{FAILURES} failing syncs, seed {SEED}: repeat with TEST_SYNC_SEED={SEED}")
    rng = Random(SEED)
    codes: Counter[int] = Counter()
    for n in range(FAILURES):
        failing = n // 2 % 3 + 1 if n % 2 else rng.randrange(4, 24)
        state = tmp_path / f"state{n}"
        state.mkdir()
        config = tmp_path / f"{n}.toml"
        config.write_text(CONFIG.format(state=state))
        code, output = await one_life(run, shim, str(config), state, failing)
        codes[code] += 1
        assert code == 74, f"sync {failing}: {code}\n" + "\n".join(output[-40:])
        assert any("journal" in line for line in output if line.startswith("guestd:")), (
            failing,
            output,
        )
        wrong = [line for line in output if any(word in line for word in WRONG)]
        assert not wrong, f"sync {failing}\n" + "\n".join(wrong)
    print(dict(codes))


async def test_files_deleted_under_way_end_the_daemon_with_74(run, tmp_path):
    state = tmp_path / "state"
    state.mkdir()
    config = tmp_path / "guestd.toml"
    config.write_text(CONFIG.format(state=state))
    program = run("serve", "-c", str(config), "--demo", "2")
    await asyncio.to_thread(program.url)
    deleted = state / "journal.sqlite3"
    for one in state.glob("journal.sqlite3*"):
        one.unlink()
    code = await asyncio.to_thread(program.wait, 30.0)
    assert code == 74, program.err[-20:]
    output = [line for line in program.err if line.startswith("guestd:")]
    assert any(
        str(deleted) in line and "deleted or replaced" in line and "restore" in line
        for line in output
    ), output
