"""Faults that are planted in exact numbers, and the list of what each hit: a report of losses is
compared with it."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from itertools import pairwise

import pytest
from websockets.exceptions import ConnectionClosed

from guestd.emulator import DEFAULT_DEPLOYMENT_ID

from .emulator_client import call, emulating, guest

GUESTS, TURNS = 5, 8


class Talker:
    """A guest that reads all its frames; `seen` are the ids of messages as they came, `times` when."""

    def __init__(self, socket, n):
        self.socket = socket
        self.token = f"c3a6e0a2-0000-4000-8000-{n:012x}"
        self.frames = []
        self.at = []
        self.reader = asyncio.create_task(self.read())

    async def read(self):
        with suppress(ConnectionClosed):
            async for text in self.socket:
                self.frames.append(json.loads(text))
                self.at.append(time.monotonic())

    async def ask(self, action, **more):
        request = {"action": action, "token": self.token, "tracingId": f"{self.token}-{action}"}
        await self.socket.send(json.dumps({**request, **more}))

    async def say(self, text):
        await self.ask("onMessage", message={"type": "Text", "text": text})

    def seen(self, direction="Outbound"):
        return [
            one["body"]["id"]
            for one in self.frames
            if one["class"] == "StructuredMessage" and one["body"]["direction"] == direction
        ]


@asynccontextmanager
async def talking(rules, guests=GUESTS, **settings):
    """An emulator with these faults, and guests that have joined."""
    async with emulating(
        agent="echo", faults=tuple(rules), limits={"messages_per_session_per_s": None}, **settings
    ) as emulator:
        async with AsyncExitStack() as open_sockets:
            found = []
            for n in range(guests):
                found.append(Talker(await open_sockets.enter_async_context(guest(emulator)), n))
                await found[-1].ask("configureSession", deploymentId=DEFAULT_DEPLOYMENT_ID)
            yield emulator, found
        for one in found:
            await one.reader


async def until(condition, timeout_s=30.0):
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.01)


async def hold_conversations(guests, frames, turns=TURNS):
    """Turn by turn, until so many frames of the agent's have come in all."""
    for n in range(turns):
        for one in guests:
            await one.say(f"text {n}")
        await asyncio.sleep(0.02)
    await until(lambda: sum(len(one.seen()) for one in guests) >= frames)
    await asyncio.sleep(0.1)


def recorded(emulator, one):
    return [
        body["id"]
        for body in emulator.world.sessions[one.token].messages
        if body["direction"] == "Outbound"
    ]


async def injections(emulator, query=""):
    status, found = await call(emulator, "GET", f"/__emulator/faults/injections{query}")
    assert status == 200, found
    return found["injections"]


def token_of(emulator, conversation):
    return emulator.world.conversations[conversation].token


@pytest.mark.parametrize("is_recorded", [True, False])
async def test_exactly_three_messages_are_lost(is_recorded):
    rule = {"kind": "mute", "sender": "agent", "every": 7, "count": 3, "recorded": is_recorded}
    async with talking([rule]) as (emulator, guests):
        await hold_conversations(guests, GUESTS * TURNS - 3)
        found = await injections(emulator)
        seen = {token: id for one in guests for token, id in [(one.token, one.seen())]}
        hit = {(token_of(emulator, one["conversation"]), one["message"]) for one in found}
        assert len(found) == len(hit) == 3 and {one["fault"] for one in found} == {"mute"}
        for one in guests:
            missing = [message for token, message in hit if token == one.token]
            assert not set(missing) & set(seen[one.token])
            assert len(one.seen()) == TURNS - len(missing)
            assert len(one.seen("Inbound")) == TURNS, "no echo is lost"
            kept = set(recorded(emulator, one))
            assert kept == set(one.seen()) | (set(missing) if is_recorded else set())


async def test_exactly_two_are_doubled_each_at_another_guest():
    rule = {"kind": "duplicate", "sender": "agent", "rate": 0.5, "count": 2}
    async with talking([{**rule, "once_per_session": True}]) as (emulator, guests):
        await hold_conversations(guests, GUESTS * TURNS + 2)
        counts = Counter(id for one in guests for id in one.seen())
        doubled = {id for id, times in counts.items() if times == 2}
        found = await injections(emulator, "?kind=duplicate")
        assert doubled == {one["message"] for one in found} and len(found) == 2
        assert len({one["conversation"] for one in found}) == 2


async def test_exactly_five_change_places_with_the_next():
    rule = {"kind": "swap", "sender": "agent", "every": 3, "count": 5}
    async with talking([rule]) as (emulator, guests):
        await hold_conversations(guests, GUESTS * TURNS)
        found = await injections(emulator)
        assert len(found) == 5
        inverted = set()
        for one in guests:
            right, seen = recorded(emulator, one), one.seen()
            assert sorted(seen) == sorted(right)
            place = [right.index(id) for id in seen]
            inverted |= {(right[b], right[a]) for a, b in pairwise(place) if b < a}
        assert inverted == {(one["message"], one["overtaken_by"]) for one in found}


async def test_what_nothing_overtakes_is_delivered_and_not_counted():
    rule = {"kind": "swap", "sender": "agent", "count": 1, "within_s": 0.2}
    async with talking([rule], guests=1) as (emulator, (one,)):
        await one.say("a")
        await until(lambda: len(one.seen()) == 1)
        assert await injections(emulator) == []
        await one.say("b")
        await one.say("c")
        await until(lambda: len(one.seen()) == 3)
        (found,) = await injections(emulator)
        right = recorded(emulator, one)
        assert one.seen() == [right[0], right[2], right[1]]
        assert (found["message"], found["overtaken_by"]) == (right[1], right[2])


async def test_what_is_held_back_when_the_connection_breaks_is_not_counted():
    rule = {"kind": "swap", "sender": "agent", "count": 1}
    async with talking([rule], guests=1) as (emulator, (one,)):
        await one.say("a")
        await until(lambda: one.seen("Inbound") and emulator.faults.active[0].injected)
        for connection in list(emulator.connections.values()):
            connection.transport.abort()
        await until(lambda: not emulator.connections)
        assert await injections(emulator) == [] and emulator.faults.active[0].injected == 0


async def test_a_share_is_late_by_just_so_much():
    rule = {"kind": "delay", "sender": "agent", "rate": 0.2, "ms": 400, "ms_min": 400}
    async with talking([rule], seed=3) as (emulator, guests):
        await hold_conversations(guests, GUESTS * TURNS)
        found = await injections(emulator)
        assert found
        for one in found:
            guest = next(g for g in guests if g.token == token_of(emulator, one["conversation"]))
            at = next(
                at
                for frame, at in zip(guest.frames, guest.at, strict=True)
                if frame["body"].get("id") == one["message"]
            )
            late_s = at - time.monotonic() + time.time() - one["at"] / 1000
            assert 0.38 < late_s < 5.0


async def test_exactly_twenty_are_throttled():
    rule = {"kind": "throttle", "every": 2, "count": 20, "retry_after_s": 3}
    async with talking([rule], guests=3) as (emulator, guests):
        for n in range(20):
            for one in guests:
                await one.ask("onMessage", tracingId=f"{one.token}/{n}", message={"text": "x"})
        await until(lambda: sum(len(one.frames) for one in guests) >= 3 + 60 + 40)
        refused = {
            frame["tracingId"] for one in guests for frame in one.frames if frame["code"] == 429
        }
        assert len(refused) == 20
        assert refused == {one["tracing_id"] for one in await injections(emulator)}


async def test_a_stall_answers_nothing_and_loses_nothing():
    async with talking([], guests=2) as (emulator, (ana, ben)):
        await ana.say("before")
        await until(lambda: ana.seen())
        rules = [{"kind": "stall", "count": 1, "after_s": 0.3, "ms": 1500}]
        await call(emulator, "POST", "/__emulator/faults", json=rules)
        await asyncio.sleep(0.35)
        begun = time.monotonic()
        await ana.say("one")
        await ben.say("two")
        rest = asyncio.create_task(call(emulator, "GET", "/api/v2/webmessaging/messages"))
        await asyncio.sleep(0.5)
        (found,) = await injections(emulator, "?kind=stall")
        assert found["fault"] == "stall" and len(ana.seen()) == 1 and not ben.seen()
        assert not rest.done(), "REST waits, the admin API does not"
        async with guest(emulator, open_timeout=30.0) as late:
            await late.close()
        assert time.monotonic() - begun > 1.4, "an upgrade waits as well"
        await until(lambda: len(ana.seen()) == 2 and len(ben.seen()) == 1)
        assert (await rest)[0] == 401
        assert min(ana.at[-1], ben.at[-1]) - begun > 1.4


async def test_the_list_is_read_by_pages_and_by_rule():
    rules = [
        {"kind": "duplicate", "sender": "agent", "count": 4},
        {"kind": "mute", "sender": "guest", "count": 2},
    ]
    async with talking(rules) as (emulator, guests):
        await hold_conversations(guests, GUESTS * TURNS + 4)
        everything = await injections(emulator)
        assert len(everything) == 6
        _, page = await call(emulator, "GET", "/__emulator/faults/injections?limit=4")
        assert (page["total"], page["not_kept"]) == (6, 0)
        rest = await injections(emulator, f"?after={page['next']}")
        assert page["injections"] + rest == everything
        muted = emulator.faults.active[1].id
        assert len(await injections(emulator, f"?rule={muted}")) == 2
        assert (await call(emulator, "GET", "/__emulator/faults/injections?limit=0"))[0] == 400
        assert (await call(emulator, "GET", "/__emulator/faults/injections?rules=x"))[0] == 400
