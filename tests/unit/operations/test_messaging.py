"""Messaging sessions over REST: opened, kept alive, told goodbye (SESS-1 … 6, SESS-8)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import pairwise

import pytest

from guestd.model.errors import BudgetSpent, CommandError, LimitExceeded, PlatformError
from guestd.model.times import iso_of_ms
from guestd.observe.exposition import exposition
from tests.reading import at_once

from .conftest import GUEST_TOKEN, REQUESTS, CutJournal, do, fault

HALF_HOUR = {**REQUESTS["messaging"], "durationS": 1800}
DEFAULT = {key: value for key, value in REQUESTS["messaging"].items() if key != "durationS"}


def beats(world, n=0):
    return world.twin.made["conversation"][n]["beats"]


def test_sess_4_the_body_is_as_the_contract_has_it(world):
    asked_ms = int(world.loop.time() * 1000 + world.loop.epoch_offset_s * 1000)
    view = do(
        world, "messaging", request={**REQUESTS["messaging"], "name": "Ana", "locale": "de-DE"}
    )
    assert world.twin.calls[0].body == {
        "id": view.result["conversation_id"],
        "from": {"id": view.result["guest_id"], "name": "Ana", "type": "user"},
        "to": [{"id": "q1", "type": "queue"}],
        "type": "messaging",
        "channelAddress": "web",
        "context": {
            "locale": "de-DE",
            "capabilities": ["typing-indicator", "read-receipts"],
            "userAgent": "guestd",
        },
        "metadata": {
            "sessionDurationLimit": 10,
            "guestIdToken": GUEST_TOKEN,
            "initiatedAt": iso_of_ms(asked_ms),
        },
    }


def test_sess_4_what_is_left_out_has_the_documents_defaults(world):
    do(world, "messaging", request={"guestToken": GUEST_TOKEN, "queueId": "q1"})
    body = world.twin.calls[0].body
    found = body["from"]["name"], body["context"], body["metadata"]["sessionDurationLimit"]
    capabilities = ["typing-indicator", "read-receipts"]
    assert found == (
        "Guest",
        {"locale": "en-US", "capabilities": capabilities, "userAgent": "guestd"},
        1800,
    )


def test_audit_2_the_token_is_no_identifier(world):
    view = do(world, "messaging")
    assert view.result["guest_id"].startswith("guest-") and GUEST_TOKEN not in str(view)
    assert world.twin.calls[0].body["from"]["id"] == view.result["guest_id"]
    with pytest.raises(CommandError, match="guestId"):
        do(world, "messaging", "op-2", {**REQUESTS["messaging"], "guestId": f"x{GUEST_TOKEN}"})


@pytest.mark.parametrize("duration_s", [10, 1800])
def test_sess_2_at_its_end_it_is_closed_in_an_orderly_way(world, duration_s):
    """Half an hour by default; the platform is told, and the session's watchers."""
    begun = world.loop.time()
    view = do(
        world,
        "messaging",
        request={**DEFAULT, **({"durationS": duration_s} if duration_s != 1800 else {})},
    )
    took_s, last = world.twin.calls[-1].at - begun, world.twin.calls[-1].body
    told = [one for one in world.told() if one[0] != "messaging.heartbeat"]
    facts = (
        view.status,
        view.result["ended"],
        view.result["platform_told"],
        duration_s <= took_s < duration_s + 0.5,
        last,
    )
    ends = [
        ("messaging.ended", "success"),
        ("messaging.disconnect", "attempt"),
        ("messaging.disconnect", "success"),
    ]
    assert (facts, told[2:]) == (
        ("succeeded", "duration_reached", True, True, {"status": "disconnected"}),
        ends,
    )


def test_sess_2_the_default_is_half_an_hour_and_more_than_45_minutes_is_refused(world):
    begun = world.loop.time()
    do(world, "messaging", request=DEFAULT)
    assert world.twin.calls[0].body["metadata"]["sessionDurationLimit"] == 1800
    assert 1800.0 <= world.twin.calls[-1].at - begun < 1801.0
    with pytest.raises(
        CommandError, match=r"durationS: 2701 s is too long; a session lasts 1 to 2700 s"
    ):
        do(world, "messaging", "op-2", {**REQUESTS["messaging"], "durationS": 2701})


@pytest.mark.parametrize(("duration_s", "interval_s"), [(1800, 30.0), (100, 10.0), (1, 0.1)])
def test_sess_5_a_heartbeat_every_30_s_or_a_tenth_of_the_duration(world, duration_s, interval_s):
    do(world, "messaging", request={**REQUESTS["messaging"], "durationS": duration_s})
    found = beats(world)
    times = [world.twin.calls[0].at, *(at for at, _ in found)]
    gaps = [after - before for before, after in pairwise(times)]
    are_in_time = [0.9 * interval_s <= gap <= interval_s + 0.2 for gap in gaps[1:]]
    facts = all(are_in_time), gaps[0] <= interval_s + 0.2, [sequence for _, sequence in found]
    assert facts == (True, True, list(range(1, len(gaps) + 1)))


def test_sess_5_what_an_answer_takes_is_not_added_to_the_interval(world):
    """A platform that takes a second, and a session of ten: its heartbeats come every second."""
    call = world.twin.call

    async def slow(name, **more):
        answer = await call(name, **more)
        await asyncio.sleep(1.0)
        return replace(answer, attempt_ms=1000.0)

    world.twin.call = slow
    do(world, "messaging", request={**REQUESTS["messaging"], "durationS": 10})
    gaps = [after - before for before, after in pairwise(at for at, _ in beats(world))]
    assert len(gaps) >= 8 and max(gaps) < 1.2 and min(gaps) >= 0.9


def test_sess_5_what_a_failure_takes_is_not_added_to_the_interval(world):
    call = world.twin.call

    async def slow(name, **more):
        try:
            return await call(name, **more)
        except PlatformError as error:
            await asyncio.sleep(5.0)
            error.attempt_ms = 5000.0
            error.latency_ms = 60_000.0  # with a wait for its turn, which is no part of it
            raise

    world.twin.call = slow
    world.twin.faults["conversation.patch"] = [fault(503, times=2)]
    do(world, "messaging", request={**REQUESTS["messaging"], "durationS": 100})
    tried = [call.at for call in world.twin.calls if call.name == "conversation.patch"]
    gaps = [after - before for before, after in pairwise(tried)]
    assert len(gaps) > 8 and all(8.9 <= gap <= 10.2 for gap in gaps[:-1])


def test_sess_5_a_thousand_sessions_do_not_beat_at_once(world):
    async def story():
        life = world.life(sessions_max=1000)
        await asyncio.gather(
            *(life.service.start("messaging", f"m{n}", HALF_HOUR) for n in range(1000))
        )
        await asyncio.sleep(100.0)
        assert len(asyncio.all_tasks()) <= 64 + 32 + 2, "what rests has no task"
        before = len(world.twin.calls)
        await asyncio.sleep(1.0)
        await life.service.stop()
        return len(world.twin.calls) - before

    assert 20 <= world.run(story()) <= 60, "a thousand beats in thirty seconds are 33 a second"


def test_sess_5_a_slow_platform_is_never_asked_more_than_the_bound_at_once(world):
    async def story():
        life = world.life(sessions_max=1000, heartbeats_inflight_max=7)
        await asyncio.gather(
            *(life.service.start("messaging", f"m{n}", HALF_HOUR) for n in range(300))
        )
        await asyncio.sleep(20.0)
        served, under_way, most = world.twin._conversation_patch, [0], [0]
        call = world.twin.call

        async def slow(name, **more):
            under_way[0] += 1
            most[0] = max(most[0], under_way[0])
            await asyncio.sleep(2.0)
            under_way[0] -= 1
            return await call(name, **more)

        world.twin.call = slow
        await asyncio.sleep(120.0)
        await life.service.stop()
        assert served
        return most[0]

    assert world.run(story()) == 7
    for conversation in world.twin.made["conversation"]:
        sequences = [sequence for _, sequence in conversation["beats"]]
        assert sequences == sorted(set(sequences))


def test_sess_5_the_third_failure_in_a_row_ends_it_once(world):
    world.twin.faults["conversation.patch"] = [fault(503, times=3)]
    view = do(world, "messaging", request=HALF_HOUR)
    failures = [
        fact["details"]["failures"]
        for fact in world.facts()
        if fact["action"] == "messaging.heartbeat_failed"
    ]
    goodbyes = world.twin.made["conversation"][0]["goodbyes"]
    facts = view.status, view.result["ended"], goodbyes, failures
    assert facts == ("succeeded", "heartbeats_failed", 1, [1, 2, 3])


def test_http_3_failed_heartbeats_say_why(world):
    """In the audit, with the latency of each (HTTP-4), and as the problem of the session that they
    end."""
    world.twin.faults["conversation.patch"] = [{**fault(503, times=3), "platform_code": "fault"}]
    view = do(world, "messaging", request=HALF_HOUR)
    names = ("error_message", "error_code", "error_status", "platform_code", "correlation_id")
    told = [
        (*(fact["details"].get(name) for name in names), fact["details"]["latency_ms"])
        for fact in world.facts()
        if fact["action"] == "messaging.heartbeat_failed"
    ]
    message = "the platform answered 503 about …; try again later"
    assert told == [(message, "platform_unavailable", 503, "fault", "corr-9", 60.0)] * 3
    assert view.problem == {
        "code": "heartbeats_failed",
        "message": f"3 heartbeats in a row failed, the last one with: {message}",
        "cause": "platform_unavailable",
        "status": 503,
        "platform_code": "fault",
        "correlation_id": "corr-9",
        "remedy": "try again later",
    }


def test_audit_1_a_session_that_its_heartbeats_ended_has_failed(world):
    world.twin.faults["conversation.patch"] = [{**fault(503, times=3), "platform_code": "fault"}]
    do(world, "messaging", request=HALF_HOUR)
    (ended,) = [fact for fact in world.facts() if fact["action"] == "messaging.ended"]
    names = ("error_code", "error_cause", "error_status", "platform_code", "correlation_id")
    assert (ended["status"], [ended["details"].get(name) for name in names]) == (
        "failed",
        ["heartbeats_failed", "platform_unavailable", 503, "fault", "corr-9"],
    )


def test_audit_1_the_heartbeats_that_succeeded_are_counted_in_one_line(world):
    """At the end of the session; those that failed have lines of their own."""
    world.twin.faults["conversation.patch"] = [fault(503, times=1)]
    do(world, "messaging")
    told = {fact["action"]: fact["details"] for fact in world.facts()}
    failed = [one for one in world.told() if one[0] == "messaging.heartbeat_failed"]
    sent, ended = len(world.twin.made["conversation"][0]["beats"]), told["messaging.ended"]
    counts = ended["heartbeats_succeeded"], ended["heartbeat_latency_ms"], len(failed)
    assert sent > 3 and counts == (sent, 50.0, 1)


def test_audit_1_a_restart_forgets_no_heartbeat_that_succeeded(world):
    """Five restarts in one session, each well after an answer and before the next heartbeat."""
    short = {**REQUESTS["messaging"], "durationS": 600}

    async def story():
        for _ in range(5):
            life = world.life()
            await life.service.recover()
            await life.service.start("messaging", "op-1", short, wait_s=5.0)
            await asyncio.sleep(70.0)
            await life.service.stop()
        last = world.life()
        await last.service.recover()
        return await last.do("messaging", request=short)

    world.run(story())
    sent = len(world.twin.made["conversation"][0]["beats"])
    told = {fact["action"]: fact["details"] for fact in world.facts()}["messaging.ended"]
    assert sent > 5 and told["heartbeats_succeeded"] == sent


def test_a_clock_that_was_set_back_over_a_restart_holds_no_heartbeat_back(world):
    async def story():
        first = world.life()
        await first.service.start("messaging", "op-1", HALF_HOUR, wait_s=5.0)
        await asyncio.sleep(200.0)
        await first.service.stop()
        known = len(beats(world))
        world.loop.epoch_offset_s -= 7200.0
        second = world.life()
        await second.service.recover()
        await asyncio.sleep(200.0)
        await second.service.stop()
        return known

    known = world.run(story())
    assert len(beats(world)) > known


def test_sess_5_a_success_forgives_the_failures_before_it(world):
    patch = world.twin.faults["conversation.patch"] = []
    for _ in range(5):
        patch += [fault(503, times=2), {**fault(None), "times": 1, "none": True}]
    real = world.twin._fault
    world.twin._fault = lambda name: (
        None if (found := real(name)) is not None and found.get("none") else found
    )
    view = do(world, "messaging", request={**REQUESTS["messaging"], "durationS": 100})
    assert view.result["ended"] == "duration_reached"


def test_sess_5_a_conversation_that_is_gone_ends_it_too(world):
    async def story():
        life = world.life()
        await life.service.start("messaging", "op-1", HALF_HOUR, wait_s=5.0)
        world.twin.made["conversation"][0]["status"] = "disconnected"
        return await life.do("messaging", request=HALF_HOUR)

    view = world.run(story())
    assert (view.status, view.result["platform_told"]) == ("succeeded", True)
    assert world.twin.made["conversation"][0]["goodbyes"] == 0


def test_sess_6_an_end_stops_the_heartbeat_tells_the_platform_and_is_counted(world):
    async def story():
        life = world.life()
        await life.service.start("messaging", "op-1", HALF_HOUR, wait_s=5.0)
        await asyncio.sleep(100.0)
        count = len(beats(world))
        await life.service.end("op-1")
        view = await life.do("messaging", request=HALF_HOUR)
        await asyncio.sleep(100.0)
        is_same = await life.service.end("op-1") == view
        figures = life.metrics.rest_sessions, life.metrics.rest_figures()["disconnection_rate"]
        return view.result, len(beats(world)) - count, is_same, figures, world.twin.calls[-1].body

    result, later_beats, is_same, figures, last_body = world.run(story())
    told = (
        ("messaging.ended", "success") in world.told(),
        last_body,
        world.twin.made["conversation"][0]["goodbyes"],
    )
    ended = result["ended"], result["platform_told"], later_beats, is_same, figures
    assert (ended, told) == (
        ("asked", True, 0, True, (0, 1.0)),
        (True, {"status": "disconnected"}, 1),
    )


def test_sess_6_an_end_that_was_asked_for_survives_a_crash(world):
    async def story():
        first = world.life()
        await first.service.start("messaging", "op-1", HALF_HOUR, wait_s=5.0)
        await first.service.end("op-1")
        await first.service.stop()
        await asyncio.sleep(0.1)
        second = world.life()
        await second.service.recover()
        begun = world.loop.time()
        view = await second.do("messaging", request=HALF_HOUR)
        assert world.loop.time() - begun < 5.0
        return view

    assert world.run(story()).result["ended"] == "asked"


def test_sess_6_a_goodbye_nobody_hears_is_uncertain_after_looking(world):
    world.twin.faults["conversation.patch"] = [fault(None, times=9999)]
    world.twin.faults["conversation.get"] = [fault(503, times=9999)]
    view = do(world, "messaging", request=HALF_HOUR)
    assert (view.status, view.problem["code"]) == ("uncertain", "uncertain")
    assert (
        "messaging.ended",
        "failed",
    ) in world.told(), "it has ended, whether the platform heard or not"


def test_sess_1_one_more_is_refused(world):
    async def story():
        life = world.life(sessions_max=3)
        for n in range(3):
            await life.service.start("messaging", f"m{n}", HALF_HOUR)
        with pytest.raises(
            LimitExceeded,
            match=r"limit exceeded: 3 REST sessions are running, limits.max_rest_sessions is 3",
        ):
            await life.service.start("messaging", "m3", HALF_HOUR)
        assert (await life.service.start("messaging", "m2", HALF_HOUR)).operation_id == "m2", (
            "asked again is not one more"
        )
        await life.service.start("injection", "i1", REQUESTS["injection"])
        await asyncio.sleep(5.0)
        await life.service.end("m0")
        await asyncio.sleep(1.0)
        await life.service.start("messaging", "m3", HALF_HOUR)
        await life.service.stop()

    world.run(story())


def test_after_a_restart_it_beats_on_with_the_next_number_and_ends_in_time(world):
    async def story():
        first = world.life()
        await first.service.start("messaging", "op-1", {**HALF_HOUR, "durationS": 600}, wait_s=5.0)
        await asyncio.sleep(200.0)
        await first.service.stop()
        await asyncio.sleep(100.0)
        second = world.life()
        await second.service.recover()
        return await second.do("messaging", request={**HALF_HOUR, "durationS": 600})

    begun = world.loop.time()
    view = world.run(story())
    sequences = [sequence for _, sequence in beats(world)]
    assert sequences == list(range(1, len(sequences) + 1)) and len(sequences) > 15
    assert (
        view.result["ended"] == "duration_reached" and 600 <= world.twin.calls[-1].at - begun < 602
    )


def test_after_a_restart_past_its_time_it_is_closed_at_once(world):
    async def story():
        first = world.life()
        await first.service.start("messaging", "op-1", HALF_HOUR, wait_s=5.0)
        await first.service.stop()
        await asyncio.sleep(7200.0)
        begun = world.loop.time()
        second = world.life()
        await second.service.recover()
        view = await second.do("messaging", request=HALF_HOUR)
        assert world.loop.time() - begun < 2.0
        return view

    assert world.run(story()).result["ended"] == "duration_reached"
    assert world.twin.calls[-1].body == {"status": "disconnected"}


def test_sess_8_totals_and_rate(world):
    async def story():
        life = world.life()
        for n in range(4):
            await life.service.start("messaging", f"m{n}", HALF_HOUR, wait_s=5.0)
        await life.service.end("m0")
        await asyncio.sleep(1.0)
        await life.service.stop()
        return life.metrics

    metrics = world.run(story())
    figures = metrics.rest_figures()
    assert (figures["total_sessions"], figures["disconnection_rate"]) == (4, 0.25)
    text = exposition(metrics).decode()
    assert (
        "guestd_rest_sessions_opened_total 4.0" in text
        and "guestd_rest_disconnection_ratio 0.25" in text
    )
    assert "guestd_rest_sessions 3.0" in text and "guestd_rest_sync_seconds_count" in text


def test_sess_5_what_our_own_budget_holds_back_ends_no_session(world):
    async def story():
        life = world.life()
        await life.service.start("messaging", "op-1", HALF_HOUR, wait_s=5.0)
        world.twin._error = lambda wrong: spent
        world.twin.faults["conversation.patch"] = [fault(503, times=10)]
        await asyncio.sleep(600.0)
        await life.service.stop()
        return life

    spent = BudgetSpent("no turn is free")
    life = world.run(story())
    assert (
        life.metrics.rest_heartbeats["delayed"] == 10
        and "failed" not in life.metrics.rest_heartbeats
    )
    assert len(beats(world)) > 5 and at_once(life.service.view("op-1")).status == "running"


def test_sess_5_hearts_beat_on_while_the_disk_is_full(world, monkeypatch):
    async def story():
        life = world.life()
        await life.service.start("messaging", "op-1", HALF_HOUR, wait_s=5.0)
        world.journal.storage_full = True
        monkeypatch.setattr(CutJournal, "commit", lambda *held: None)
        await asyncio.sleep(300.0)
        await life.service.stop()

    world.run(story())
    assert len(beats(world)) >= 9


def test_sess_2_a_session_whose_time_has_passed_is_not_opened_any_more(world):
    world.twin.faults["conversation.create"] = [fault(429, times=1, retry_after_s=4000.0)]

    async def story():
        return await world.life(retry_after_max_s=4000.0).do("messaging", request=HALF_HOUR)

    view = world.run(story())
    assert (view.status, view.problem["code"]) == ("failed", "expired") and not world.made()


def test_http_1_a_retry_after_of_a_day_delays_an_operation_by_our_bound_only(world):
    world.twin.faults["conversation.create"] = [fault(429, times=1, retry_after_s=86_400.0)]

    async def story():
        began = asyncio.get_running_loop().time()
        life = world.life()
        await life.service.start("messaging", "op-1", HALF_HOUR, wait_s=200.0)
        waited_s = asyncio.get_running_loop().time() - began
        await life.service.stop()
        return waited_s

    assert 60.0 <= world.run(story()) < 65.0
    assert len(world.made()) == 1


def test_sess_6_ended_before_it_was_opened_it_is_never_opened(world):
    world.twin.faults["conversation.create"] = [fault(429, times=1, retry_after_s=60.0)]

    async def story():
        life = world.life()
        await life.service.start("messaging", "op-1", HALF_HOUR, wait_s=5.0)
        await life.service.end("op-1")
        return await life.do("messaging", request=HALF_HOUR)

    view = world.run(story())
    assert (view.status, view.problem["code"]) == ("failed", "given_up") and not world.made()


@pytest.mark.parametrize("hours", [-1, 0.2])
def test_sess_5_hearts_beat_on_when_the_wall_clock_is_put_back_or_forward(world, hours):
    async def story():
        life = world.life()
        await life.service.start("messaging", "op-1", HALF_HOUR, wait_s=5.0)
        await asyncio.sleep(100.0)
        world.loop.epoch_offset_s += hours * 3600
        await asyncio.sleep(100.0)
        await life.service.stop()

    world.run(story())
    assert 6 <= len(beats(world)) <= 8


def test_audit_2_a_guest_id_may_have_a_digit_that_is_somebodys_whole_token(world):
    request = {**REQUESTS["messaging"], "guestToken": "0", "guestId": "guest-10"}
    assert do(world, "messaging", request=request).status == "succeeded"
