"""However guest sessions end, and whatever is being put in order at that moment: what was received
is shown, each once, before the last event."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from guestd.model.commands import End
from guestd.model.endings import Cause, Ending
from guestd.model.signals import MessageArrived
from guestd.session.inbox import ByTime, InboxOutcome
from guestd.supervisor.connection_callbacks import ConnectionCallbacks
from tests.thoroughness import runs

from .daemonlife import Simulation, seen
from .platform import Weather
from .story import rest

#: Messages are held for each other often.
HOLDING = {"hold_initial_ms": 200.0, "hold_min_ms": 200.0}

#: And forgotten soon.
SETTINGS = {**HOLDING, "inbox_held_max": 16, "inbox_remembered_max": 16}

SEEDS = range(1, 1 + runs(16))


def note_received(monkeypatch, received):
    """Write down each message that reaches the daemon, by guest session."""
    text_received = ConnectionCallbacks.text_received

    def noted(self, frame):
        if self.owner is not None:
            identities = received.setdefault(self.owner.session_id, set())
            found = self.owner.context.decode(frame)
            identities |= {one.identity for one in found if type(one) is MessageArrived}
        text_received(self, frame)

    monkeypatch.setattr(ConnectionCallbacks, "text_received", noted)


async def drained(sim):
    await sim.fleet.drain(120.0)


async def closed_by_frontends(sim):
    for one in sim.frontends:
        sim.fleet.give(one.session_id, End(f"{one.name}-end"), lambda answer: None)


async def closed_by_the_platform(sim):
    for connection in list(sim.platform.connections.values()):
        connection.end(Ending(Cause.CLOSED_BY_PEER, 1000))


async def logged_out(sim):
    for connection in list(sim.platform.connections.values()):
        connection.deliver(b'{"type":"response","class":"LogoutEvent","code":200,"body":{}}', False)


async def broken(sim):
    for runner in list(sim.fleet._runners.values()):
        runner._break(MessageArrived, ValueError("a bug"))


ENDS = [drained, closed_by_frontends, closed_by_the_platform, logged_out, broken]


async def talk(sim, rng, seconds):
    sim.start()
    sim.platform.weather = Weather(
        reset=rng.choice([0.0, 0.02]),
        history_fails=rng.choice([0.0, 0.5]),
        garbage=rng.choice([0.0, 0.05]),
        duplicate=0.3,
        delay_s=rng.choice([0.02, 0.2]),
    )
    until = sim.loop.time() + seconds
    while sim.loop.time() < until:
        rng.choice(sim.frontends).speak(sim.fleet)
        await asyncio.sleep(rng.expovariate(4.0))
        sim.check()


async def ended(sim, rng, end):
    await talk(sim, rng, rng.uniform(5.0, 20.0))
    await end(sim)
    sim.platform.weather.reset = sim.platform.weather.history_fails = 0.0
    async with asyncio.timeout(1000.0):
        while sim.fleet._runners:
            if end is not closed_by_frontends:
                await end(sim)  # those without a connection have one later
            await asyncio.sleep(0.3)
            sim.check()
    await asyncio.sleep(1.0)
    await sim.fleet.stop()


async def stopped_and_started(sim, rng):
    await talk(sim, rng, rng.uniform(5.0, 20.0))
    await sim.fleet.stop()
    await asyncio.sleep(1.0)
    await sim.crash()
    sim.start()
    await rest(sim)


def run(sim, story):
    asyncio.set_event_loop(sim.loop)
    try:
        sim.loop.run_until_complete(story)
    finally:
        pending = asyncio.all_tasks(sim.loop)
        for task in pending:
            task.cancel()
        if pending:
            sim.loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
        sim.loop.close()
        sim.disk.close()
        asyncio.set_event_loop(None)


def lost(sim, received):
    """By guest, what was received and not shown."""
    for one in sim.frontends:
        shown = [event["id"] for event in seen(one)]
        assert len(set(shown)) == len(shown), f"{one.name} was shown something twice"
        assert one.events[-1]["state"] == "ended"
    return {
        one.name: missing
        for one in sim.frontends
        if (missing := received[one.session_id] - {event.get("id") for event in one.events})
    }


@pytest.mark.parametrize("end", ENDS)
def test_what_was_received_is_shown_before_the_end(monkeypatch, end):
    for seed in SEEDS:
        received = {}
        with monkeypatch.context() as patched:
            note_received(patched, received)
            sim = Simulation(seed, 4, SETTINGS)
            run(sim, ended(sim, Random(f"{seed} {end.__name__}"), end))
        assert not lost(sim, received), f"seed {seed}"


def test_a_stop_and_a_start_lose_nothing_either():
    for seed in SEEDS:
        sim = Simulation(seed, 4, HOLDING)
        run(sim, stopped_and_started(sim, Random(f"{seed} stop")))


def test_an_inbox_that_drops_what_it_holds_is_caught(monkeypatch):
    monkeypatch.setattr(ByTime, "flush", lambda self, now: InboxOutcome())
    for seed in range(1, 9):
        received = {}
        with monkeypatch.context() as patched:
            note_received(patched, received)
            sim = Simulation(seed, 4, SETTINGS)
            run(sim, ended(sim, Random(f"{seed} logged_out"), logged_out))
        if lost(sim, received):
            return
    pytest.fail("it was not noticed")
