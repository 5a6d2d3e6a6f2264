"""HTTP-1 … HTTP-4, AUTH-3 and AUTH-4 for every named call, over real HTTP, with every misfortune there is."""

from __future__ import annotations

import asyncio
import logging
import re
from email.utils import formatdate

import pytest

from daemon.model.errors import (
    BudgetSpent,
    Conflicting,
    NoSuchThing,
    NotAuthenticated,
    PayloadRefused,
    PlatformError,
    PlatformRefused,
    PlatformUnavailable,
    RateLimited,
    ScopeMissing,
)
from daemon.platform.calls import CallSettings, RestCalls
from daemon.platform.table import CALLS, table_with
from daemon.policy.retry import RetryPolicy

NAMES = sorted(CALLS)
WRITES = [name for name in NAMES if not CALLS[name].reads]
KEYED = ["contact.create", "conversation.create", "interaction.inject", "prompt.inject"]
HASTY = {"timeout_s": 0.05}


async def make(line, name, **more):
    """The call by that name, with whatever its path asks for."""
    path = {key: f"some {key}/ü" for key in CALLS[name].placeholders}
    return await line.calls.call(name, path=path, **{"body": None if CALLS[name].verb == "GET" else {"a": 1}, **more})


async def fail(line, name, **more) -> PlatformError:
    with pytest.raises(PlatformError) as caught:
        await make(line, name, **more)
    error = caught.value
    assert error.operation == name
    assert error.attempts == len(line.script.seen)
    assert error.remedy or error.status is None
    return error


# ------------------------------------------------------------------ the table


async def test_http_2_every_call_goes_where_the_table_says(line):
    for name in line.each(NAMES):
        answer = await make(line, name, idempotency_key="op-1")
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
    async with new_line(table=table_with({"interaction.get": "/org/v9/{interactionId}/state"})) as line:
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
    assert (await make(line, "conversation.patch")).body == {}


# ------------------------------------------------------------------ HTTP-1


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_http_1_and_2_a_passing_failure_is_retried_with_the_same_key(line, status):
    for name in line.each(NAMES):
        line.script.turns.extend([line.script.say(status)] * 2)
        answer = await make(line, name, idempotency_key="op-1")
        assert answer.attempts == 3
        assert [one.headers["idempotency-key"] for one in line.script.seen] == ["op-1"] * 3
        assert len({(one.path, one.body) for one in line.script.seen}) == 1
        assert 0.5 <= line.time.slept[0] <= 1.0 <= line.time.slept[1] <= 2.0
        assert len(line.script.effects) == 1


async def test_http_1_three_attempts_and_no_more(line):
    for name in line.each(NAMES):
        line.script.turns.extend([line.script.say(503)] * 3)
        error = await fail(line, name, idempotency_key="op-1")
        assert isinstance(error, PlatformUnavailable)
        assert (error.status, error.attempts) == (503, 3)
        assert error.acted == (name in WRITES)


async def test_http_1_500_is_retried_only_in_guest_creation(line):
    for name in line.each(NAMES):
        line.script.turns.extend([line.script.say(500)])
        if name in ("contact.create", "conversation.create"):
            assert (await make(line, name, idempotency_key="op-1")).attempts == 2
        else:
            assert (await fail(line, name, idempotency_key="op-1")).attempts == 1


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_http_1_without_a_key_nothing_is_done_twice(line, status):
    for name in line.each(KEYED):
        line.script.turns.append(line.script.say(status))
        error = await fail(line, name)
        assert (error.attempts, error.acted) == (1, True)


async def test_http_1_429_proves_that_nothing_was_done(line):
    for name in line.each(KEYED):
        line.script.turns.append(line.script.say(429))
        assert (await make(line, name)).attempts == 2
        line.script.turns.extend([line.script.say(429)] * 3)
        with pytest.raises(RateLimited) as caught:
            await make(line, name)
        assert not caught.value.acted


async def test_http_1_retry_after_in_seconds(line):
    line.script.turns.append(line.script.say(429, None, Retry_After="4"))
    await make(line, "queue.get")
    assert 4.0 <= line.time.slept[0] <= 5.0


async def test_http_1_retry_after_as_a_date_by_the_servers_own_clock(line):
    day = 1_500_000_000  # years behind ours
    line.script.turns.append(
        line.script.say(429, None, Date=formatdate(day, usegmt=True), Retry_After=formatdate(day + 6, usegmt=True))
    )
    await make(line, "queue.get")
    assert 6.0 <= line.time.slept[0] <= 7.0


async def test_http_1_a_long_retry_after_is_capped_and_told(line):
    line.script.turns.extend([line.script.say(429, None, Retry_After="120")] * 3)
    error = await fail(line, "queue.get")
    assert line.time.slept == [10.0, 10.0]
    assert error.retry_after_s == 120.0
    assert "wait 120 s" in error.remedy


async def test_http_1_no_rest_is_begun_that_ends_after_the_deadline(new_line):
    async with new_line(policy=RetryPolicy(attempts_max=9, deadline_s=12.0)) as line:
        line.script.turns.extend([line.script.say(429, None, Retry_After="5")] * 9)
        error = await fail(line, "queue.get")
        assert error.attempts == 3
        assert line.time.at <= 1012.0
        assert error.latency_ms <= 12_000.0


# ------------------------------------------------------------------ connections that break


@pytest.mark.parametrize("acted", [False, True], ids=["before", "after"])
async def test_http_1_a_reset_is_retried_with_the_key_and_done_once(line, acted):
    for name in line.each(NAMES):
        line.script.turns.append(line.script.reset(acted=acted))
        await make(line, name, idempotency_key="op-1")
        assert len(line.script.effects) == 1


@pytest.mark.parametrize("acted", [False, True], ids=["before", "after"])
async def test_http_3_a_reset_without_a_key_says_that_it_may_have_acted(line, acted):
    for name in line.each(KEYED):
        line.script.turns.append(line.script.reset(acted=acted))
        error = await fail(line, name)
        assert isinstance(error, PlatformUnavailable)
        assert (error.status, error.attempts, error.acted, error.platform_code) == (None, 1, True, "broken")
        assert len(line.script.effects) == int(acted)


@pytest.mark.parametrize("turn", ["hang", "slow_body"])
async def test_http_1_a_time_out_is_retried_with_the_key(new_line, turn):
    async with new_line(**HASTY) as line:
        for name in line.each(NAMES):
            line.script.turns.append(getattr(line.script, turn)())
            assert (await make(line, name, idempotency_key="op-1")).attempts == 2
            assert len(line.script.effects) == 1


@pytest.mark.parametrize("turn", ["hang", "slow_body"])
async def test_http_3_a_time_out_without_a_key_says_that_it_may_have_acted(new_line, turn):
    async with new_line(**HASTY) as line:
        line.script.turns.append(getattr(line.script, turn)())
        error = await fail(line, "prompt.inject")
        assert (error.platform_code, error.attempts, error.acted) == ("timeout", 1, True)


async def test_http_3_a_refused_connection_has_not_acted(line):
    gone = RestCalls(
        line.http,
        line.tokens,
        CallSettings("http://127.0.0.1:9"),
        RetryPolicy(),
        line.calls._pace,
        line.metrics,
    )
    with pytest.raises(PlatformUnavailable, match="cannot be reached") as caught:
        await gone.call("contact.create", body={})
    assert (caught.value.attempts, caught.value.acted, caught.value.status) == (3, False, None)


async def test_http_3_what_an_earlier_attempt_may_have_done_is_not_forgotten(line):
    """The first answer is lost on the way; the second attempt finds that it exists already."""
    line.script.turns.extend([line.script.reset(acted=True), line.script.say(409)])
    error = await fail(line, "contact.create", idempotency_key="op-1")
    assert isinstance(error, Conflicting)
    assert error.acted


async def test_http_3_a_read_cannot_have_acted(line):
    line.script.turns.extend([line.script.reset(acted=True)] * 9)
    with pytest.raises(PlatformUnavailable) as caught:
        await make(line, "analytics.events")
    assert not caught.value.acted


# ------------------------------------------------------------------ HTTP-3 and AUTH-4


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, PayloadRefused),
        (404, NoSuchThing),
        (409, Conflicting),
        (413, PayloadRefused),
        (418, PlatformRefused),
        (422, PayloadRefused),
    ],
)
async def test_http_3_a_refusal_is_final_and_says_it_all(line, status, kind):
    for name in line.each(NAMES):
        body = {"message": "the queue is odd", "code": "bad.request", "status": status}
        line.script.turns.append(line.script.say(status, body, ININ_Correlation_Id="corr-7"))
        error = await fail(line, name, idempotency_key="op-1")
        assert type(error) is kind
        assert (error.status, error.platform_code, error.correlation_id) == (status, "bad.request", "corr-7")
        assert (error.attempts, error.acted, error.worth_retrying) == (1, False, False)
        assert f"{name}: the platform answered {status} the queue is odd; " in str(error)


async def test_auth_4_403_names_the_scope_of_the_call(line):
    for name in line.each(NAMES):
        line.script.turns.append(line.script.say(403, {"message": "Forbidden"}))
        error = await fail(line, name)
        assert isinstance(error, ScopeMissing)
        assert error.scopes == CALLS[name].scopes != ()
        assert all(scope in str(error) for scope in CALLS[name].scopes)


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        ({"message": "You are missing the following permission(s): [routing:queue:view]"}, {}),
        ({"message": "no", "messageParams": {"permissions": "routing:queue:view"}}, {}),
        ({}, {"WWW_Authenticate": 'Bearer error="insufficient_scope", scope="routing:queue:view"'}),
    ],
    ids=["message", "parameters", "header"],
)
async def test_auth_4_403_names_the_scope_that_the_platform_names(line, body, headers):
    line.script.turns.append(line.script.say(403, body, **headers))
    error = await fail(line, "queue.get")
    assert error.scopes == ("routing:queue:view",)
    assert "missing scope: routing:queue:view" in error.remedy


def test_auth_4_the_scopes_of_the_documents():
    scopes = {scope for call in CALLS.values() for scope in call.scopes}
    assert scopes >= {
        "interaction:chat:write",
        "conversation:write",
        "conversation:view",
        "webchat:attachment:write",
        "conversation:webchat:write",
        "agent-assist:prompt:write",
        "analytics:events:read",
        "externalcontacts:create",
        "conversations:messaging",
    }


# ------------------------------------------------------------------ AUTH-3


async def test_auth_3_401_takes_a_new_token_and_asks_once_more(line):
    for name in line.each(NAMES):
        line.script.turns.append(line.script.say(401))
        await make(line, name)
        first, second = (one.headers["authorization"] for one in line.script.seen)
        assert first != second
    assert line.script.tokens_given == 1 + len(NAMES)


async def test_auth_3_a_second_401_is_final(line):
    line.script.turns.extend([line.script.say(401)] * 9)
    error = await fail(line, "queue.get")
    assert isinstance(error, NotAuthenticated)
    assert (error.status, error.attempts, line.script.tokens_given) == (401, 2, 2)
    assert "platform.client_id" in error.remedy


async def test_auth_3_once_per_call_even_between_other_failures(line):
    say = line.script.say
    line.script.turns.extend([say(401), say(503), say(401), say(200)])
    error = await fail(line, "queue.get")
    assert (error.status, error.attempts) == (401, 3)


async def test_auth_3_many_calls_with_a_stale_token_fetch_one_new_one(line):
    await line.tokens.current(1e9)
    line.script.turns.extend([line.script.say(401)] * 20)
    await asyncio.gather(*(make(line, "queue.get") for _ in range(20)), return_exceptions=True)
    assert line.script.tokens_given <= 3  # each was refused at most once with each token


async def test_auth_3_without_a_client_the_remedy_is_told(line):
    calls = RestCalls(line.http, None, CallSettings(line.script.url), RetryPolicy(), line.calls._pace, line.metrics)
    with pytest.raises(NotAuthenticated, match=r"platform\.client_secret_file"):
        await calls.call("queue.get", path={"queueId": "q"})


# ------------------------------------------------------------------ answers that are none


@pytest.mark.parametrize(
    "body", [b"{nope", b"[]", b"7", b"\xff\xfe", b"[" * 100_000, b"<html>"], ids=lambda b: repr(b[:6])
)
@pytest.mark.parametrize("name", ["queue.get", "contact.create"])
async def test_http_3_a_success_that_cannot_be_read_may_have_acted(line, name, body):
    line.script.turns.append(line.script.raw(200, body))
    error = await fail(line, name, idempotency_key="op-1")
    assert isinstance(error, PlatformUnavailable)
    assert (error.status, error.platform_code, error.attempts) == (200, "malformed", 1)
    assert error.acted == (name in WRITES)
    assert "JSON" in str(error)


@pytest.mark.parametrize("body", [b"{nope", b"[]", b"\xff\xfe", b"[" * 100_000], ids=lambda b: repr(b[:6]))
async def test_http_3_a_refusal_that_cannot_be_read_is_still_one(line, body):
    line.script.turns.append(line.script.raw(404, body))
    assert isinstance(await fail(line, "queue.get"), NoSuchThing)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_http_3_redirects_are_not_followed(line, status):
    """They would take the bearer token along."""
    line.script.turns.append(line.script.say(status, None, Location=f"{line.script.url}/elsewhere"))
    error = await fail(line, "contact.create", idempotency_key="op-1")
    assert isinstance(error, PlatformRefused)
    assert (error.status, error.attempts, error.acted) == (status, 1, False)
    assert "redirects are not followed" in error.remedy


async def test_http_3_a_huge_answer_is_refused(line):
    line.script.turns.append(line.script.raw(200, b'{"a":"' + b"x" * (8 * 1024 * 1024) + b'"}'))
    error = await fail(line, "contact.create", idempotency_key="op-1")
    assert (error.platform_code, error.attempts, error.acted) == ("too_long", 1, True)


async def test_http_3_a_large_answer_in_many_pieces_is_read_whole(line):
    line.script.turns.append(line.script.raw(200, b'{"a":"' + b"x" * 2_000_000 + b'"}'))
    assert len((await make(line, "queue.get")).body["a"]) == 2_000_000
    line.script.turns.append(line.script.raw(200, b'{"a":"' + b"x" * 2_000_000 + b'"}'))
    assert len((await line.http.get_object(f"{line.script.url}/x"))["a"]) == 2_000_000


# ------------------------------------------------------------------ the budget


async def test_http_1_all_callers_share_one_budget_in_the_order_of_asking(new_line):
    async with new_line(per_minute=3, policy=RetryPolicy(deadline_s=100.0)) as line:
        asked = [asyncio.ensure_future(line.calls.call("queue.get", path={"queueId": str(n)})) for n in range(5)]
        await asyncio.gather(*asked)
        assert [one.path.rpartition("/")[2] for one in line.script.seen][:3] == ["0", "1", "2"]
        assert len(line.script.seen) == 5
        assert line.time.slept[0] == 60.0


async def test_http_1_who_has_no_turn_before_its_deadline_is_told_at_once(new_line):
    async with new_line(per_minute=3) as line:
        for _ in range(3):
            await make(line, "queue.get")
        with pytest.raises(BudgetSpent, match=r"rest\.requests_per_minute") as caught:
            await make(line, "contact.create")
        error = caught.value
        assert (error.code, error.operation, error.acted, error.attempts) == ("budget", "contact.create", False, 0)
        assert error.retry_after_s == 60.0
        assert line.time.slept == []
        line.time.at += 60.0
        await make(line, "contact.create")


async def test_http_1_retries_spend_the_budget_too(new_line):
    async with new_line(per_minute=2) as line:
        line.script.turns.extend([line.script.say(503)] * 2)
        with pytest.raises(BudgetSpent) as caught:
            await make(line, "contact.create", idempotency_key="op-1")
        assert (caught.value.attempts, caught.value.acted) == (2, True)


# ------------------------------------------------------------------ HTTP-4, GUEST-3, and what is not shown


async def test_http_4_every_request_is_measured_by_call_and_outcome(line):
    say = line.script.say
    line.script.turns.extend([say(429), say(503), say(401), say(200), say(404), line.script.raw(200, b"x")])
    line.script.turns.append(line.script.reset(acted=False))
    await make(line, "contact.create", idempotency_key="op-1")
    for name in ("interaction.inject",) * 3:
        with pytest.raises(PlatformError):
            await make(line, name)
    text = line.metrics.exposition().decode()
    for name, outcome in [
        ("contact.create", "rate_limited"),
        ("contact.create", "unavailable"),
        ("contact.create", "unauthorized"),
        ("contact.create", "ok"),
        ("interaction.inject", "refused"),
        ("interaction.inject", "unreadable"),
        ("interaction.inject", "network"),
    ]:
        assert f'guestd_rest_seconds_count{{operation="{name}",outcome="{outcome}"}} 1.0' in text
    assert 'guestd_rest_retries_total{operation="contact.create"} 2.0' in text


async def test_http_4_a_success_says_how_long_it_took_in_milliseconds(line):
    async def quarter(request):
        line.time.at += 0.25
        return await line.script.say(200)(request)

    line.script.turns.extend([line.script.say(503), quarter])
    assert (await make(line, "queue.get")).latency_ms == pytest.approx(250.0)


async def test_guest_3_failed_calls_are_counted_by_kind(line):
    say = line.script.say
    for turns in ([say(429)] * 3, [say(403)], [say(401)] * 2, [line.script.reset(acted=False)], [say(400)]):
        line.script.turns.extend(turns)
        with pytest.raises(PlatformError):
            await make(line, "interaction.inject")
    assert line.metrics.platform_errors == {"rate_limit": 1, "auth": 2, "network": 1, "other": 1}


async def test_http_3_no_secret_is_in_an_error_or_a_log_line(line, caplog):
    """Even if the platform repeats everything it was given."""
    caplog.set_level(logging.DEBUG)

    async def parrot(request):
        said = f"bad: {await request.text()} {request.headers['Authorization']} canary-client-secret"
        headers = {"ININ-Correlation-Id": request.headers["Authorization"]}
        return await line.script.say(400, {"message": said, "code": said}, **headers)(request)

    line.script.turns.append(parrot)
    body = {"customAttributes": {"guestToken": "canary-guest-token"}, "list": [{"password": "canary-password"}]}
    with pytest.raises(PayloadRefused) as caught:
        await line.calls.call("contact.create", body=body, idempotency_key="op-1")
    error = caught.value
    shown = [str(error), repr(error), repr(vars(error)), caplog.text, line.metrics.exposition().decode()]
    assert "bad: " in str(error)
    assert not [text for text in shown if "canary" in text]


async def test_http_3_one_log_line_for_a_failing_call(line, caplog):
    line.script.turns.extend([line.script.say(503, None, ININ_Correlation_Id="corr-9")] * 3)
    await fail(line, "queue.get")
    (record,) = [one for one in caplog.records if one.name == "guestd.platform"]
    said = record.getMessage()
    assert all(word in said for word in ("queue.get", "503", "corr-9", "3 attempts"))
