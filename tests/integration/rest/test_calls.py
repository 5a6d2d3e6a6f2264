"""HTTP-1 and HTTP-2 for every named call, over real HTTP, with every failure there is."""

from __future__ import annotations

import asyncio
import re
from email.utils import formatdate
from functools import partial

import pytest

from guestd.model.errors import (
    BudgetSpent,
    Conflicting,
    PayloadRefused,
    PlatformUnavailable,
    RateLimited,
)
from guestd.platform.calls import RestCalls
from guestd.platform.settings import RestSettings
from guestd.platform.table import CALLS, table_with

from .conftest import let_pass

NAMES = sorted(CALLS)
WRITES = [name for name in NAMES if not CALLS[name].reads]
KEYED = ["contact.create", "conversation.create", "interaction.inject", "prompt.inject"]

#: A limit that no machine reaches by chance; the turn that never ends lets it pass.
PATIENT = {"rest": {"timeout_s": 20.0}}
PATIENCE_S = 21.0


# ------------------------------------------------------------------ the table


async def test_http_2_every_call_goes_where_the_table_says(line):
    for name in line.each(NAMES):
        answer = await line.make(name, idempotency_key="op-1")
        (seen,) = line.script.seen
        expected = re.sub(r"\{(\w+)\}", r"some%20\1%2F%C3%BC", CALLS[name].path)
        assert (seen.method, seen.path) == (CALLS[name].verb, expected)
        assert seen.headers["authorization"] == "Bearer canary-bearer-1"
        assert seen.headers["idempotency-key"] == "op-1"
        assert (answer.status, answer.attempts, answer.correlation_id) == (200, 1, "corr-ok")
        assert answer.body["id"]


async def test_http_2_no_key_no_header_and_a_query_is_quoted(line):
    await line.calls.call("contact.find", query={"q": "guest-1 & co=ü", "pageSize": 25})
    assert "idempotency-key" not in line.script.seen[0].headers
    assert line.script.seen[0].query == "q=guest-1+%26+co%3D%C3%BC&pageSize=25"
    assert line.script.seen[0].body == b""


async def test_http_2_an_own_path_takes_the_place_of_the_documented_one(new_line):
    async with new_line(
        table=table_with({"interaction.get": "/org/v9/{interactionId}/state"})
    ) as line:
        await line.calls.call("interaction.get", path={"interactionId": "i-1"})
        assert line.script.seen[0].path == "/org/v9/i-1/state"


@pytest.mark.parametrize("value", ["", ".", "..", "a\nb", "x" * 600], ids=repr)
async def test_http_3_what_can_be_no_part_of_a_path_is_refused_here(line, value):
    with pytest.raises(PayloadRefused, match="queueId") as caught:
        await line.calls.call("queue.get", path={"queueId": value})
    assert (caught.value.operation, caught.value.acted) == ("queue.get", False)
    assert line.script.seen == line.script.token_requests == []


async def test_http_2_a_key_that_cannot_be_sent_is_refused_here(line):
    with pytest.raises(PayloadRefused, match="idempotency key"):
        await line.calls.call("contact.create", body={}, idempotency_key="a\r\nb: c")


@pytest.mark.parametrize("body", [b"", b"  \n"], ids=repr)
async def test_http_3_an_empty_success_is_an_empty_object(line, body):
    line.script.turns.append(line.script.raw(202, body))
    assert (await line.make("conversation.patch")).body == {}


# ------------------------------------------------------------------ HTTP-1


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_http_1_a_passing_failure_is_tried_again_after_one_second_and_two(line, status):
    """Three attempts; each rest is up to half as much longer, so that those who failed together do
    not come back together."""
    attempts, whole_s = set(), []
    for name in line.each(NAMES):
        line.script.turns.extend([line.script.say(status)] * 2)
        attempts.add((await line.make(name, idempotency_key="op-1")).attempts)
        whole_s.append([1.0 <= line.time.slept[0] <= 1.5, 2.0 <= line.time.slept[1] <= 3.0])
    assert (attempts, whole_s) == ({3}, [[True, True]] * len(NAMES))


async def test_http_2_every_attempt_has_the_same_key_and_body(line):
    for name in line.each(NAMES):
        line.script.turns.extend([line.script.say(503)] * 2)
        await line.make(name, idempotency_key="op-1")
        sent = [(one.headers["idempotency-key"], one.path, one.body) for one in line.script.seen]
        assert (sent, sent[0][0], len(line.script.effects)) == ([sent[0]] * 3, "op-1", 1)


async def test_http_1_three_attempts_and_no_more(line):
    for name in line.each(NAMES):
        line.script.turns.extend([line.script.say(503)] * 3)
        error = await line.fail(name, idempotency_key="op-1")
        facts = type(error), error.status, error.attempts, error.acted
        assert facts == (PlatformUnavailable, 503, 3, name in WRITES)


@pytest.mark.parametrize("attempts_max", [1, 3])
async def test_http_1_an_attempt_on_a_broken_connection_is_one_request(new_line, attempts_max):
    """The platform closes a kept connection as the next request arrives on it: that request is not
    sent again behind our back, and what follows it comes after a rest."""
    async with new_line(rest={"attempts_max": attempts_max}) as line:
        await line.make("queue.get")
        line.script.turns.extend([line.script.reset(acted=False)] * attempts_max)
        line.script.seen.clear()
        error = await line.fail("queue.get")
    assert (error.cause, len(line.script.seen), len(line.time.slept)) == (
        "broken",
        attempts_max,
        attempts_max - 1,
    )


async def test_http_1_500_is_retried_only_in_guest_creation(line):
    for name in line.each(NAMES):
        line.script.turns.extend([line.script.say(500)])
        if name in ("contact.create", "conversation.create"):
            assert (await line.make(name, idempotency_key="op-1")).attempts == 2
        else:
            assert (await line.fail(name, idempotency_key="op-1")).attempts == 1


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_http_1_without_a_key_nothing_is_done_twice(line, status):
    facts = set()
    for name in line.each(KEYED):
        line.script.turns.extend([line.script.say(status)] * 3)
        error = await line.fail(name)
        facts.add((error.attempts, error.acted))
        line.script.turns.clear()
    assert facts == {(1, True)}


async def test_http_1_429_proves_that_nothing_was_done(line):
    for name in line.each(KEYED):
        line.script.turns.append(line.script.say(429))
        assert (await line.make(name)).attempts == 2
        line.script.turns.extend([line.script.say(429)] * 3)
        with pytest.raises(RateLimited) as caught:
            await line.make(name)
        assert not caught.value.acted


DAY_S = 1_500_000_000  # years behind our own clock: a date is measured by the server's own
RETRY_AFTER = {
    "seconds": ({"Retry_After": "4"}, 4.0),
    "a date": (
        {"Date": formatdate(DAY_S, usegmt=True), "Retry_After": formatdate(DAY_S + 6, usegmt=True)},
        6.0,
    ),
    "less than our own rest": ({"Retry_After": "0"}, 0.0),
}


@pytest.mark.parametrize("form", RETRY_AFTER)
async def test_http_1_retry_after_is_obeyed(line, form):
    headers, seconds = RETRY_AFTER[form]
    line.script.turns.append(line.script.say(429, None, **headers))
    await line.make("queue.get")
    assert seconds <= line.time.slept[0] <= seconds + min(seconds, 1.0)


async def test_http_1_a_long_retry_after_is_capped_and_told(line):
    line.script.turns.extend([line.script.say(429, None, Retry_After="120")] * 3)
    error = await line.fail("queue.get")
    assert line.time.slept == [10.0, 10.0]
    assert error.retry_after_s == 120.0
    assert "wait 120 s" in error.remedy


async def test_http_1_no_rest_is_begun_that_ends_after_the_deadline(new_line):
    async with new_line(rest={"attempts_max": 9, "deadline_s": 12.0}) as line:
        line.script.turns.extend([line.script.say(429, None, Retry_After="5")] * 9)
        error = await line.fail("queue.get")
        assert error.attempts == 3
        assert line.time.at <= 1012.0
        assert error.latency_ms <= 12_000.0


# ------------------------------------------------------------------ connections that break


@pytest.mark.parametrize("acted", [False, True], ids=["before", "after"])
async def test_http_1_a_reset_is_retried_with_the_key_and_done_once(line, acted):
    for name in line.each(NAMES):
        line.script.turns.append(line.script.reset(acted=acted))
        await line.make(name, idempotency_key="op-1")
        assert len(line.script.effects) == 1


@pytest.mark.parametrize("acted", [False, True], ids=["before", "after"])
async def test_http_3_a_reset_without_a_key_says_that_it_may_have_acted(line, acted):
    for name in line.each(KEYED):
        line.script.turns.append(line.script.reset(acted=acted))
        error = await line.fail(name)
        assert isinstance(error, PlatformUnavailable)
        assert (error.status, error.attempts, error.acted, error.cause) == (
            None,
            1,
            True,
            "broken",
        )
        assert len(line.script.effects) == int(acted)


@pytest.mark.parametrize("turn", ["hang", "slow_body"])
async def test_http_1_a_time_out_is_retried_with_the_key(new_line, turn):
    async with new_line(**PATIENT) as line:
        line.script.stuck = partial(let_pass, PATIENCE_S)
        for name in line.each(NAMES):
            line.script.turns.append(getattr(line.script, turn)())
            assert (await line.make(name, idempotency_key="op-1")).attempts == 2
            assert len(line.script.effects) == 1


@pytest.mark.parametrize("turn", ["hang", "slow_body"])
async def test_http_3_a_time_out_without_a_key_says_that_it_may_have_acted(new_line, turn):
    async with new_line(**PATIENT) as line:
        line.script.stuck = partial(let_pass, PATIENCE_S)
        line.script.turns.append(getattr(line.script, turn)())
        error = await line.fail("prompt.inject")
        assert (error.cause, error.attempts, error.acted) == ("timeout", 1, True)


async def test_http_3_a_refused_connection_has_not_acted(line):
    gone = RestCalls(
        line.http,
        line.tokens,
        "http://127.0.0.1:9",
        RestSettings(),
        line.calls._pace,
        line.metrics,
    )
    with pytest.raises(PlatformUnavailable, match="cannot be reached") as caught:
        await gone.call("contact.create", body={})
    assert (caught.value.attempts, caught.value.acted, caught.value.status) == (3, False, None)


async def test_http_3_what_an_earlier_attempt_may_have_done_is_not_forgotten(line):
    """The first answer is lost on the way; the second attempt finds that it exists already."""
    line.script.turns.extend([line.script.reset(acted=True), line.script.say(409)])
    error = await line.fail("contact.create", idempotency_key="op-1")
    assert isinstance(error, Conflicting)
    assert error.acted


async def test_http_3_a_read_cannot_have_acted(line):
    line.script.turns.extend([line.script.reset(acted=True)] * 9)
    with pytest.raises(PlatformUnavailable) as caught:
        await line.make("analytics.events")
    assert not caught.value.acted


# ------------------------------------------------------------------ the budget


async def test_http_1_all_callers_share_one_budget_in_the_order_of_asking(new_line):
    async with new_line(rest={"requests_per_minute": 3, "deadline_s": 100.0}) as line:
        asked = [
            asyncio.ensure_future(line.calls.call("queue.get", path={"queueId": str(n)}))
            for n in range(5)
        ]
        await asyncio.gather(*asked)
        assert [one.path.rpartition("/")[2] for one in line.script.seen][:3] == ["0", "1", "2"]
        assert len(line.script.seen) == 5
        assert line.time.slept[0] == 60.0


async def test_http_1_who_has_no_turn_before_its_deadline_is_told_at_once(new_line):
    async with new_line(rest={"requests_per_minute": 3}) as line:
        for _ in range(3):
            await line.make("queue.get")
        with pytest.raises(BudgetSpent, match=r"rest\.requests_per_minute") as caught:
            await line.make("contact.create")
        error = caught.value
        assert (error.code, error.operation, error.acted, error.attempts) == (
            "budget",
            "contact.create",
            False,
            0,
        )
        assert error.retry_after_s == 60.0
        assert line.time.slept == []
        line.time.at += 60.0
        await line.make("contact.create")


async def test_http_1_retries_spend_the_budget_too(new_line):
    """No turn is left for the third attempt: the error is what the platform answered."""
    async with new_line(rest={"requests_per_minute": 2}) as line:
        line.script.turns.extend([line.script.say(503, {"code": "busy"})] * 2)
        error = await line.fail("contact.create", idempotency_key="op-1")
        assert (error.attempts, error.acted, error.status, error.platform_code) == (
            2,
            True,
            503,
            "busy",
        )
        assert re.search(
            r"answered 503 \(no further attempt was made: 2 requests a minute are used up",
            str(error),
        )
        assert error.retry_after_s == pytest.approx(60.0 - sum(line.time.slept))
