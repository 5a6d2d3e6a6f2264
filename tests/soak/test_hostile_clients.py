"""A thousand hostile clients of each kind against a daemon of its own: what its memory and its
other guests say to it.

make soak                                       or, for less time and by kind:
TEST_HOSTILE_SECONDS=20 .venv/bin/python -m pytest -m soak -s tests/soak/test_hostile_clients.py
-k unfinished

TEST_HOSTILE_CLIENTS (1000), TEST_HOSTILE_SECONDS (300), TEST_HOSTILE_REST_SECONDS (60, for
the memory to come back)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from guestd.emulator import DEFAULT_DEPLOYMENT_ID

from .hostile_clients import KINDS

CLIENTS = int(os.environ.get("TEST_HOSTILE_CLIENTS", "1000"))
SECONDS = float(os.environ.get("TEST_HOSTILE_SECONDS", "300"))
REST_S = float(os.environ.get("TEST_HOSTILE_REST_SECONDS", "60"))
MEASURED = 20
MESSAGES = int(
    os.environ.get("TEST_HOSTILE_MESSAGES", "1500")
)  # said by the victim and echoed, of 4 KB each
MIB = 1_048_576
GROWTH_MAX = 64 * MIB
#: Python keeps its arenas of 1 MiB in which anything is left. Five hundred frontends, as many as
#: one address may have, are made of some 25 MiB of them; a second attack uses the same ones.
KEPT_MAX = 32 * MIB
CONFIG = """
simulator.port = 0
limits.max_sessions = 2000
log.level = "error"
admission = {{connects_per_minute = 100000, burst = 500}}
messages = {{per_s = 1000.0, requests_per_minute = 1000000}}
journal.directory = "{journal}"
platform = {{guest_socket_url = "ws{base}", deployment_id = "{deployment}"}}
"""
pytestmark = pytest.mark.soak


def started(stack: ExitStack, *arguments: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "guestd", *arguments]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def ended():
        child.terminate()
        try:
            child.wait(30.0)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        child.stdout.close()

    stack.callback(ended)
    for line in child.stdout:
        if line.startswith("ready "):
            return child.pid, line.split()[1]
    raise AssertionError("it did not start")


def served(stack: ExitStack, directory: Path) -> tuple[int, str]:
    """A daemon and the platform that it talks to: its process and its address."""
    _, base = started(stack, "emulate", "--port", "0", "--no-limits", "--agent", "echo")
    (directory / "journal").mkdir(mode=0o700, parents=True)
    config = directory / "config.toml"
    config.write_text(
        CONFIG.format(
            journal=directory / "journal", base=base[4:], deployment=DEFAULT_DEPLOYMENT_ID
        )
    )
    return started(stack, "serve", "--config", str(config))


@pytest.fixture
def daemon(tmp_path: Path):
    with ExitStack() as stack:
        yield served(stack, tmp_path / "attacked")


@pytest.fixture
def spared(tmp_path: Path):
    """A second daemon that is not attacked, at the same time: it shows what the machine itself does
    to answers."""
    with ExitStack() as stack:
        yield served(stack, tmp_path / "spared")


def rss_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def cpu_s(pid: int) -> float:
    """Of the daemon's process, all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class CpuShare:
    """Of one processor, since it was made."""

    def __init__(self, pid: int) -> None:
        self._pid, self._begun_s, self._begun_at = pid, cpu_s(pid), time.monotonic()

    def percent(self) -> float:
        return 100.0 * (cpu_s(self._pid) - self._begun_s) / (time.monotonic() - self._begun_at)


async def heard(own, **wanted) -> None:
    while not wanted.items() <= json.loads(await own.recv()).items():
        pass


class Guest:
    """Says something every half second, and how long its confirmation takes."""

    def __init__(self, url: str, name: str) -> None:
        self._url = f"ws{url[4:]}/?guest={name}"
        self.waits_s: list[float] = []

    async def live(self) -> None:
        count = 0
        async with connect(
            self._url, proxy=None, max_size=None, local_addr=("127.0.0.2", 0)
        ) as own:
            await heard(own, kind="session", state="live")
            while True:
                count += 1
                begun_at = time.monotonic()
                await own.send(
                    json.dumps({"action": "send", "text": f"m{count}", "command_id": f"c{count}"})
                )
                await heard(own, status="confirmed")
                self.waits_s.append(time.monotonic() - begun_at)
                await asyncio.sleep(0.5)


async def talked(url: str, texts: int) -> None:
    """The victim's conversation, as long as the journal has to have it."""
    async with connect(f"ws{url[4:]}/?guest=victim", proxy=None, max_size=None) as own:
        await heard(own, kind="session", state="live")
        for start in range(0, texts, 20):
            for n in range(start, start + 20):
                await own.send(
                    json.dumps({"action": "send", "text": "x" * 3900, "command_id": f"v{n}"})
                )
            confirmed = 0
            while confirmed < 20:
                confirmed += json.loads(await own.recv()).get("status") == "confirmed"


def quantiles_ms(guests: list[Guest]) -> tuple[float, float, int]:
    waits = sorted(one for guest in guests for one in guest.waits_s)
    for guest in guests:
        guest.waits_s.clear()
    assert waits, "no client was served"
    return waits[len(waits) // 2] * 1000, waits[int(len(waits) * 0.99)] * 1000, len(waits)


@contextlib.asynccontextmanager
async def talking(url: str):
    """The measured guests of a daemon, for as long as the block lasts; none of them may be let
    down."""
    guests = [Guest(url, f"measured-{n}") for n in range(MEASURED)]
    lives = [asyncio.create_task(guest.live()) for guest in guests]
    try:
        yield guests
    finally:
        for life in lives:
            life.cancel()
        ends = await asyncio.gather(*lives, return_exceptions=True)
    assert all(isinstance(one, asyncio.CancelledError) for one in ends), ends


async def attacked(url: str, kind: str, pid: int) -> int:
    """Let them loose for `SECONDS`; the most memory of the daemon meanwhile."""
    host, port = url.removeprefix("http://").split(":")
    script = str(Path(__file__).with_name("hostile_clients.py"))
    # They run on machines of their own; on this one they get the time that is left over.
    hostile = await asyncio.create_subprocess_exec(
        *("nice", "-n", "19", sys.executable, script, host, port, kind, str(CLIENTS), str(SECONDS)),
        stdout=asyncio.subprocess.DEVNULL,
    )
    peak = 0
    while hostile.returncode is None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.2):
                await hostile.wait()
        peak = max(peak, rss_bytes(pid))
    return peak


@pytest.mark.parametrize("kind", KINDS)
async def test_memory_and_other_guests_hardly_notice(kind, daemon, spared):
    (pid, url), (spared_pid, spared_url) = daemon, spared
    begun_at = time.monotonic()
    await talked(url, MESSAGES)
    print(f"talked {time.monotonic() - begun_at:.0f} s")
    async with talking(url) as guests, talking(spared_url) as others:
        await asyncio.sleep(5.0)  # they have all come
        quantiles_ms(guests), quantiles_ms(others)
        share = CpuShare(pid)
        await asyncio.sleep(max(10.0, SECONDS / 10))
        quiet_percent = share.percent()
        before, base, spared_base = quantiles_ms(guests), rss_bytes(pid), rss_bytes(spared_pid)
        quantiles_ms(others)
        share = CpuShare(pid)
        peak = await attacked(url, kind, pid)
        during, meanwhile, percent = quantiles_ms(guests), quantiles_ms(others), share.percent()
        await asyncio.sleep(REST_S)
        left = rss_bytes(pid) - max(
            0, rss_bytes(spared_pid) - spared_base
        )  # guests who talk are remembered
    growth, kept = (peak - base) / MIB, (left - base) / MIB
    print(
        f"\n{kind}: {base / MIB:.0f} MiB, +{growth:.0f} at most, +{kept:.0f} after;"
        f" p50 {before[0]:.1f} -> {during[0]:.1f} ms (elsewhere {meanwhile[0]:.1f}),"
        f" p99 {before[1]:.1f} -> {during[1]:.1f} ms (elsewhere {meanwhile[1]:.1f}),"
        f" {before[2]} and {during[2]} answers; processor {quiet_percent:.0f} -> {percent:.0f} %"
    )
    assert peak - base < GROWTH_MAX
    assert left - base < KEPT_MAX
    assert during[1] <= 2 * max(before[1], meanwhile[1]) + 20.0, "20 ms for the machine's own noise"
