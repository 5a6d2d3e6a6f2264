"""Webhooks over real HTTP: to receivers that behave, and to all the others (SYNC-1, INJ-5,
ASSIST-3)."""

from __future__ import annotations

import asyncio
import socket
import time
from collections import defaultdict

import pytest
from aiohttp import web

from guestd.model.errors import CommandError, NotFound
from guestd.observe.exposition import exposition
from guestd.webhooks.payloads import CONNECTED, EVENTS, INJECTED, TERMINATED
from guestd.webhooks.signing import problem_with

from .harness import SECRET, Mortal, Receiver, World, counts, target, until, webhooks


async def test_sync_1_sessions_connected_and_terminated_are_told_once_each():
    world = World()
    async with Receiver() as crm:
        service, metrics = webhooks(world.journal, target(crm))
        service.start()
        for state, reason in (
            ("resting", "refused"),
            ("live", ""),
            ("resting", "lost"),
            ("live", ""),
            ("ended", "left"),
        ):
            world.session("s1", state, reason)
        await until(lambda: len(crm.got) == 2)
        world.session("s2", "live")
        await until(lambda: len(crm.got) == 3)
        await service.stop()
    assert [(one["event"], one["conversationId"], one["state"]) for one in crm.got] == [
        (CONNECTED, "s1", "connected"),
        (TERMINATED, "s1", "terminated"),
        (CONNECTED, "s2", "connected"),
    ]
    assert crm.got[1]["metadata"] == {"reason": "left"}
    assert metrics.webhooks_delivered == {"crm": 3} and not metrics.webhook_failures


async def test_sync_1_a_webhook_is_signed_numbered_and_dated():
    world = World()
    async with Receiver(lambda n, body: 503 if n == 1 else 200) as crm:
        service, _ = webhooks(
            world.journal, target(crm, secrets=(SECRET, b"the next secret, also active"))
        )
        service.start()
        world.session("s1", "live")
        await until(lambda: len(crm.got) == 2)
        await service.stop()
    assert crm.raw[0] == crm.raw[1]
    assert [one["Guestd-Attempt"] for one in crm.headers] == ["1", "2"]
    for headers in crm.headers:
        assert headers["Guestd-Event-Id"] == crm.got[0]["id"]
        assert headers["Content-Type"] == "application/json"
        for secret in (SECRET, b"the next secret, also active"):
            assert problem_with(headers["Guestd-Signature"], crm.raw[0], secret, time.time()) == ""
    assert crm.got[0]["timestamp"].endswith("Z")


async def test_a_url_that_came_with_an_operation_is_checked_by_the_guard():
    world = World()
    async with Receiver() as inside:
        service, metrics = webhooks(world.journal)
        service.start()
        world.fact("prompt.injected", webhook_url=inside.url)
        world.fact("prompt.injected", webhook_url=inside.url.replace("http", "https"))
        await until(lambda: counts(service, dead=2))
        dead = await service.admin.list("dead")
        assert metrics.webhooks_dead == {"operation": 2}
        await service.stop()
    assert not inside.got and all("refused" in one.reason for one in dead)
    assert dead[0].target == f"http://127.0.0.1:{inside.port}"


async def test_a_target_is_told_only_what_it_wants():
    world = World()
    async with Receiver() as crm:
        service, _ = webhooks(world.journal, target(crm, events=frozenset({TERMINATED})))
        service.start()
        for n in range(3):
            world.session(f"s{n}", "live")
            world.session(f"s{n}", "ended")
        await until(lambda: len(crm.got) == 3)
        await service.stop()
    assert {one["event"] for one in crm.got} == {TERMINATED} < set(EVENTS)


# ---------------------------------------------------------------------- receivers that misbehave


async def hang() -> int:
    await asyncio.sleep(3600)
    return 200


async def test_sync_1_a_hanging_receiver_holds_its_own_calls_and_nobody_elses():
    world = World()
    async with Receiver(lambda n, body: hang()) as slow, Receiver() as quick:
        service, _ = webhooks(
            world.journal,
            target(slow, "slow"),
            target(quick, "quick"),
            inflight_per_host_max=4,
            time_out_s=30.0,
        )
        service.start()
        for n in range(50):
            world.session(f"s{n}", "live")
        await until(lambda: len(quick.got) == 50 and slow.calling == 4)
        assert len(slow.got) == slow.calling_most == 4
        world.session("s3", "ended")
        await until(lambda: len(quick.got) == 51)
        await service.abandon()


async def test_sync_1_what_is_not_answered_in_time_is_tried_again():
    world = World()
    async with Receiver(lambda n, body: hang() if n == 1 else 200) as crm:
        service, metrics = webhooks(world.journal, target(crm, time_out_s=0.05))
        service.start()
        world.session("s1", "live")
        await until(lambda: metrics.webhooks_delivered == {"crm": 1})
        await service.stop()
    assert len(set(crm.ids())) == 1 and len(crm.got) == 2


async def test_sync_1_errors_are_retried_and_then_a_dead_letter_frees_the_lane():
    world = World()
    async with Receiver(lambda n, body: 500 if body["event"] == CONNECTED else 200) as crm:
        service, metrics = webhooks(
            world.journal, target(crm), attempts_max=3, circuit_failures=100
        )
        service.start()
        world.session("s1", "live")
        world.session("s1", "ended")
        await until(lambda: metrics.webhooks_delivered == {"crm": 1})
        dead = await service.admin.list("dead")
        await service.stop()
    assert [one["event"] for one in crm.got] == [CONNECTED] * 3 + [TERMINATED]
    assert [(one.status, one.attempts, one.reason) for one in dead] == [("dead", 3, "answered 500")]
    assert metrics.webhooks_dead == {"crm": 1} and metrics.webhook_failures == {"crm": 3}


async def test_a_gone_receiver_is_not_asked_again():
    world = World()
    async with Receiver(lambda n, body: 410) as crm:
        service, metrics = webhooks(world.journal, target(crm))
        service.start()
        world.session("s1", "live")
        await until(lambda: metrics.webhooks_dead)
        await service.stop()
    assert len(crm.got) == 1


async def test_a_receiver_that_timed_out_is_asked_again():
    """408 is about the receiver's present state (RFC 9110, 15.5.9), unlike that of a REST call."""
    world = World()
    async with Receiver(lambda n, body: 408 if n == 1 else 204) as crm:
        told, metrics = webhooks(world.journal, target(crm))
        told.start()
        world.session("s1", "live")
        await until(lambda: metrics.webhooks_delivered)
        await told.stop()
    assert crm.ids() == crm.ids()[:1] * 2 and not metrics.webhooks_dead


async def test_retry_after_is_obeyed_by_the_whole_host():
    world = World()
    times: list[float] = []

    def answer(n: int, body: object) -> web.Response:
        times.append(time.monotonic())
        return web.Response(status=429 if n == 1 else 200, headers={"Retry-After": "1"})

    async with Receiver(answer) as crm:
        service, _ = webhooks(world.journal, target(crm), inflight_per_host_max=1)
        service.start()
        for name in ("s1", "s2", "s3"):
            world.session(name, "live")
        await until(lambda: len(crm.got) == 4)
        await service.stop()
    assert times[1] - times[0] >= 0.99, "no call to that host was made within the pause"


async def test_redirects_are_not_followed():
    world = World()
    async with Receiver() as elsewhere:
        found = web.Response(status=307, headers={"Location": elsewhere.url})
        async with Receiver(lambda n, body: found) as crm:
            service, metrics = webhooks(world.journal, target(crm), attempts_max=1)
            service.start()
            world.session("s1", "live")
            await until(lambda: service.admin.list("dead"))
            assert "redirects are not followed" in (await service.admin.list("dead"))[0].reason
            await service.stop()
    assert not elsewhere.got


async def test_sync_1_a_dead_host_costs_a_probe_now_and_then():
    world = World()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        dead = Receiver()
        dead.url = f"http://127.0.0.1:{taken.getsockname()[1]}/"
        async with Receiver() as quick:
            service, metrics = webhooks(
                world.journal,
                target(dead, "dead"),
                target(quick, "quick"),
                circuit_failures=3,
                circuit_open_s=3600.0,
            )
            service.start()
            for n in range(100):
                world.session(f"s{n}", "live")
            await until(lambda: len(quick.got) == 100)
            await until(lambda: metrics.webhook_circuits_open() == {"dead": 1})
            assert metrics.webhook_failures["dead"] <= 20 + 3 - 1, (
                "those under way when the third failed, at most"
            )
            assert metrics.webhooks_held() == {"dead": 100}
            assert b'guestd_webhook_circuits_open{target="dead"} 1.0' in exposition(metrics)
            await service.stop()


async def test_sync_1_a_receiver_that_comes_back_gets_everything_in_order():
    world = World()
    down = True
    async with Receiver(lambda n, body: 500 if down else 200) as crm:
        service, metrics = webhooks(world.journal, target(crm), attempts_max=1000, held_max=7)
        service.start()
        for n in range(40):
            for state in ("live", "resting", "ended"):
                world.session(f"s{n}", state)
        await until(lambda: metrics.webhook_failures.get("crm", 0) > 20)
        assert sum(metrics.webhooks_held().values()) <= 7
        down, seen = False, len(crm.got)
        await until(lambda: metrics.webhooks_delivered == {"crm": 80})
        await service.stop()
    events = defaultdict(list)
    for one in crm.got[seen:]:
        events[one["conversationId"]].append(one["event"])
    assert len(events) == 40
    assert all(found == [CONNECTED, TERMINATED] for found in events.values())


# ---------------------------------------------------------------------- crashes


@pytest.mark.parametrize("dies_at", range(14))
async def test_sync_1_killed_at_any_commit_everything_arrives_with_the_same_id_in_order(dies_at):
    """The daemon dies when its k-th commit is given: before the cursor moved, after it, between an
    answer and its mark."""
    world = World()
    world.journal.cursor("webhooks")
    async with Receiver(lambda n, body: 503 if n in (2, 5) else 200) as crm:
        mortal = Mortal(world.journal, dies_at)
        service, first = webhooks(mortal, target(crm))
        service.start()
        for state in ("live", "resting", "live", "ended"):
            for name in ("s1", "s2"):
                world.session(name, state)
        world.fact("injection.completed", conversation="s1")
        await until(lambda: mortal.dead or first.webhooks_delivered == {"crm": 5})
        await service.abandon()

        service, second = webhooks(world.journal, target(crm))
        service.start()
        await until(lambda: counts(service, delivered=5))
        await service.stop()
    by_lane = defaultdict(list)
    for one in crm.got:
        lane, event = (
            (one["conversationId"] if "state" in one else one["data"]["conversationId"]),
            one["event"],
        )
        if event not in by_lane[lane]:
            by_lane[lane].append(event)
    assert by_lane == {"s1": [CONNECTED, TERMINATED, INJECTED], "s2": [CONNECTED, TERMINATED]}
    assert len(set(crm.ids())) == 5, "the same id over all attempts and lives"


async def test_a_pause_that_was_asked_for_outlives_the_process():
    world = World()
    async with Receiver(
        lambda n, body: web.Response(status=503, headers={"Retry-After": "900"})
    ) as crm:
        first, _ = webhooks(world.journal, target(crm))
        first.start()
        world.session("s1", "live")

        async def tried_once():
            return [one.attempts for one in await first.admin.list()] == [1]

        await until(tried_once)
        await first.stop()
        [waiting] = await first.admin.list()
        assert waiting.due_ms - waiting.created_ms >= 900_000 and waiting.reason == "answered 503"
        second, _ = webhooks(world.journal, target(crm))
        second.start()
        await until(lambda: second._sender._scheduler.next_at(0.0) is not None)
        assert second._sender._scheduler.next_at(0.0) - asyncio.get_running_loop().time() > 890
        await second.stop()
    assert len(crm.got) == 1


async def test_ids_differ_between_journals_that_count_from_one():
    ids = []
    for _ in range(2):
        world = World()
        world._ms = iter(range(int(time.time() * 1000) + len(ids), 2**60))
        async with Receiver() as crm:
            service, _ = webhooks(world.journal, target(crm))
            service.start()
            world.session("s1", "live")
            await until(lambda: crm.got)
            await service.stop()
        ids += crm.ids()
    assert ids[0] != ids[1]


async def test_what_waits_for_a_target_that_was_removed_is_a_dead_letter_and_says_so():
    world = World()
    async with Receiver(lambda n, body: 500) as crm:
        service, metrics = webhooks(world.journal, target(crm, "old"))
        service.start()
        world.session("s1", "live")
        await until(lambda: crm.got)
        await service.stop()
        service, metrics = webhooks(world.journal)
        service.start()
        await until(lambda: service.admin.list("dead"))
        assert (await service.admin.list("dead"))[0].reason == "there is no target old any more"
        await service.stop()


# ---------------------------------------------------------------------- the admin


async def test_sync_1_dead_letters_are_listed_and_sent_again():
    world = World()
    works = False
    async with Receiver(lambda n, body: 200 if works else 400) as crm:
        service, metrics = webhooks(world.journal, target(crm), attempts_max=1)
        service.start()
        for n in range(5):
            world.session(f"s{n}", "live")
        await until(lambda: counts(service, dead=5))
        first, *_ = dead = await service.admin.list("dead")
        assert [
            one.delivery_id for one in (await service.admin.list("dead", first.delivery_id, 2))
        ] == [one.delivery_id for one in dead[1:3]]
        works = True
        again = await service.admin.replay(first.delivery_id)
        assert (again.status, again.attempts, again.delivery_id) == (
            "waiting",
            0,
            first.delivery_id,
        )
        await until(lambda: counts(service, delivered=1))
        assert await service.admin.replay_dead() == 4
        await until(lambda: counts(service, delivered=5))
        assert not (await service.admin.list("dead")) and await service.admin.replay_dead() == 0
        await service.stop()
    assert len(set(crm.ids())) == 5 and len(crm.got) == 10


async def test_the_admin_says_what_is_wrong():
    service, _ = webhooks(World().journal)
    with pytest.raises(CommandError, match="'gone' is none of waiting, dead, delivered"):
        await service.admin.list("gone")
    with pytest.raises(CommandError, match="limit"):
        await service.admin.list("dead", limit=0)
    with pytest.raises(NotFound, match="no webhook x"):
        await service.admin.replay("x")
    await service.stop()
