"""The real process, killed with -9 between any two steps of its operations: each done once, told at
least once, audited in full.

First at every step, with the platform or the receiver of webhooks holding the daemon there; then at
random moments, under traffic. What the emulator did, what the receiver got, and what journal and
audit say are compared in the end.

    TEST_KILLS=500 TEST_KILL_SEED=7 .venv/bin/python -m pytest -s
    tests/acceptance/test_kill_operations.py
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable
from itertools import count
from random import Random
from typing import NamedTuple

import pytest

from .callers import guest, injection, is_open, messaging, prompt
from .forked_daemon import is_alive, until
from .kill_harness import KillHarness, new_harness

KILLS = int(os.environ.get("TEST_KILLS", "20"))
SEED = int(os.environ.get("TEST_KILL_SEED", str(Random().randrange(10**6))))
CALLERS = 3
SETTLED_S = (
    0.05  # a struck call that acts has acted by then; if not, the platform is held a step earlier
)

CONTACTS, MESSAGING = "/api/v2/externalcontacts/contacts", "/api/v2/conversations/messaging"
INJECT, PROMPTS = "/api/v2/interactions/chat/inject", "/api/v2/agent-assist/prompt-injections"


@pytest.fixture
def harness(new_life, tmp_path):
    return lambda: new_harness(new_life, tmp_path)


# ------------------------------------------------------------------ at every step


class Step(NamedTuple):
    """Of which kind of operation, and the call it is held at: the platform acts and does not
    answer, or does not even act."""

    kind: str
    method: str
    path: str


STEPS = (
    Step("guest", "POST", "/oauth/token"),
    Step("guest", "GET", "/api/v2/routing/queues/"),
    Step("guest", "POST", CONTACTS),
    Step("guest", "POST", MESSAGING),
    Step("injection", "GET", "/api/v2/interactions/chat/"),
    Step("injection", "POST", INJECT),
    Step("prompt", "POST", PROMPTS),
    Step("messaging", "POST", MESSAGING),
    Step("messaging", "PATCH", MESSAGING),
)


async def test_http_2_killed_at_every_step_it_is_done_once(harness):
    async with harness() as here:
        await here.live()
        for step in STEPS:
            for when in ("before", "after"):
                await _die_at(here, step, when)
        for how in (_held, _refused, _taken):
            await _die_while_telling(here, how)
        await _die_around_a_deferral(here)
        await here.examine("at every step")


async def _die_at(here: KillHarness, step: Step, when: str) -> None:
    name = f"{step.kind}-{next(here.names)}"
    request = {
        "guest": lambda _: guest(name),
        "messaging": lambda _: messaging(),
        "injection": lambda conversation: injection(conversation, f"{name} one", f"{name} two"),
        "prompt": prompt,
    }[step.kind](await here.conversation() if step.kind in ("injection", "prompt") else "")
    if step.path == "/oauth/token":
        await _be_born_again(here)
    if step.method == "PATCH":
        name = await here.session()
    before = here.struck()
    here.faults({"kind": "no_answer", "when": when, "path": step.path, "method": step.method})
    if step.method == "PATCH":
        await here.caller.end(name)
    else:
        await here.caller.start(step.kind, name, request)
    await until(lambda: here.struck() > before, 30.0)
    await asyncio.sleep(SETTLED_S)
    await _be_born_again(here)
    if step.kind == "messaging" and step.method == "POST":
        await here.caller.when(name, is_open)
        await here.caller.end(name)
    found = await here.caller.over(name)
    assert found["operation_id"] == name, step


async def _be_born_again(here: KillHarness) -> None:
    await here.die()
    here.faults()
    here.crm.answer = here.crm.well
    await here.live()


async def _die_around_a_deferral(here: KillHarness) -> None:
    """The agent's screen is full: no answer at all, then a 409 that is lost, then one that is
    heard; the same again when the prompt's time has come."""
    conversation = await here.conversation()
    await here.caller.start("prompt", "first-prompt", prompt(conversation), wait="10s")
    await _die_held(
        "before", here, here.caller.start("prompt", "late-prompt", prompt(conversation))
    )
    await _die_held("after", here, here.live())
    await here.live()
    await here.caller.when("late-prompt", lambda one: one["status"] == "deferred")
    await _be_born_again(here)
    assert (await here.caller.look("late-prompt"))["status"] == "deferred"
    await _die_held("before", here, asyncio.sleep(0.0))
    await _die_held("after", here, here.live())
    await here.live()
    assert (await here.caller.over("late-prompt"))["result"]["deferrals"] == 1


async def _die_held(when: str, here: KillHarness, beginning: Awaitable[object]) -> None:
    """What begins now is held at the prompt's call, and there the daemon dies; the platform is well
    again afterwards."""
    before = here.struck()
    here.faults({"kind": "no_answer", "when": when, "path": PROMPTS, "method": "POST"})
    await beginning
    await until(lambda: here.struck() > before, 30.0)
    await asyncio.sleep(SETTLED_S)
    await here.die()
    here.faults()


# ------------------------------------------------------------------ while a receiver is being told


def _held(here: KillHarness):
    """The receiver has it and says nothing."""
    return asyncio.sleep(60.0, 204)


def _refused(here: KillHarness):
    """The receiver is out of order; the next try is due in a moment."""
    return asyncio.sleep(0.0, 503)


def _taken(here: KillHarness):
    """The receiver has said yes, and it is not noted yet."""

    async def yes() -> int:
        asyncio.get_running_loop().call_later(0.001, os.kill, here.pid, signal.SIGKILL)
        here.crm.answer = here.crm.well
        return 204

    return yes()


async def _die_while_telling(here: KillHarness, how) -> None:
    conversation = await here.conversation()
    name = f"injection-{next(here.names)}"
    tries = len(here.crm.got)
    here.crm.answer = lambda: how(here)
    asking = asyncio.gather(
        here.caller.start("injection", name, injection(conversation, name)),
        here.caller.start("prompt", f"{name}-prompt", prompt(conversation)),
    )
    await until(lambda: len(here.crm.got) > tries, 30.0)
    if how is _taken:
        await until(lambda: not is_alive(here.pid), 30.0)
        await here.live()
    else:
        await _be_born_again(here)
    await asking
    await here.caller.over(name)


# ------------------------------------------------------------------ at random


async def test_http_2_killed_at_random_it_is_done_once(harness):
    print(f"\n{KILLS} kills, seed {SEED}: repeat with TEST_KILL_SEED={SEED}")
    rng = Random(SEED)
    async with harness() as here:
        enough = asyncio.Event()
        callers = [asyncio.create_task(_call_on(here, n, enough)) for n in range(CALLERS)]
        try:
            for _ in range(KILLS):
                await here.live()
                await asyncio.sleep(rng.uniform(0.0, 0.5))
                await here.die()
                assert not (failed := [one.exception() for one in callers if one.done()]), failed
            enough.set()
            await here.live()
            await asyncio.gather(*callers)
        finally:
            for one in callers:
                one.cancel()
        await here.examine(f"seed {SEED}")
        print(
            f"{len(here.caller.asked)} operations, {len(here.crm.got)} webhooks for"
            f" {len(here.crm.told())} happenings"
        )


async def _call_on(here: KillHarness, n: int, enough: asyncio.Event) -> None:
    """Again and again: a guest, what is said to it, two prompts for a screen that holds one, a
    session opened and ended."""
    for turn in count(1):
        name, caller = f"caller-{n}-{turn}", here.caller
        await caller.start("guest", f"{name}-guest", guest(name))
        conversation = (await caller.over(f"{name}-guest"))["result"]["conversation_id"]
        for part in ("one", "two"):
            await caller.start(
                "injection", f"{name}-{part}", injection(conversation, f"{name} {part}")
            )
        for part in ("shown", "deferred"):
            await caller.start("prompt", f"{name}-{part}", prompt(conversation))
        await caller.start("messaging", f"{name}-session", messaging())
        await caller.when(f"{name}-session", is_open)
        await caller.end(f"{name}-session")
        if enough.is_set():
            return
