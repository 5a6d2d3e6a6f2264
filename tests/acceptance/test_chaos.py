"""Everything at once, for as long as asked: kills in bursts during the start, a platform that is away, freezes, half frames.

The daemon is a real process; between it and the emulator stands a proxy that cuts, stalls and resets; the emulator injects faults
of its own from the same seed. At the end, what every frontend saw is compared with the platform's record.

    GUESTD_CHAOS_S=3600 GUESTD_CHAOS_SEED=7 .venv/bin/python -m pytest -s tests/acceptance/test_chaos.py
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import urllib.request
from collections import Counter
from contextlib import suppress
from random import Random

import pytest

from .chaos_proxy import ChaosProxy
from .frontends import Frontend, compare, held, ids_of, seen
from .lives import free_port, is_alive, listening, until
from .test_kill import DEPLOYMENT, tokens_in

CHAOS_S = float(os.environ.get("GUESTD_CHAOS_S", "25"))
SEED = int(os.environ.get("GUESTD_CHAOS_SEED", str(Random().randrange(10**6))))
GUESTS = int(os.environ.get("GUESTD_CHAOS_GUESTS", "20"))
AWAY_MAX_S = 60.0 if CHAOS_S >= 600 else 3.0
SETTLE_S = float(os.environ.get("GUESTD_CHAOS_SETTLE_S", "180"))

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

#: Between two messages of a guest. What the platform keeps back in silence is found in the newest page of its history when a link
#: comes back: guests who say a page in a second would hide it.
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
LEGACY_FAULTS = [one for one in FAULTS if one["kind"] in ("refuse_upgrade", "drop", "close", "binary", "malformed")]


class Conductor:
    """Draws what happens next, and does it. Keeps one daemon alive between its blows."""

    def __init__(self, proxy: ChaosProxy, emulator: str, new_life, arguments: tuple[str, ...], port: int, rng: Random):
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
        await self.live()
        async with asyncio.timeout(for_s + SETTLE_S):
            end = asyncio.get_running_loop().time() + for_s
            while asyncio.get_running_loop().time() < end:
                (blow,) = self.rng.choices([one for one, _ in blows], [weight for _, weight in blows])
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
        await self.proxy.away(self.rng.uniform(0.5, AWAY_MAX_S))

    async def _away_at_start(self) -> None:
        """Killed, and started again while the platform is away."""
        await self.die()
        away = asyncio.create_task(self.proxy.away(self.rng.uniform(0.5, AWAY_MAX_S)))
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
    urllib.request.urlopen(request, timeout=20.0).close()


def sessions_at(emulator: str) -> dict:
    with urllib.request.urlopen(f"{emulator}/__emulator/state", timeout=60.0) as answer:
        return json.loads(answer.read())["sessions"]


@pytest.mark.soak
@pytest.mark.timeout(CHAOS_S + 3 * SETTLE_S)
@pytest.mark.parametrize("dialect", ["webmessaging", "webchat"])
async def test_in_chaos_nothing_is_lost_or_doubled(run, new_life, tmp_path, dialect):
    print(f"\n{dialect}: {CHAOS_S:.0f} s, seed {SEED}: repeat with GUESTD_CHAOS_SEED={SEED}")
    rng = Random(f"{SEED}{dialect}")
    emulator = run("emulate", "--port", "0", "--agent", "echo", "--no-limits").url()
    rules = FAULTS if dialect == "webmessaging" else LEGACY_FAULTS
    post(f"{emulator}/__emulator/faults", {"seed": SEED, "rules": rules})
    proxy = ChaosProxy(int(emulator.rpartition(":")[2]), rng, PROXY_RATES)
    await proxy.open()
    state, config, port = tmp_path / "state", tmp_path / "guestd.toml", free_port()
    state.mkdir()
    config.write_text(CONFIG.format(port=proxy.port, deployment=DEPLOYMENT, dialect=dialect, state=state))
    frontends = [
        Frontend(
            f"ws://127.0.0.1:{port}/", f"g{n}", Random(rng.random()), email=f"g{n}@example.org", rest_s_max=REST_S_MAX
        )
        for n in range(GUESTS)
    ]
    lives = [asyncio.create_task(frontend.live()) for frontend in frontends]
    conductor = Conductor(proxy, emulator, new_life, ("serve", "-c", str(config), "--port", str(port)), port, rng)
    try:
        await conductor.run(CHAOS_S)
        await asyncio.to_thread(post, f"{emulator}/__emulator/faults", {"seed": SEED, "rules": []})
        proxy.rates = dict.fromkeys(PROXY_RATES, 0.0)
        for frontend in frontends:
            frontend.quiet = True
        await settled(frontends, lambda one: not one.waiting and one.answered <= one.settled(), SETTLE_S, port)
        record = await asyncio.to_thread(sessions_at, emulator)
        if dialect == "webmessaging":
            tokens = tokens_in(state)

            def shown(one: Frontend) -> bool:
                missing = ids_of(held(record, tokens[one.name])) - {event["id"] for event in seen(one)}
                one.missing = sorted(missing)
                return not missing

            await settled(frontends, shown, SETTLE_S, port)
    finally:
        for frontend in frontends:
            frontend.stop = True
        await asyncio.gather(*lives, return_exceptions=True)
        if conductor.pid and is_alive(conductor.pid):
            await conductor.die(signal.SIGTERM)
        await proxy.close()
    tell(dialect, conductor, proxy, frontends)
    for frontend in frontends:
        where = f"{dialect}, seed {SEED}, {frontend.name}"
        if dialect == "webmessaging":
            compare(frontend, held(record, tokens[frontend.name]), where)
        else:
            compare_legacy(frontend, held(record, f"webchat:{frontend.name}@example.org"), where)
    log = new_life.log.read_text()
    assert "Traceback" not in log and "our bug" not in log, log[-3000:]


def views_at(port: int) -> dict[str, dict]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/sessions", timeout=20.0) as answer:
        return {one["name"]: one for one in json.loads(answer.read())["sessions"]}


async def settled(frontends: list[Frontend], is_well, timeout_s: float, port: int) -> None:
    try:
        await until(lambda: all(map(is_well, frontends)), timeout_s)
    except TimeoutError:
        views = await asyncio.to_thread(views_at, port)
        for one in (one for one in frontends if not is_well(one)):
            print(f"{one.name}: asked again {sorted(one.waiting)}, unsettled {sorted(one.answered - one.settled())}")
            print(f"    {views.get(one.name)}; never shown {one.missing}; last event {one.events[-1]}")
        raise


def tell(dialect: str, conductor: Conductor, proxy: ChaosProxy, frontends: list[Frontend]) -> None:
    events = Counter(event["kind"] for one in frontends for event in one.events)
    fates = Counter(event["status"] for one in frontends for event in one.events if event["kind"] == "delivery")
    print(f"{dialect}: blows {dict(conductor.done)}; proxy {dict(proxy.done)}")
    print(f"said {sum(one.said for one in frontends)}, fates {dict(fates)}, events {dict(events)}")


def compare_legacy(frontend: Frontend, record: list[dict], where: str) -> None:
    """webchat confirms nothing and has no history: what may be missing is said (`uncertain`, `gap`), nothing comes twice.

    What the network still holds of a broken connection may arrive after what was sent on the next one."""
    seqs = [event["seq"] for event in frontend.events]
    assert seqs == list(range(1, len(seqs) + 1)), f"{where}: holes or repetitions in seq"
    fates: dict[str, list[str]] = {}
    for event in frontend.events:
        if event["kind"] == "delivery":
            fates.setdefault(event["command_id"], []).append(event["status"])
    assert all(len(one) == 1 for one in fates.values()), f"{where}: told twice what became of a command"
    assert frontend.answered <= set(fates), f"{where}: acknowledged and never settled"
    numbers = [int(body["text"].split()[-1]) for body in record if body["direction"] == "Inbound"]
    assert len(set(numbers)) == len(numbers), f"{where}: the platform holds a doubled message"
    shown = [event["id"] for event in seen(frontend)]
    assert len(set(shown)) == len(shown), f"{where}: seen twice"
    assert not [event for event in frontend.events if event["kind"] == "session" and event["state"] == "ended"], where
