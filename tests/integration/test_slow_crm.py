"""Bad CRMs slow no others down (SYNC-1): one hangs, one answers 500, two have names that lead where
no call may go.

Speed is not asserted, but why there is nothing to be slow for: what is said makes no webhook, the
calls and what is held for them are bounded whatever piles up, and it piles up in the journal. When
the CRMs are well again everything arrives, in order."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from contextlib import asynccontextmanager

import orjson
from pydantic import SecretBytes

from guestd.model.commands import End, Send
from guestd.model.ports import OpenGuest
from guestd.webhooks.settings import WebhookTarget
from tests.webhooks.harness import SECRET, Receiver, target, until, webhooks

GUESTS, TEXTS = 200, 3
PER_HOST, HELD = 5, 50


class Frontend:
    """Follows one guest session."""

    def __init__(self) -> None:
        self.echoes: list[str] = []
        self.state = ""

    def offer(self, row) -> None:
        event = orjson.loads(row.payload)
        if row.kind == "session":
            self.state = event["state"]
        elif row.kind == "message" and event["direction"] == "Inbound":
            self.echoes.append(event["text"])

    def over(self) -> None: ...


class Moods:
    """The CRMs, ill until `heal`; how many calls were ever under way at once; who knocked at the
    forbidden door."""

    def __init__(self) -> None:
        self.well = asyncio.Event()
        self.hanging = Receiver(self._hang)
        self.failing = Receiver(lambda n, body: 204 if self.well.is_set() else 500)
        self.knocks = 0

    async def _hang(self, n, body) -> int:
        await self.well.wait()
        return 204

    async def knocked(self, reader, writer) -> None:
        self.knocks += 1
        writer.close()


@asynccontextmanager
async def bad_crms(journal):
    """(moods, webhooks, names asked for)"""
    moods, asked = Moods(), []

    async def lookup(host: str, port: int) -> list[str]:
        asked.append(host)
        return {"metadata.example.org": ["169.254.169.254"], "loop.example.org": ["127.0.0.1"]}.get(
            host, ["127.0.0.1"]
        )

    async with moods.hanging as hanging, moods.failing as failing:
        door = await asyncio.start_server(moods.knocked, "127.0.0.1", 0)
        port = door.sockets[0].getsockname()[1]
        everyone = (
            target(hanging, "hangs"),
            target(failing, "fails"),
            WebhookTarget(
                "metadata",
                f"https://metadata.example.org:{port}/latest/meta-data/",
                (SecretBytes(SECRET),),
            ),
            WebhookTarget("loopback", f"https://loop.example.org:{port}/", (SecretBytes(SECRET),)),
        )
        figures = {"time_out_s": 0.2, "attempts_max": 10_000, "circuit_failures": 3}
        bounds = {"inflight_per_host_max": PER_HOST, "held_max": HELD}
        hooks, metrics = webhooks(journal, *everyone, lookup=lookup, **figures, **bounds)
        hooks.start()
        try:
            yield moods, metrics, asked
        finally:
            moods.well.set()
            await hooks.stop()
            door.close()
            await door.wait_closed()


def calls() -> int:
    return sum(task.get_name() == "webhook" for task in asyncio.all_tasks())


def in_order(receiver: Receiver) -> dict[str, list[str]]:
    """What arrived, per conversation, each id once, in the order in which it first came."""
    reported: dict[str, dict[str, str]] = defaultdict(dict)
    for body in receiver.got:
        reported[body["conversationId"]].setdefault(body["id"], body["event"])
    return {conversation: list(events.values()) for conversation, events in reported.items()}


async def test_sync_1_bad_crms_are_on_nobodys_way_and_nothing_is_lost(new_stack):
    stack_of = {"emulator": {"agent": "silent", "limits": {"connections_per_minute": None}}}
    async with new_stack(**stack_of, fleet={"connects_per_minute": 100_000}) as stack:
        journal = stack.fleet._journal
        async with bad_crms(journal) as (moods, metrics, asked):
            frontends = {stack.fleet.open(OpenGuest(f"g{n}")): Frontend() for n in range(GUESTS)}
            for session_id, frontend in frontends.items():
                stack.fleet.watch(session_id, frontend)
            await until(lambda: all(one.state == "live" for one in frontends.values()), 30.0)
            await until(lambda: moods.hanging.got and moods.failing.got and len(set(asked)) == 2)

            most = calls()
            for n in range(TEXTS):
                for session_id in frontends:
                    stack.fleet.give(session_id, Send(f"c{n}", f"text {n}"), lambda answer: None)
                await until(
                    lambda n=n: all(len(one.echoes) == n + 1 for one in frontends.values()), 30.0
                )
                most = max(most, calls())
                assert not moods.well.is_set() and sum(metrics.webhooks_delivered.values()) == 0
            assert all(
                one.echoes == [f"text {n}" for n in range(TEXTS)] for one in frontends.values()
            )
            assert {body["event"] for body in moods.hanging.got} == {"session.connected"}

            for session_id in frontends:
                stack.fleet.give(session_id, End("bye"), lambda answer: None)
            await until(lambda: all(one.state == "ended" for one in frontends.values()), 30.0)
            assert 0 < max(most, calls()) <= 4 * PER_HOST
            assert max(metrics.webhooks_held().values()) <= HELD
            assert max(moods.hanging.calling_most, moods.failing.calling_most) <= PER_HOST + 1

            moods.well.set()
            everything = {
                session_id: ["session.connected", "session.terminated"] for session_id in frontends
            }
            await until(lambda: sum(metrics.webhooks_delivered.values()) == 4 * GUESTS, 60.0)
            assert in_order(moods.hanging) == in_order(moods.failing) == everything

            assert moods.knocks == 0 and {"metadata.example.org", "loop.example.org"} <= set(asked)
            waiting = await journal.deliveries("waiting", "", 10 * GUESTS)
            kept = [one.target for one in waiting]
            assert kept.count("metadata") == kept.count("loopback") == 2 * GUESTS
            assert all("not a public address" in one.reason for one in waiting if one.attempts)
