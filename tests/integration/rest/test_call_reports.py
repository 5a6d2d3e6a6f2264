"""What is measured and told of each call: HTTP-3, HTTP-4 and AUDIT-1, over real HTTP."""

from __future__ import annotations

import re

import pytest

from guestd.api.problems import problem_of
from guestd.model.errors import BudgetSpent, PlatformError, RateLimited
from guestd.observe.exposition import exposition
from guestd.observe.metrics import Metrics
from guestd.platform.calls import RestCalls
from guestd.platform.oauth import TokenSource
from guestd.platform.pace import Pace
from guestd.platform.settings import RestSettings


async def test_http_3_a_wait_that_another_call_was_told_hides_no_answer(line):
    """Two answers of 502, then the platform asks the client to wait longer than the call may
    take."""

    async def last(request):
        line.calls.clients.rest(0, 100.0)
        return await line.script.say(502, {"code": "bad.gateway"}, ININ_Correlation_Id="c-9")(
            request
        )

    line.script.turns.extend([line.script.say(502), last])
    error = await line.fail("contact.create", idempotency_key="op-1")
    found = error.status, error.platform_code, error.correlation_id, error.cause, error.attempts
    words = "no further attempt was made: the platform asked, by a 429, to wait until"
    blamed = "used up" in str(error) or "requests_per_minute" in str(error)
    assert (found, words in str(error), blamed) == (
        (502, "bad.gateway", "c-9", "", 2),
        True,
        False,
    )


async def test_http_3_a_429s_wait_is_not_called_a_used_up_budget(line):
    """Before the first attempt, too."""
    await line.make("queue.get")
    line.script.seen.clear()
    line.calls.clients.rest(0, 100.0)
    error = await line.fail("contact.create", idempotency_key="op-1")
    said = "the platform asked, by a 429, to wait until" in str(error)
    blamed = "used up" in str(error) or "raise" in str(error)
    delayed = isinstance(error, BudgetSpent)  # nothing was sent, so it has not failed
    found = error.cause, error.code, error.attempts, error.retry_after_s, said, blamed, delayed
    assert found == ("asked_to_wait", "platform_unavailable", 0, 100.0, True, False, True)


async def test_http_4_every_request_is_measured_by_call_and_outcome(line):
    say = line.script.say
    line.script.turns.extend(
        [say(429), say(503), say(401), say(200), say(404), line.script.raw(200, b"x")]
    )
    line.script.turns.append(line.script.reset(acted=False))
    await line.make("contact.create", idempotency_key="op-1")
    for name in ("interaction.inject",) * 3:
        with pytest.raises(PlatformError):
            await line.make(name)
    counts = re.findall(
        r'^guestd_rest_(?:seconds_count|retries_total)\{operation="(.+?)"(?:,outcome="(.+)")?\}'
        r" 1\.0$",
        exposition(line.metrics).decode(),
        re.MULTILINE,
    )
    assert counts == [
        ("contact.create", "ok"),
        ("contact.create", "rate_limited"),
        ("contact.create", "unauthorized"),
        ("contact.create", "unavailable"),
        ("interaction.inject", "network"),
        ("interaction.inject", "refused"),
        ("interaction.inject", "unreadable"),
    ]


async def test_http_4_a_success_says_how_long_it_took_in_milliseconds(line):
    """The whole call, with the attempt that failed and the rest after it."""

    async def quarter(request):
        line.time.at += 0.25
        return await line.script.say(200)(request)

    line.script.turns.extend([line.script.say(503), quarter])
    latency_ms = (await line.make("queue.get")).latency_ms
    assert latency_ms == pytest.approx(250.0 + 1000.0 * line.time.slept[0])


async def test_http_4_a_latency_is_finer_than_the_loops_clock(line):
    """The loop's own time stands still within a turn, and counts in milliseconds."""
    pace = Pace(lambda: 1000.0)
    tokens = TokenSource(line.http, line.tokens.access, RestSettings(), pace)
    calls = RestCalls(line.http, tokens, line.script.url, RestSettings(), pace, Metrics())
    latencies_ms = [
        (await calls.call("queue.get", path={"queueId": "q"})).latency_ms for _ in range(5)
    ]
    await calls.close()
    assert all(0.0 < one != round(one) for one in latencies_ms)


async def test_audit_1_an_attempt_that_was_not_the_last_is_told(line):
    """To who made the call, else to the audit; the last one is told by what the call comes to."""
    told, noted = [], []

    def listen(action, error):
        told.append((action, error))

    line.calls.note_to(lambda *fact: noted.append(fact))
    say = line.script.say
    for listener in ({"attempt_failed": listen}, {}):
        line.script.turns.extend([say(503, {"code": "busy"}, ININ_Correlation_Id="c-1"), say(401)])
        line.script.turns.append(say(503))
        with pytest.raises(PlatformError):
            line.script.turns.append(say(404))
            await line.make("interaction.get", **listener)
    seen = [(one.attempts, one.status, one.platform_code, one.latency_ms) for _, one in told]
    common = {"call": "interaction.get", "latency_ms": 0.0}
    passing = {**common, "error_code": "platform_unavailable", "error_status": 503}
    passing["error_message"] = "interaction.get: the platform answered 503; try again later"
    busy = {"platform_code": "busy", "correlation_id": "c-1"}
    support = "; if it stays, tell the platform's support the correlation id"
    busy["error_message"] = passing["error_message"] + support
    refused = {**common, "error_code": "platform_refused", "error_status": 401}
    refused["error_message"] = (
        "interaction.get: the platform answered 401; check that the OAuth client"
        " (platform.client_id) still exists and is active"
    )
    facts = [
        {**passing, "attempt": 1, **busy},
        {**refused, "attempt": 2},
        {**passing, "attempt": 3},
    ]
    assert (seen, [fact for fact in noted if not fact[0].startswith("oauth.")]) == (
        [(1, 503, "busy", 0.0), (2, 401, "", 0.0), (3, 503, "", 0.0)],
        [("platform.attempt", "failed", one) for one in facts],
    )


async def test_audit_1_each_429_has_a_line_with_all_that_is_known_of_it(line):
    """One for each request: one that is made again is an attempt, the last one says that the limit
    has ended the call; to who made the call, else to the audit."""
    told, noted = [], []
    line.calls.note_to(lambda *fact: noted.append(fact))
    say = line.script.say
    for listener in ({"attempt_failed": lambda *one: told.append(one)}, {}):
        answer = {"code": "too.many", "message": "slow down"}
        line.script.turns.extend([say(429, answer, Retry_After="2", ININ_Correlation_Id="c-1")] * 3)
        with pytest.raises(RateLimited):
            await line.make("contact.create", idempotency_key="op-1", **listener)
    details = {
        "idempotency_key": "op-1",
        "error_message": "contact.create: the platform answered 429 slow down; wait 2 s; if this"
        " repeats, lower rest.requests_per_minute",
        "call": "contact.create",
        "latency_ms": 0.0,
        "retry_after_s": 2.0,
        "rate_limited": True,
        "error_code": "platform_unavailable",
        "error_status": 429,
        "platform_code": "too.many",
        "correlation_id": "c-1",
    }
    lines = [
        ("platform.attempt", {"attempt": 1}),
        ("platform.attempt", {"attempt": 2}),
        ("platform.rate_limited", {"attempts": 3}),
    ]
    audited = [one for one in noted if not one[0].startswith("oauth.")]
    heard = [
        (action, error.operation, error.attempt_details(action)[name])
        for (action, error), (_, number) in zip(told, lines, strict=True)
        for name in number
    ]
    assert (audited, heard) == (
        [(action, "failed", {**details, **number}) for action, number in lines],
        [(action, "contact.create", *number.values()) for action, number in lines],
    )


@pytest.mark.parametrize("body", [None, b"not JSON"], ids=repr)
async def test_http_3_our_own_word_is_not_the_platforms_code(line, body):
    """A connection that broke, an answer that cannot be read: the platform has said no code."""
    script = line.script
    turn = script.reset(acted=False) if body is None else script.raw(200, body)
    script.turns.append(turn)
    error = await line.fail("interaction.inject")
    found = problem_of(error).platform
    word = "broken" if body is None else "malformed"
    words = error.cause, error.codes()["error_cause"], found["cause"]
    codes = error.platform_code, "platform_code" in found, "platform_code" in error.codes()
    assert (words, codes) == ((word, word, word), ("", False, False))
