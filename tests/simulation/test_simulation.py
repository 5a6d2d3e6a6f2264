"""The whole daemon in a simulated world: seeded faults, crashes and restarts; everything must hold,
then come to rest.

A failing seed prints itself. The same seed is the same run, in any process: its trace has the same
hash.

    TEST_SIM_SEED=7 TEST_SIM_HOURS=50 .venv/bin/python -m pytest tests/simulation
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from tests.thoroughness import runs

from .daemonlife import Simulation, identity_of
from .story import answer_slowly, run

HOURS = float(os.environ.get("TEST_SIM_HOURS", "1"))
FRESH = int(os.environ.get("TEST_SIM_SEED", str(Random().randrange(10**6))))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_dense(seed):
    """Ten minutes of talk, a crash every two."""
    run(seed, 600.0)


@pytest.mark.parametrize("further", range(runs(7)))
def test_dense_and_never_run_before(further):
    run(FRESH + further, 600.0, gaps_max=8)


def sparse(seed, guests=100, hours=HOURS, gaps_max=0):
    """Many guests who talk now and then, for long: heartbeats, gaps and restarts rather than crowds
    of messages."""
    crash_every_s = hours * 720.0
    return run(
        seed, hours * 3600.0, guests, pace_s=3600.0, crash_every_s=crash_every_s, gaps_max=gaps_max
    )


def test_a_hundred_session_hours():
    sparse(11)


@pytest.mark.parametrize("further", range(runs(3)))
def test_a_hundred_session_hours_never_run_before(further):
    sparse(FRESH + 1000 + further, gaps_max=20)


@pytest.mark.soak
def test_a_hundred_thousand_session_hours():
    for seed in range(FRESH, FRESH + 100):
        sparse(seed, hours=10.0, gaps_max=200)
        print(f"seed {seed}: a thousand session-hours", flush=True)


@pytest.mark.parametrize("seed", [185, 210, 241, 257])
def test_a_crash_between_a_confirmation_and_its_being_durable(seed):
    """Message 18 is confirmed and lets 19 go; the crash forgets the confirmation. 19 must not be
    sent again."""
    run(seed, 600.0)


@pytest.mark.parametrize("seed", range(1, 1 + runs(13)))
def test_a_history_that_answers_after_its_connection_is_lost(seed):
    """What it holds is older than the connection that asked: nothing may be missing from the next
    connection's history."""
    run(seed, 200.0, pace_s=2.0, patches=[answer_slowly], gaps_max=8)


def test_a_stated_gap_covers_what_lies_in_it_and_no_more(monkeypatch):
    examined = []

    def examine(sim):
        guest = max(sim.frontends, key=lambda one: len(one.shown))
        held = [identity_of(body) for body in sim.held(guest)]
        assert len(held) >= 4 and not sim.lost(guest)
        guest.shown -= {*held[1:]}
        guest.gaps = [sim.covered_now(guest)]
        assert guest.gaps == [range(1, len(held))]
        assert sim.lost(guest) == held[1:]  # none may be stated
        sim.gaps_max = 1
        assert sim.lost(guest) == []
        guest.shown.discard(held[0])
        assert sim.lost(guest) == [held[0]]
        examined.append(guest)

    monkeypatch.setattr(Simulation, "compare", examine)
    run(1, 60.0, pace_s=5.0)
    assert examined


def test_the_same_seed_is_the_same_run_in_two_processes():
    code = (
        "import sys; from tests.simulation.story import run; print(run(int(sys.argv[1]),"
        " 150.0).hash.hexdigest())"
    )
    root = Path(__file__).parents[2]
    hashes = {
        subprocess.run(
            [sys.executable, "-c", code, "5"],
            cwd=root,
            env={**os.environ, "PYTHONHASHSEED": salt},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for salt in ("1", "2")
    }
    assert len(hashes) == 1


def test_a_fleet_that_was_stopped_dials_no_more():
    """Found when the disk broke in the middle of a restart: a cancelled dial let the next one go,
    and a dead fleet lived on."""
    sim = Simulation(seed=1, guests=100)

    async def die_while_coming_up():
        sim.platform.weather.partitioned = True  # so that dials are under way
        sim.start()
        await asyncio.sleep(0.3)
        await sim.crash()
        dials = len(sim.platform.dials)
        await asyncio.sleep(60.0)
        assert len(sim.platform.dials) == dials
        assert not sim.platform.connections

    sim.loop.run_until_complete(die_while_coming_up())
    sim.loop.close()
    sim.disk.close()
