"""What the log says of receivers that are down."""

from __future__ import annotations

import logging

import pytest

from guestd.webhooks.target_log import QUIET_S, REMIND_S, Failure, TargetLog

from .harness import Receiver, World, target, until, webhooks

DOWN = Failure("answered 503", 503, 1, 0.5)


@pytest.fixture
def lines(caplog):
    """Those that were written since it was last asked: their fields."""
    caplog.set_level(logging.INFO, logger="guestd.webhooks")

    def take():
        found = [one.fields for one in caplog.records if hasattr(one, "fields")]
        caplog.clear()
        return found

    return take


def test_a_target_that_fails_is_told_of_once_then_at_times_and_when_it_is_back(lines):
    log = TargetLog()
    for second in range(int(REMIND_S)):
        log.failed("crm", "crm.example:443", float(second), DOWN, 7)
    (first,) = lines()
    assert first == {
        "event": "webhook_target_failing",
        "target": "crm",
        "host": "crm.example:443",
        "failing_s": 0.0,
        "tries": 1,
        "reason": "answered 503",
        "status": 503,
        "attempt": 1,
        "next_try_s": 0.5,
        "held": 7,
    }
    log.failed(
        "crm", "crm.example:443", REMIND_S, Failure("no answer within 5 s", None, 9, None), 7
    )
    (reminder,) = lines()
    assert reminder["failing_s"] == REMIND_S and reminder["tries"] == REMIND_S + 1
    assert "status" not in reminder and "next_try_s" not in reminder
    for _ in range(3):
        log.delivered("crm", "crm.example:443", REMIND_S + 5.0, 6)
    assert lines() == [
        {"event": "webhook_target_back", "target": "crm", "away_s": REMIND_S + 5.0, "held": 6}
    ]


def test_a_target_that_fails_now_and_then_has_one_pair_of_lines_a_minute(lines):
    log = TargetLog()
    for n in range(int(3 * QUIET_S)):
        log.failed("crm", "h", n + 0.0, DOWN, 1)
        log.delivered("crm", "h", n + 0.5, 0)
    assert [one["event"] for one in lines()] == [
        "webhook_target_failing",
        "webhook_target_back",
    ] * 3


def test_one_that_fails_for_good_soon_after_a_blip_is_told_of_within_the_minute(lines):
    log = TargetLog()
    log.failed("crm", "h", 0.0, DOWN, 1)
    log.delivered("crm", "h", 1.0, 0)
    lines()
    log.failed("crm", "h", 10.0, DOWN, 1)
    assert not lines()
    log.failed("crm", "h", QUIET_S, DOWN, 1)
    assert [one["failing_s"] for one in lines()] == [QUIET_S - 10.0]


def test_hosts_named_by_operations_share_one_place(lines):
    log = TargetLog()
    for n in range(1000):
        log.failed("operation", f"host-{n}", n / 1000, DOWN, 1)
        log.delivered("operation", f"other-{n}", n / 1000, 1)
    (only,) = lines()
    assert only["host"] == "host-0"
    log.failed("operation", "host-7", REMIND_S, DOWN, 1)
    (later,) = lines()
    assert (later["host"], later["failing_s"], later["tries"]) == ("host-7", 0.0, 1)
    log.delivered("operation", "host-7", REMIND_S + 1.0, 0)
    assert [one["event"] for one in lines()] == ["webhook_target_back"]


async def test_a_receiver_that_is_down_is_in_the_log_and_so_is_its_return(caplog):
    caplog.set_level(logging.INFO, logger="guestd.webhooks")
    world, down = World(), True
    async with Receiver(lambda n, body: 503 if down else 200) as crm:
        crm.url += "/key-in-the-path?token=key-in-the-query"
        service, metrics = webhooks(world.journal, target(crm), attempts_max=10_000)
        service.start()
        for n in range(20):
            world.session(f"guest-{n}", "live")
            world.message(f"guest-{n}", "inbound", "said in confidence")
        await until(lambda: metrics.webhook_failures.get("crm", 0) > 50)
        (line,) = caplog.records
        assert line.fields["target"] == "crm" and line.fields["status"] == 503
        assert line.fields["attempt"] == 1 and line.fields["next_try_s"] >= 0.0
        assert line.fields["host"] == f"127.0.0.1:{crm.port}"
        assert "cannot be delivered to crm: answered 503" in line.getMessage()
        down = False
        await until(lambda: metrics.webhooks_delivered == {"crm": 20})
        await service.stop()
    _, back = caplog.records
    assert back.fields["event"] == "webhook_target_back" and back.fields["held"] >= 0
    said = " ".join(f"{one.getMessage()} {one.fields}" for one in caplog.records)
    assert "key-in" not in said and "confidence" not in said and "guest-" not in said


async def test_a_dead_letter_is_told_with_its_target(caplog):
    world = World()
    async with Receiver(lambda n, body: 410) as crm:
        service, metrics = webhooks(world.journal, target(crm))
        service.start()
        world.session("s1", "live")
        await until(lambda: metrics.webhooks_dead == {"crm": 1})
        await service.stop()
    found = {one.fields["event"]: one.fields for one in caplog.records}
    assert found["webhook_dead"]["target"] == "crm" and found["webhook_dead"]["attempt"] == 1
    assert "next_try_s" not in found["webhook_target_failing"]
