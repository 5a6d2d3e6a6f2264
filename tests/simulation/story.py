"""Two acts. Under faults nothing may ever be wrong; when they stop, everything must come to rest
within a stated time."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from random import Random

from .daemonlife import Simulation
from .platform import Weather

#: Virtual seconds after the last fault within which all must be live, all commands settled, all
#: messages shown.
REST_WITHIN_S = 300.0


def draw_weather(rng: Random) -> Weather:
    """Most of the time some things go wrong, now and then everything, now and then nothing."""

    def maybe(high: float) -> float:
        return rng.uniform(0.0, high) if rng.random() < 0.5 else 0.0

    return Weather(
        reset=maybe(0.02),
        half_open=maybe(0.005),
        dial_fails=maybe(0.3),
        history_fails=maybe(0.3),
        history_empty=maybe(0.2),
        throttle=maybe(0.2),
        garbage=maybe(0.03),
        duplicate=maybe(0.1),
        delay_s=rng.choice([0.0, 0.02, 0.2, 1.0]),
        partitioned=rng.random() < 0.05,
    )


def answer_slowly(sim: Simulation) -> None:
    """A patch: an answer of the history is under way for up to ten seconds, and reconnecting takes
    less than one."""
    sim.platform.history_answer_s_max = 10.0


async def tell(
    sim: Simulation, seconds: float, pace_s: float = 20.0, crash_every_s: float = 120.0
) -> None:
    rng = Random(f"{sim.seed} story")
    sim.start()
    until = sim.loop.time() + seconds
    speak_at = [sim.loop.time() + rng.uniform(0.0, pace_s) for _ in sim.frontends]
    weather_at = crash_at = disk_at = 0.0
    while (now := sim.loop.time()) < until:
        if now >= weather_at:
            sim.platform.weather = draw_weather(rng)
            weather_at = now + rng.uniform(5.0, 60.0)
        if now >= disk_at:
            sim.disk_full = rng.choice([0.0, 0.0, 0.0, 0.3, 0.9])
            sim.disk_breaks = rng.choice([0.0, 0.0, 0.002, 0.01])
            disk_at = now + rng.uniform(5.0, 40.0)
        if now >= crash_at or sim.broken.is_set():
            if crash_at:
                await sim.crash()
                sim.loop.epoch_offset_s += rng.choice([0.0, 0.0, 3600.0, -30.0])
                await asyncio.sleep(rng.uniform(0.0, 5.0))
                sim.start()
            crash_at = now + rng.uniform(0.0, 2 * crash_every_s)
        for n, frontend in enumerate(sim.frontends):
            if now >= speak_at[n]:
                if not sim.journal.storage_full and frontend.session_id:
                    frontend.speak(sim.fleet)
                speak_at[n] = now + rng.expovariate(1.0 / pace_s)
        next_at = min([weather_at, crash_at, disk_at, until, *speak_at])
        with suppress(TimeoutError):
            await asyncio.wait_for(sim.broken.wait(), max(0.001, next_at - sim.loop.time()))
        sim.check()
    if sim.broken.is_set():
        await sim.crash()
        sim.start()
    await rest(sim)


async def rest(sim: Simulation) -> None:
    """The faults stop."""
    sim.platform.weather, sim.disk_full, sim.disk_breaks = Weather(), 0.0, 0.0
    for frontend in sim.frontends:
        for command_id, text in list(frontend.waiting.items()):
            frontend._give(sim.fleet, command_id, text)
    give_up_at = sim.loop.time() + REST_WITHIN_S
    while not sim.at_rest():
        assert sim.loop.time() < give_up_at, (
            f"not at rest after {REST_WITHIN_S:.0f} s: {_unrest(sim)}"
        )
        await asyncio.sleep(0.5)
        sim.check()
        for frontend in sim.frontends:
            for command_id, text in list(frontend.waiting.items()):
                frontend._give(sim.fleet, command_id, text)
    sim.check()
    sim.compare()
    sim.check_dials()
    await sim.fleet.stop()


def _unrest(sim: Simulation) -> str:
    lines = [repr(runner.machine) for runner in sim.fleet._runners.values()]
    lines += [f"{one.name} waits for {sorted(one.waiting)}" for one in sim.frontends if one.waiting]
    return "\n".join(lines)


def run(seed: int, seconds: float, guests: int = 8, **more) -> Simulation:
    """`gaps_max`: how many gaps may be stated, because all tries to read a history failed; what lies
    in one is not lost."""
    sim = Simulation(seed, guests, more.pop("settings", None), more.pop("file_share", 0.0))
    sim.patches = list(more.pop("patches", ()))
    sim.gaps_max = more.pop("gaps_max", 0)
    asyncio.set_event_loop(sim.loop)
    try:
        sim.loop.run_until_complete(tell(sim, seconds, **more))
    except BaseException as error:
        error.add_note(
            f"seed {seed}, {seconds:.0f} s, {guests} guests, {sim.crashes} crashes, at"
            f" {sim.loop.time():.3f}"
        )
        raise
    finally:
        pending = asyncio.all_tasks(sim.loop)
        for task in pending:
            task.cancel()
        if pending:
            sim.loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
        sim.loop.close()
        sim.disk.close()
        asyncio.set_event_loop(None)
    return sim
