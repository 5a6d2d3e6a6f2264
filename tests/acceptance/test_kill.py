"""The real process under traffic, killed with -9 at random moments, many times: nothing lost,
nothing doubled, in order.

What each frontend saw over all those lives is compared with the platform's own record. A frontend
that got no answer to a command asks again with the same id, as any frontend would.

    TEST_KILLS=2000 TEST_KILL_SEED=7 .venv/bin/python -m pytest -s tests/acceptance/test_kill.py
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import urllib.request
from contextlib import suppress
from pathlib import Path
from random import Random

from tests.ports import free_port

from .comparison import compare, held, seen
from .forked_daemon import is_alive, listening, until
from .frontends import Frontend

KILLS = int(os.environ.get("TEST_KILLS", "50"))
SEED = int(os.environ.get("TEST_KILL_SEED", str(Random().randrange(10**6))))
GUESTS = 12
DEPLOYMENT = "0b7d4c1e-5a0e-4e6a-9b1d-2f6f6c1f9a10"

CONFIG = """
[platform]
guest_socket_url = "ws{base}"
deployment_id = "{deployment}"
[journal]
directory = "{state}"
[sessions]
duration_s = 2700
[reconnect]
base_s = 0.02
jitter_s = 0.02
[messages]
per_s = 40
requests_per_minute = 100000
when_down = "queue"
[inbox]
hold_min_ms = 0
hold_initial_ms = 0
[history]
reads_per_minute = 100000
retry_s = 0.05
[admission]
connects_per_minute = 1000000
burst = 1000
[log]
level = "warning"
"""


def get(url: str):
    with urllib.request.urlopen(url, timeout=60.0) as answer:
        return json.loads(answer.read())


async def test_killed_at_random_nothing_is_lost_or_doubled(run, new_life, tmp_path):
    print(f"\n{KILLS} kills, seed {SEED}: repeat with TEST_KILL_SEED={SEED}")
    rng = Random(SEED)
    base = run("emulate", "--port", "0", "--agent", "echo", "--no-limits").url()[4:]
    state = tmp_path / "state"
    state.mkdir()
    config = tmp_path / "guestd.toml"
    config.write_text(CONFIG.format(base=base, deployment=DEPLOYMENT, state=state))
    port = free_port()
    frontends = [
        Frontend(f"ws://127.0.0.1:{port}/", f"g{n}", Random(rng.random())) for n in range(GUESTS)
    ]
    lives = [asyncio.create_task(frontend.live()) for frontend in frontends]
    arguments = ("serve", "-c", str(config), "--port", str(port))
    try:
        for _ in range(KILLS):
            pid = new_life(*arguments)
            await listening(port, pid)
            if (
                rng.random() < 0.5
                # in the middle of talk, however slow the machine is; else at any moment of the
                # start
            ):
                before = sum(one.said for one in frontends)
                with suppress(TimeoutError):
                    await until(
                        lambda before=before: sum(one.said for one in frontends) > before, 2.0
                    )
            await asyncio.sleep(rng.uniform(0.0, 0.3))
            os.kill(pid, signal.SIGKILL)
            await until(lambda pid=pid: not is_alive(pid))
        pid = new_life(*arguments)
        await listening(port, pid)
        for frontend in frontends:
            frontend.quiet = True
        tokens = tokens_in(state)

        def at_rest() -> bool:
            return all(not one.waiting and one.answered <= one.settled() for one in frontends)

        await until(at_rest, 60.0)
        record = get(f"http{base}/__emulator/state")["sessions"]

        def complete() -> bool:
            return all(len(seen(one)) >= len(held(record, tokens[one.name])) for one in frontends)

        await until(complete, 60.0)
    finally:
        for frontend in frontends:
            frontend.stop = True
        await asyncio.gather(*lives, return_exceptions=True)
    said = sum(one.said for one in frontends)
    print(f"{said} messages said, {sum(len(one.events) for one in frontends)} events seen")
    for frontend in frontends:
        compare(frontend, held(record, tokens[frontend.name]), f"seed {SEED}, {frontend.name}")
    assert len(record) == GUESTS, "no orphaned session is left at the platform"
    log = new_life.log.read_text()
    assert "Traceback" not in log and "our bug" not in log, log[-3000:]
    assert said > KILLS / 3, "there was traffic to lose"


def tokens_in(state: Path) -> dict[str, str]:
    reader = sqlite3.connect(f"{(state / 'journal.sqlite3').as_uri()}?mode=ro", uri=True)
    found = dict(reader.execute("SELECT name, token FROM sessions").fetchall())
    reader.close()
    return found
