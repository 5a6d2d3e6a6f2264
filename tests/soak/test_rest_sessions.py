"""500 REST sessions at the default configuration: none ends, no heartbeat fails, all are stretched
alike (SESS-5).

The daemon and the emulator are processes of their own; once the emulator has no limits, once it
enforces the platform's 300 requests a minute. Meanwhile messages are injected now and then, and
each waits for its answer.

    TEST_REST_S=600 .venv/bin/python -m pytest -m soak -s tests/soak/test_rest_sessions.py
"""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from collections import defaultdict
from statistics import median, quantiles

import aiohttp
import pytest

from guestd.emulator import DEFAULT_DEPLOYMENT_ID, DEFAULT_QUEUE_ID

from .test_steady_load import child

SOAK_S = float(os.environ.get("TEST_REST_S", "600"))
SESSIONS = 500
OPEN_WITHIN_S = (
    240.0  # 500 openings at 300 requests a minute, and the heartbeats that come meanwhile
)
SETTLE_S = 140.0  # one stretched interval after the last opening
INJECT_EVERY_S = 5.0
LOOK_EVERY_S = 20.0

pytestmark = [pytest.mark.soak, pytest.mark.timeout(SOAK_S + OPEN_WITHIN_S + SETTLE_S + 200)]

CONFIG = f"""
[platform]
guest_socket_url = "{{ws}}"
api_url = "{{http}}"
cdn_url = "{{http}}"
token_url = "{{http}}/oauth/token"
deployment_id = "{DEFAULT_DEPLOYMENT_ID}"
client_id = "emulator-client"
client_secret = "emulator-secret"
[journal]
directory = "{{folder}}"
[drain]
sessions = "keep"
"""


class Stack:
    """The daemon and its emulator, as their HTTP ports show them."""

    def __init__(self, api: aiohttp.ClientSession, emulator: aiohttp.ClientSession) -> None:
        self._api, self._emulator = api, emulator
        self.beats: dict[str, dict[int, float]] = defaultdict(dict)
        self.answered_s: list[float] = []
        self.refused: list[dict] = []
        self.settled_at = (
            0.0  # on the emulator's clock: all are open, and one interval has passed since
        )

    async def open_all(self) -> None:
        body = {"guestToken": "a-token-of-nobody", "queueId": DEFAULT_QUEUE_ID, "durationS": 2700}
        for n in range(SESSIONS):
            await self.post("/v1/messaging-sessions", {**body, "operation_id": f"m{n}"})
        async with asyncio.timeout(OPEN_WITHIN_S):
            while len(await self.conversations()) < SESSIONS:
                await asyncio.sleep(5.0)

    async def post(self, path: str, body: dict) -> dict:
        async with self._api.post(path, json=body) as answer:
            return await answer.json(content_type=None)

    async def conversations(self) -> list[dict]:
        async with self._emulator.get("/__emulator/conversations") as answer:
            return (await answer.json())["entities"]

    async def look(self) -> None:
        """Keep every heartbeat that has arrived, by its number."""
        for one in await self.conversations():
            for beat in one["beats"]:
                self.beats[one["id"]][beat["sequence"]] = beat["at"]

    async def inject(self, interaction: str) -> None:
        message = {"type": "text", "from": "system", "text": "still there"}
        began = time.monotonic()
        found = await self.post(
            "/v1/injections?wait=60s", {"interactionId": interaction, "messages": [message]}
        )
        self.answered_s.append(time.monotonic() - began)
        if found.get("status") != "succeeded":
            self.refused.append(found)

    async def heartbeats(self) -> dict[str, float]:
        async with self._api.get("/metrics") as answer:
            lines = (await answer.text()).splitlines()
        found = [
            line.partition('outcome="')[2]
            for line in lines
            if line.startswith("guestd_rest_heartbeats_total{")
        ]
        return {line.partition('"')[0]: float(line.rpartition(" ")[2]) for line in found}

    def intervals_s(self, since: float) -> list[float]:
        """Between two heartbeats of one session, where the second came after `since`."""
        found = []
        for beats in self.beats.values():
            times = [at for _, at in sorted(beats.items())]
            found += [late - early for early, late in itertools.pairwise(times) if late >= since]
        return found


@pytest.mark.parametrize("flags", [["--no-limits"], []], ids=["unlimited", "300-a-minute"])
async def test_sess_5_500_rest_sessions_at_the_default_configuration(tmp_path, flags):
    folder = tmp_path / "journal"
    folder.mkdir()
    config, log = tmp_path / "guestd.toml", tmp_path / "guestd.log"
    with child(tmp_path / "emulator.log", "emulate", "--port", "0", *flags) as (_, url):
        config.write_text(CONFIG.format(http=url, ws="ws" + url[4:], folder=folder))
        with child(log, "serve", "-c", str(config), "--port", "0") as (_, api_url):
            async with (
                aiohttp.ClientSession(api_url) as api,
                aiohttp.ClientSession(url) as emulator,
            ):
                stack = Stack(api, emulator)
                await watched(stack, asyncio.create_task(stack.open_all(), name="open"))
                heartbeats = await stack.heartbeats()
                living = [
                    one for one in await stack.conversations() if one["status"] == "connected"
                ]
    assert "wants 1,000 heartbeats a minute" in log.read_text()
    assert (len(living), heartbeats.get("failed", 0), stack.refused) == (SESSIONS, 0, [])
    assert median(stack.answered_s) < 3.0
    settled = stack.intervals_s(stack.settled_at)
    assert len(settled) >= SESSIONS / 2
    assert max(settled) <= 1.2 * min(settled)


async def watched(stack: Stack, opening: asyncio.Task) -> None:
    began = time.monotonic()
    opened = 0.0
    last_look = last_injection = -1e9
    injections: set[asyncio.Task] = set()
    while not opened or time.monotonic() - opened < SETTLE_S + SOAK_S:
        now = time.monotonic()
        if not opened and opening.done():
            opening.result()
            opened = now
            stack.settled_at = await _emulators_now(stack) + SETTLE_S
            print(f"\nall open after {now - began:.0f} s")
        if now - last_injection >= INJECT_EVERY_S and (found := await stack.conversations()):
            last_injection = now
            injections.add(asyncio.create_task(stack.inject(found[0]["id"])))
        if now - last_look >= LOOK_EVERY_S:
            last_look = now
            await stack.look()
            print(line_of(stack, now - began, await stack.heartbeats()), flush=True)
        await asyncio.sleep(0.5)
    await asyncio.gather(*injections)


async def _emulators_now(stack: Stack) -> float:
    """The newest heartbeat's time: the emulator's clock is its own."""
    await stack.look()
    return max(at for beats in stack.beats.values() for at in beats.values())


def line_of(stack: Stack, age_s: float, heartbeats: dict[str, float]) -> str:
    recent = stack.intervals_s(stack.settled_at)
    spread = f"{min(recent):.1f} to {max(recent):.1f} s" if recent else "-"
    answers = stack.answered_s[-20:]
    waits = f"median {median(answers):.2f} s, worst {max(answers):.2f} s" if answers else "-"
    if len(recent) > 20:
        spread += (
            f", middle nine tenths {quantiles(recent, n=20)[0]:.1f} to"
            f" {quantiles(recent, n=20)[-1]:.1f} s"
        )
    return (
        f"{age_s:6.0f} s  beats {heartbeats}  {len(recent)} intervals {spread}  injections {waits}"
    )
