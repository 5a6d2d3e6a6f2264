"""One command's life, cut short at every half millisecond of it: never doubled, never lost, told
once.

The stages that a cut fell into are written down, and all of them must have been met: accepted in
memory, durable, told, sent, taken by the platform, confirmed in memory, recorded, shown.
"""

from __future__ import annotations

import asyncio

from .daemonlife import Simulation
from .platform import Weather
from .story import rest

STAGES = {"accepted", "durable", "told", "sent", "taken", "confirmed", "recorded", "shown"}


def stages(sim: Simulation) -> set[str]:
    """What has happened of the command so far."""
    (frontend,) = sim.frontends
    runner = sim.fleet._runners[frontend.session_id]
    outbox = runner.outbound.outbox
    rows = sim.disk.execute("SELECT kind FROM events WHERE key = 'g0-1'").fetchall()
    reached = set()
    if outbox is not None:
        reached.add("accepted")
        if outbox.under_way is not None:
            reached.add("sent")
        elif not outbox:
            reached |= {"sent", "confirmed"}
    if ("accepted",) in rows:
        reached.add("durable")
    if ("delivery",) in rows:
        reached.add("recorded")
    if "g0-1" in frontend.answered:
        reached.add("told")
    if any(body.get("text") == "g0 says 1" for body in sim.held(frontend)):
        reached.add("taken")
    if any(event["kind"] == "delivery" for event in frontend.events):
        reached.add("shown")
    return reached


async def one_life(sim: Simulation, cut_after_s: float) -> frozenset[str]:
    sim.platform.weather = Weather(delay_s=0.01)
    sim.start()
    while sim.fleet.metrics.sessions.get("live") != 1:
        await asyncio.sleep(0.01)
    await asyncio.sleep(1.0)
    sim.frontends[0].speak(sim.fleet)
    await asyncio.sleep(cut_after_s)
    reached = stages(sim)
    await sim.crash()
    await asyncio.sleep(0.1)
    sim.start()
    await rest(sim)
    fates = [event["status"] for event in sim.frontends[0].events if event["kind"] == "delivery"]
    assert fates == ["confirmed"], (
        f"cut after {cut_after_s * 1000:.1f} ms, at {sorted(reached)}: {fates}"
    )
    texts = [
        body["text"]
        for body in sim.platform.world.messages_of_all()
        if body.get("text") == "g0 says 1"
    ]
    assert len(texts) == 1, (
        f"cut after {cut_after_s * 1000:.1f} ms: {len(texts)} times at the platform"
    )
    return frozenset(reached)


def test_a_crash_at_every_step_of_a_commands_life():
    met: set[frozenset[str]] = set()
    for half_ms in range(140):
        sim = Simulation(seed=half_ms, guests=1)
        sim.platform.world.messages_of_all = lambda world=sim.platform.world: [
            body for session in world.sessions.values() for body in session.messages
        ]
        asyncio.set_event_loop(sim.loop)
        try:
            met.add(sim.loop.run_until_complete(one_life(sim, half_ms * 0.0005)))
        finally:
            sim.loop.close()
            sim.disk.close()
            asyncio.set_event_loop(None)
    assert set().union(*met) == STAGES, "every stage was cut into"
    assert len(met) >= 6, sorted(map(sorted, met))
