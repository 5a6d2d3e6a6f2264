"""A message that waits for a connection, and a crash at every half millisecond around it: sent
once, confirmed once.

The connection is known to the journal before anything is sent on it. So a crash leaves no message
that was sent while the journal's last word is that there was no connection.
"""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from guestd.model.endings import Cause, Ending
from guestd.session.outbound import Outbound
from tests.thoroughness import runs

from .daemonlife import Simulation
from .platform import Weather
from .story import rest


async def live(sim: Simulation) -> None:
    while sim.fleet.metrics.sessions.get("live") != 1:
        await asyncio.sleep(0.001)


async def wait_for_the_first_connection(sim: Simulation) -> None:
    sim.start()
    sim.frontends[0].speak(sim.fleet)


async def wait_for_the_next_connection(sim: Simulation) -> None:
    sim.start()
    await live(sim)
    await asyncio.sleep(1.0)
    for connection in list(sim.platform.connections.values()):
        connection.end(Ending(Cause.LOST, 1006))
    await asyncio.sleep(0.1)
    sim.frontends[0].speak(sim.fleet)


async def wait_after_a_crash(sim: Simulation) -> None:
    sim.start()
    await live(sim)
    await asyncio.sleep(1.0)
    await sim.crash()
    sim.start()
    sim.frontends[0].speak(sim.fleet)


async def one_life(sim: Simulation, wait, cut_after_s: float) -> None:
    sim.platform.weather = Weather(delay_s=0.001)
    await wait(sim)
    await live(sim)
    await asyncio.sleep(cut_after_s)
    await sim.crash()
    sim.start()
    await rest(sim)
    fates = [event["status"] for event in sim.frontends[0].events if event["kind"] == "delivery"]
    assert fates == ["confirmed"], f"cut {cut_after_s * 1000:.1f} ms after the connection: {fates}"
    held = [
        body.get("text") for one in sim.platform.world.sessions.values() for body in one.messages
    ]
    assert held.count("g0 says 1") == 1, f"cut {cut_after_s * 1000:.1f} ms after the connection"


def cut_everywhere(wait, seed: int) -> None:
    rng = Random(seed)
    for half_ms in range(60):
        sim = Simulation(seed=rng.randrange(10**6), guests=1)
        asyncio.set_event_loop(sim.loop)
        try:
            sim.loop.run_until_complete(one_life(sim, wait, half_ms * 0.0005))
        finally:
            sim.loop.close()
            sim.disk.close()
            asyncio.set_event_loop(None)


WAITS = [wait_for_the_first_connection, wait_for_the_next_connection, wait_after_a_crash]


@pytest.mark.parametrize("seed", range(runs(6)))
@pytest.mark.parametrize("wait", WAITS, ids=lambda wait: wait.__name__)
def test_a_message_that_waits_for_a_connection_is_sent_once(wait, seed):
    cut_everywhere(wait, seed)


@pytest.mark.parametrize("wait", WAITS, ids=lambda wait: wait.__name__)
def test_a_daemon_that_sends_before_the_connection_is_durable_is_caught(monkeypatch, wait):
    monkeypatch.setattr(Outbound, "await_durable", lambda self, out: None)
    with pytest.raises(AssertionError, match="doubled"):
        cut_everywhere(wait, 0)
