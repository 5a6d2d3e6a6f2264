"""Ten thousand guest sessions in this process, the emulator in another; then all connections are
dropped at once.

make soak                                       or, smaller:
TEST_SOAK_SESSIONS=2000 .venv/bin/python -m pytest -m soak -s tests/soak/test_ten_thousand.py
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import subprocess
import sys
import time
import urllib.request
from random import Random

import pytest

from guestd.emulator import DEFAULT_DEPLOYMENT_ID
from guestd.journal.memory import MemoryJournal
from guestd.model.ports import DialTarget, OpenGuest
from guestd.observe.metrics import Metrics
from guestd.platform.history import WebMessagingHistory
from guestd.platform.http import Http
from guestd.runtime.clock import LoopClock
from guestd.supervisor.settings import AdmissionSettings, LimitSettings, SupervisorSettings
from guestd.supervisor.supervisor import Supervisor
from guestd.transport.dialer import WebsocketDialer
from guestd.wire.webmessaging import WebMessaging
from tests.sections import session_settings

SESSIONS = int(os.environ.get("TEST_SOAK_SESSIONS", "10000"))
PER_MINUTE = int(os.environ.get("TEST_SOAK_CONNECTS_PER_MINUTE", "9000"))
BURST = 50
pytestmark = pytest.mark.soak


@pytest.fixture
def emulator():
    child = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "guestd",
            "emulate",
            "--port",
            "0",
            "--agent",
            "silent",
            "--no-limits",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    yield child.stdout.readline().strip().removeprefix("ready ")
    child.terminate()
    child.wait(30.0)
    child.stdout.close()


async def call(url, **body):
    def ask():
        data = json.dumps(body).encode() if body else None
        with urllib.request.urlopen(urllib.request.Request(url, data=data), timeout=60.0) as answer:
            return json.loads(answer.read())

    return await asyncio.to_thread(ask)


def rss_bytes():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def until(condition, timeout_s):
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.1)


async def test_everybody_comes_back_inside_the_bucket(emulator):
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    loop = asyncio.get_running_loop()
    dialect, metrics = WebMessaging(DEFAULT_DEPLOYMENT_ID), Metrics()
    http = Http()
    fleet = Supervisor(
        SupervisorSettings(LimitSettings(SESSIONS), AdmissionSettings(PER_MINUTE, BURST)),
        session_settings(duration_s=2700.0, conversation_clear=True),
        dialect,
        WebsocketDialer(),
        DialTarget(dialect.url("ws" + emulator[4:])),
        MemoryJournal(),
        WebMessagingHistory(http, emulator),
        LoopClock(loop),
        Random(1),
        metrics,
        loop,
        uncommitted_max=20_000,
    )
    needed_s = SESSIONS / PER_MINUTE * 60
    try:
        before, started = rss_bytes(), time.monotonic()
        for n in range(SESSIONS):
            fleet.open(OpenGuest(f"g{n}"))
        await until(lambda: metrics.sessions.get("live") == SESSIONS, 3 * needed_s + 60)
        print(
            f"\n{SESSIONS} live after {time.monotonic() - started:.0f} s,"
            f" {(rss_bytes() - before) / SESSIONS / 1024:.1f} KiB each"
        )
        names = {view.session_id for view in fleet.sessions()}

        dropped, started = await call(f"{emulator}/__emulator/drop", all=True), time.monotonic()
        assert dropped == {"dropped": SESSIONS}
        await until(lambda: sum(metrics.reconnects.values()) == SESSIONS, 60)
        await until(lambda: metrics.sessions.get("live") == SESSIONS, 3 * needed_s + 60)
        counters = await call(f"{emulator}/__emulator/counters")
        most = counters["connects_most_in_a_minute"], counters["connects_most_in_a_second"]
        print(
            f"dropped all; all back after {time.monotonic() - started:.0f} s; most connects in a"
            f" minute, in a second: {most}"
        )
        assert {view.session_id for view in fleet.sessions()} == names, "the same guest sessions"
        assert counters["sessions"] == SESSIONS, "the same tokens"
        assert counters["connects_total"] == 2 * SESSIONS, "no guest had to try twice"
        assert most[0] <= PER_MINUTE + BURST
        assert most[1] <= PER_MINUTE / 60 + BURST + PER_MINUTE / 60 * 0.5, (
            "a busy machine may bunch what was admitted"
        )

        report = await fleet.drain(120.0)
        print(f"drained: {report.ended} ended, {len(report.left)} left")
        assert report.ended == SESSIONS and not report.left
        state = await call(f"{emulator}/__emulator/counters")
        assert state["sessions"] == 0, "no orphans"
    finally:
        await fleet.stop()
        await http.close()
