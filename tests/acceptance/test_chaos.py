"""Everything at once, for as long as asked: kills in bursts during the start, a platform that is
away, freezes, half frames.

The daemon is a real process; between it and the emulator stands a proxy that cuts, stalls and
resets; the emulator injects faults of its own from the same seed. Every guest has three readers: a
simulator socket, an event stream and a reader of pages. At the end, what the frontends saw is
compared with the platform's record, and every reader's stream with the journal.

    TEST_CHAOS_S=1800 TEST_CHAOS_SEED=7 .venv/bin/python -m pytest -s
    tests/acceptance/test_chaos.py
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import urllib.request
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

import aiohttp
import pytest

from tests.ports import free_port

from .chaos_proxy import ChaosProxy
from .comparison import Findings, held, ids_of, journaled, judge, judge_legacy, judge_stream, seen
from .followers import Follower, Pager, Reader
from .forked_daemon import is_alive, listening, until
from .frontends import Frontend
from .test_kill import DEPLOYMENT, tokens_in

CHAOS_S = float(os.environ.get("TEST_CHAOS_S", "60"))
SHORT_S, SHORT_GUESTS = 8.0, 8
SEED = int(os.environ.get("TEST_CHAOS_SEED", str(Random().randrange(10**6))))
GUESTS = int(os.environ.get("TEST_CHAOS_GUESTS", "20"))
SETTLE_S = float(os.environ.get("TEST_CHAOS_SETTLE_S", "180"))

CONFIG = """
[platform]
guest_socket_url = "ws://127.0.0.1:{port}"
api_url = "http://127.0.0.1:{port}"
cdn_url = "http://127.0.0.1:{port}"
deployment_id = "{deployment}"
dialect = "{dialect}"
[journal]
directory = "{state}"
[sessions]
duration_s = 2700
[reconnect]
base_s = 0.05
jitter_s = 0.05
cap_s = 2
attempts_max = 10000
[messages]
per_s = 40
requests_per_minute = 100000
when_down = "queue"
[history]
reads_per_minute = 100000
retry_s = 0.1
attempts_max = 100
[admission]
connects_per_minute = 1000000
burst = 1000
[log]
level = "warning"
"""

#: `attempts_max` above: the platform is away for longer than ten attempts at these rests take, and
#: no one may give up.

#: Between two messages of a guest. What the platform keeps back in silence is found in the newest
#: page of its history when a link comes back: guests who say a page in a second would hide it.
REST_S_MAX = 4.0

PROXY_RATES = {"half": 0.002, "stall": 0.003, "bytewise": 0.01}

#: What the emulator does wrong by itself, in the webmessaging dialect.
FAULTS = [
    {"kind": "reorder", "rate": 0.05},
    {"kind": "equal_times", "rate": 0.05},
    {"kind": "duplicate", "rate": 0.03},
    {"kind": "empty_history", "rate": 0.1},
    {"kind": "http_status", "rate": 0.05, "status": 429, "path": "/api/v2/webmessaging"},
    {"kind": "http_status", "rate": 0.05, "status": 503, "path": "/api/v2/webmessaging"},
    {"kind": "refuse_upgrade", "rate": 0.05, "status": 503},
    {"kind": "malformed", "rate": 0.005},
    {"kind": "drop", "rate": 0.005},
    {"kind": "mute", "rate": 0.003},
    {"kind": "close", "rate": 0.002},
    {"kind": "binary", "rate": 0.001},
    {"kind": "invalid_utf8", "rate": 0.001},
    {"kind": "deep_json", "rate": 0.001},
    {"kind": "half_open", "rate": 0.0005},
]
#: The legacy dialect has no history and no echo: only what does not change the stream itself.
LEGACY_FAULTS = [
    one
    for one in FAULTS
    if one["kind"] in ("refuse_upgrade", "drop", "close", "binary", "malformed")
]


class Conductor:
    """Draws what happens next, and does it. Keeps one daemon alive between its blows."""

    def __init__(
        self,
        proxy: ChaosProxy,
        emulator: str,
        new_life,
        arguments: tuple[str, ...],
        port: int,
        rng: Random,
    ):
        self.away_max_s = 3.0
        self.proxy, self.emulator, self.new_life = proxy, emulator, new_life
        self.arguments, self.port, self.rng = arguments, port, rng
        self.pid = 0
        self.done: Counter[str] = Counter()

    async def live(self) -> None:
        self.pid = self.new_life(*self.arguments)
        await listening(self.port, self.pid)

    async def die(self, how: int = signal.SIGKILL) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, how)
        self.done["kills" if how == signal.SIGKILL else "terms"] += 1
        await until(lambda: not is_alive(self.pid), 60.0)

    async def run(self, for_s: float) -> None:
        blows = (
            (self._kill, 30),
            (self._burst, 10),
            (self._drain, 4),
            (self._pause, 5),
            (self._away, 4),
            (self._away_at_start, 3),
            (self._freeze, 5),
            (self._reset, 8),
            (self._drop, 6),
        )
        self.away_max_s = 60.0 if for_s >= 600 else 3.0
        await self.live()
        async with asyncio.timeout(for_s + SETTLE_S):
            end = asyncio.get_running_loop().time() + for_s
            while asyncio.get_running_loop().time() < end:
                (blow,) = self.rng.choices(
                    [one for one, _ in blows], [weight for _, weight in blows]
                )
                self.done[blow.__name__[1:]] += 1
                await blow()
                await asyncio.sleep(self.rng.uniform(0.3, 4.0))

    async def _kill(self) -> None:
        await self.die()
        await self.live()

    async def _burst(self) -> None:
        """Killed again at any moment of the start, a few times in a row."""
        for _ in range(self.rng.randint(2, 4)):
            await self.die()
            self.pid = self.new_life(*self.arguments)
            await asyncio.sleep(self.rng.uniform(0.0, 0.6))
        await self._kill()

    async def _drain(self) -> None:
        await self.die(signal.SIGTERM)
        await self.live()

    async def _pause(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)
        await asyncio.sleep(self.rng.uniform(0.5, 6.0))
        os.kill(self.pid, signal.SIGCONT)

    async def _away(self) -> None:
        await self.proxy.away(self.rng.uniform(0.5, self.away_max_s))

    async def _away_at_start(self) -> None:
        """Killed, and started again while the platform is away."""
        await self.die()
        away = asyncio.create_task(self.proxy.away(self.rng.uniform(0.5, self.away_max_s)))
        await self.live()
        await away

    async def _freeze(self) -> None:
        await self.proxy.freeze(self.rng.uniform(0.5, 8.0))

    async def _reset(self) -> None:
        self.proxy.reset_all()
        await asyncio.sleep(0)

    async def _drop(self) -> None:
        await asyncio.to_thread(post, f"{self.emulator}/__emulator/drop", {"all": True})


def post(url: str, body: dict) -> None:
    data = json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    urllib.request.urlopen(request, timeout=60.0).close()


def sessions_at(emulator: str) -> dict:
    with urllib.request.urlopen(f"{emulator}/__emulator/state", timeout=60.0) as answer:
        return json.loads(answer.read())["sessions"]


@dataclass
class ChaosRun:
    """The guests, and all who read for them."""

    frontends: list[Frontend]
    readers: list[Reader]
    lives: list[asyncio.Task[None]]

    def hush(self) -> None:
        for frontend in self.frontends:
            frontend.quiet = True

    async def end(self, findings: Findings) -> None:
        for one in (*self.frontends, *self.readers):
            one.stop = True
        for life in self.lives[len(self.frontends) :]:
            life.cancel()  # a reader may wait for an event that does not come
        ends = await asyncio.gather(*self.lives, return_exceptions=True)
        wrong = [repr(end) for end in ends if isinstance(end, Exception)]
        findings.add("reader broke", len(wrong), f"{wrong[:3]}")


def people(guests: int, port: int, rng: Random, http: aiohttp.ClientSession) -> ChaosRun:
    frontends, readers = [], []
    for n in range(guests):
        name, own = f"g{n}", Random(rng.random())
        url = f"ws://127.0.0.1:{port}/"
        frontends.append(
            Frontend(url, name, own, email=f"{name}@example.org", rest_s_max=REST_S_MAX)
        )
        for kind in (Follower, Pager):
            readers.append(kind(f"http://127.0.0.1:{port}", name, Random(rng.random()), http))
    return ChaosRun(
        frontends, readers, [asyncio.create_task(one.live()) for one in (*frontends, *readers)]
    )


@pytest.mark.parametrize("dialect", ["webmessaging", "webchat"])
async def test_in_a_short_chaos_nothing_is_lost_or_doubled(run, new_life, tmp_path, dialect):
    await live_through(dialect, SHORT_S, SHORT_GUESTS, run, new_life, tmp_path)


@pytest.mark.soak
@pytest.mark.timeout(CHAOS_S + 5 * SETTLE_S)
@pytest.mark.parametrize("dialect", ["webmessaging", "webchat"])
async def test_in_chaos_nothing_is_lost_or_doubled(run, new_life, tmp_path, dialect):
    await live_through(dialect, CHAOS_S, GUESTS, run, new_life, tmp_path)


async def live_through(
    dialect: str, for_s: float, guests: int, run, new_life, tmp_path: Path
) -> None:
    print(
        f"\n{dialect}: {for_s:.0f} s, seed {SEED}: repeat with TEST_CHAOS_SEED={SEED}", flush=True
    )
    rng = Random(f"{SEED}{dialect}")
    emulator = run("emulate", "--port", "0", "--agent", "echo", "--no-limits").url()
    rules = FAULTS if dialect == "webmessaging" else LEGACY_FAULTS
    post(f"{emulator}/__emulator/faults", {"seed": SEED, "rules": rules})
    proxy = ChaosProxy(int(emulator.rpartition(":")[2]), rng, PROXY_RATES)
    await proxy.open()
    state, config, port = tmp_path / "state", tmp_path / "guestd.toml", free_port()
    state.mkdir()
    config.write_text(
        CONFIG.format(port=proxy.port, deployment=DEPLOYMENT, dialect=dialect, state=state)
    )
    conductor = Conductor(
        proxy, emulator, new_life, ("serve", "-c", str(config), "--port", str(port)), port, rng
    )
    findings = Findings()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        chaos = people(guests, port, rng, http)
        try:
            await conductor.run(for_s)
            await asyncio.to_thread(
                post, f"{emulator}/__emulator/faults", {"seed": SEED, "rules": []}
            )
            proxy.rates = dict.fromkeys(PROXY_RATES, 0.0)
            chaos.hush()
            record, tokens = await come_to_rest(chaos, emulator, state, dialect, port, findings)
            upto_seqs = {one.name: one.events[-1]["seq"] for one in chaos.frontends}
            await settled(
                chaos.readers, lambda one: one.last_seq >= upto_seqs[one.name], port, findings
            )
        finally:
            await chaos.end(findings)
            if conductor.pid and is_alive(conductor.pid):
                await conductor.die(signal.SIGTERM)
            await proxy.close()
    for frontend in chaos.frontends:
        where = f"{dialect}, seed {SEED}, {frontend.name}"
        own = held(record, tokens[frontend.name])
        (judge if dialect == "webmessaging" else judge_legacy)(frontend, own, where, findings)
    judge_streams(chaos, journaled(state), upto_seqs, findings)
    tell(
        f"{dialect}, seed {SEED}, {for_s:.0f} s, {guests} guests", conductor, proxy, chaos, findings
    )
    findings.check()
    log = new_life.log.read_text()
    assert "Traceback" not in log and "our bug" not in log, log[-3000:]


async def come_to_rest(
    chaos: ChaosRun, emulator: str, state: Path, dialect: str, port: int, findings: Findings
) -> tuple[dict, dict[str, str]]:
    """Everything said is settled and everything the platform holds is shown. Its record, and the
    token of each guest.

    What a link kept back in silence (`mute`) is found by the next one: all links are cut once more.
    """
    await settled(
        chaos.frontends,
        lambda one: not one.waiting and one.answered <= one.settled(),
        port,
        findings,
    )
    await asyncio.to_thread(post, f"{emulator}/__emulator/drop", {"all": True})
    record = await asyncio.to_thread(sessions_at, emulator)
    if dialect != "webmessaging":
        return record, {one.name: f"webchat:{one.name}@example.org" for one in chaos.frontends}
    tokens = tokens_in(state)

    def shown(one: Frontend) -> bool:
        missing = set(ids_of(held(record, tokens[one.name]))) - {event["id"] for event in seen(one)}
        one.missing = sorted(missing)
        return not missing

    await settled(chaos.frontends, shown, port, findings)
    return record, tokens


def views_at(port: int) -> dict[str, dict]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/sessions", timeout=60.0) as answer:
        return {one["name"]: one for one in json.loads(answer.read())["sessions"]}


async def settled(ones: list, is_well, port: int, findings: Findings) -> None:
    """Until all are well; after `SETTLE_S` those who are not are a finding, with what is known of
    them."""
    try:
        await until(lambda: all(map(is_well, ones)), SETTLE_S)
    except TimeoutError:
        views = await asyncio.to_thread(views_at, port)
        for one in (one for one in ones if not is_well(one)):
            text = f"{one.name} {views.get(one.name)}; last event {one.events[-1:]}"
            if isinstance(one, Frontend):
                text += (
                    f"; asked again {sorted(one.waiting)}, unsettled"
                    f" {sorted(one.answered - one.settled())}"
                )
                text += f", never shown {one.missing}"
            findings.add("not at rest", 1, text)


def judge_streams(
    chaos: ChaosRun, journal: dict[str, list[dict]], upto_seqs: dict[str, int], findings: Findings
) -> None:
    for one in (*chaos.frontends, *chaos.readers):
        kind = one.kind if isinstance(one, Reader) else "simulator"
        where = f"{one.name} by {kind}"
        judge_stream(one.events, upto_seqs[one.name], journal[one.name], where, findings)
        if isinstance(one, Reader):
            findings.add("stream differs", len(one.problems), f"{where}: {one.problems[:3]}")


def tell(
    title: str, conductor: Conductor, proxy: ChaosProxy, chaos: ChaosRun, findings: Findings
) -> None:
    events = Counter(event["kind"] for one in chaos.frontends for event in one.events)
    fates = Counter(
        event["status"]
        for one in chaos.frontends
        for event in one.events
        if event["kind"] == "delivery"
    )
    late = sum(event.get("late", False) for one in chaos.frontends for event in one.events)
    done, wrong = proxy.done, findings.counts
    table = {
        "kills (SIGKILL)": conductor.done["kills"],
        "ends (SIGTERM)": conductor.done["terms"],
        "pauses (SIGSTOP)": conductor.done["pause"],
        "connections": done["connections"],
        "cuts": done["cut"],
        "stalls": done["stall"],
        "half frames": done["half"],
        "bytewise chunks": done["bytewise"],
        "platform away": done["away"],
        "freezes": done["freeze"],
        "accepted": events["accepted"],
        **{f"  {fate}": count for fate, count in sorted(fates.items())},
        "messages shown": events["message"],
        "  late, and marked so": late,
        "gaps stated": events["gap"],
        "event streams resumed": sum(
            one.resumed for one in chaos.readers if isinstance(one, Follower)
        ),
        "page readers resumed": sum(one.resumed for one in chaos.readers if isinstance(one, Pager)),
        "lost": wrong["lost"],
        "doubled": wrong["doubled"],
        "out of order": wrong["out of order"],
        "streams unlike the journal": wrong["stream differs"],
        "other findings": (
            sum(wrong.values())
            - sum(wrong[kind] for kind in ("lost", "doubled", "out of order", "stream differs"))
        ),
    }
    print(f"{title}: {dict(conductor.done)}")
    for name, count in table.items():
        print(f"  {name:<28}{count:>9,}")
