"""AUTH-1 … AUTH-3: one client, one token, in time; a refusal that says what to do."""

from __future__ import annotations

import asyncio
import base64
import logging
from contextlib import suppress

import pytest
from pydantic import SecretStr

from guestd.api.problems import problem_of
from guestd.app.config import Config
from guestd.app.wiring.endpoints import platform_target
from guestd.app.wiring.rest import new_calls
from guestd.emulator import Emulator, EmulatorSettings
from guestd.model.errors import NotAuthenticated, PlatformRefused, PlatformUnavailable
from guestd.observe.metrics import Metrics
from guestd.platform.calls import RestCalls
from guestd.platform.http import Http
from guestd.platform.oauth import OAuthAccess, TokenSource
from guestd.platform.pace import Pace
from guestd.platform.settings import OAuthClient, RestSettings

from .conftest import CLIENT, SECRET

BY_DOCUMENT = [
    ("/login/oauth2/v2/token?grant_type=client_credentials", "basic"),
    ("/oauth/token", "basic"),
    ("/oauth/token", "form"),
    ("/api/v2/oauth/token", "form"),
]


def behind(gate: asyncio.Event, turn):
    """A turn that waits for the gate."""

    async def held(request):
        await gate.wait()
        return await turn(request)

    return held


# ------------------------------------------------------------------ AUTH-1


@pytest.mark.parametrize(("path", "client_auth"), BY_DOCUMENT)
async def test_auth_1_every_documented_token_path_of_the_emulator(path, client_auth):
    """The token it gives is good for a call."""
    loop = asyncio.get_running_loop()
    async with Emulator(EmulatorSettings()) as emulator:
        http, pace, rest = Http(), Pace(loop.time), RestSettings()
        client = OAuthClient("emulator-client", SecretStr("emulator-secret"))
        access = OAuthAccess(emulator.url + path, client, client_auth)
        tokens = TokenSource(http, access, rest, pace)
        try:
            token = await tokens.current(loop.time() + 5.0)
            answer = await http.send(
                "GET",
                f"{emulator.url}/api/v2/conversations/none",
                {"Authorization": f"Bearer {token}"},
                timeout_s=5.0,
            )
            assert answer.status == 404  # and not 401: the token was taken
        finally:
            await tokens.close()
            await http.close()


@pytest.mark.parametrize(("path", "client_auth"), BY_DOCUMENT)
async def test_auth_1_a_wrong_secret_is_told_as_such_by_the_emulator(path, client_auth):
    loop = asyncio.get_running_loop()
    async with Emulator(EmulatorSettings()) as emulator:
        http, pace, rest = Http(), Pace(loop.time), RestSettings()
        client = OAuthClient("emulator-client", SecretStr("wrong"))
        access = OAuthAccess(emulator.url + path, client, client_auth)
        tokens = TokenSource(http, access, rest, pace)
        calls = RestCalls(http, tokens, emulator.url, rest, pace, Metrics())
        try:
            with pytest.raises(NotAuthenticated, match="invalid client"):
                await calls.call("queue.get", path={"queueId": "q"})
        finally:
            await calls.close()
            await http.close()


BASIC = "Basic " + base64.b64encode(b"client-1:canary-client-secret").decode()
PAIR = "client_id=client-1&client_secret=canary-client-secret"
GRANT = "grant_type=client_credentials"
AS_CONFIGURED = {
    "by default": ({}, "/oauth/token", BASIC, GRANT),
    "the grant in the query": (
        {"token_url": f"/login/oauth2/v2/token?{GRANT}"},
        f"/login/oauth2/v2/token?{GRANT}",
        BASIC,
        "",
    ),
    "a form": (
        {"token_url": "/api/v2/oauth/token", "client_auth": "form"},
        "/api/v2/oauth/token",
        None,
        f"{GRANT}&{PAIR}",
    ),
    "a scope": (
        {"scope": "chat:write a:b"},
        "/oauth/token",
        BASIC,
        f"{GRANT}&scope=chat%3Awrite+a%3Ab",
    ),
    "the scope in the query": (
        {"token_url": "/x?scope=y", "scope": "z"},
        "/x?scope=y",
        BASIC,
        GRANT,
    ),
}


@pytest.mark.parametrize("case", AS_CONFIGURED)
async def test_auth_1_the_client_shows_itself_as_configured(line, case):
    """Path, query, header and form, as `guestd serve` makes them from the configuration."""
    keys, path, authorization, form = AS_CONFIGURED[case]
    platform = {
        "guest_socket_url": "ws" + line.script.url[4:],
        "client_id": CLIENT,
        "client_secret": SECRET,
        **keys,
    }
    if "token_url" in keys:
        platform["token_url"] = line.script.url + keys["token_url"]
    config = Config.model_validate({"platform": platform})
    place, loop = platform_target(config, None), asyncio.get_running_loop()
    calls = new_calls(config, place, line.http, Metrics(), loop)
    await calls.call("queue.get", path={"queueId": "q"})
    await calls.close()
    seen = line.script.token_requests[0]
    found = (
        seen.path + (f"?{seen.query}" if seen.query else ""),
        seen.headers.get("authorization"),
        seen.body.decode(),
    )
    assert (found, seen.headers["content-type"]) == (
        (path, authorization, form),
        "application/x-www-form-urlencoded",
    )


# ------------------------------------------------------------------ AUTH-2


async def test_auth_2_what_becomes_of_the_token_is_logged_and_told(line, caplog):
    """Fetched; over its life, and refreshed; not taken by the platform, and refreshed."""
    reported = []
    line.tokens.note = lambda action, status, details: reported.append((action, details))
    with caplog.at_level(logging.INFO, "guestd.platform"):
        await line.tokens.current(1e9)
        line.time.at += 4000.0
        await line.tokens.current(1e9)
        line.tokens.drop("canary-bearer-2")
        await line.tokens.current(1e9)
    life = {"oauth_client": "client-1", "life_s": 3600}
    over = {"oauth_client": "client-1", "reason": "its life is over"}
    not_taken = {"oauth_client": "client-1", "reason": "the platform did not take it"}
    got = {**life, "latency_ms": 0.0}
    words = [("oauth.fetched", got), ("oauth.expired", over), ("oauth.refreshed", got)]
    words += [("oauth.expired", not_taken), ("oauth.refreshed", got)]
    logged = [
        "the bearer token was fetched (oauth_client client-1, life_s 3600)",
        "the bearer token has expired (oauth_client client-1, reason its life is over)",
        "the bearer token was refreshed (oauth_client client-1, life_s 3600)",
        "the bearer token has expired (oauth_client client-1, reason the platform did not take it)",
        "the bearer token was refreshed (oauth_client client-1, life_s 3600)",
    ]
    assert (reported, [record.getMessage() for record in caplog.records]) == (words, logged)


async def test_http_4_the_audit_has_the_latency_of_each_fetch_of_a_token(line):
    """Of the whole fetch, with its rests; the attempt that failed on the way has its own."""
    reported = []
    line.tokens.note = lambda *fact: reported.append(fact)

    async def quarter(request):
        line.time.at += 0.25
        return await line.script.say(503)(request)

    line.script.token_turns.append(quarter)
    await line.tokens.current(1e9)
    attempt = {"call": "oauth.token", "attempt": 1, "latency_ms": 250.0, "error_status": 503}
    attempt["error_message"] = "oauth.token: the platform answered 503; try again later"
    whole_ms = round(250.0 + 1000.0 * line.time.slept[0], 3)
    assert reported == [
        (
            "oauth.attempt",
            "failed",
            {"oauth_client": "client-1", **attempt, "error_code": "platform_unavailable"},
        ),
        (
            "oauth.fetched",
            "success",
            {"oauth_client": "client-1", "life_s": 3600, "latency_ms": whole_ms},
        ),
    ]


async def test_http_4_every_request_for_a_token_is_measured_by_outcome(line):
    """As every other call: one that failed in passing, one that was taken, and one refused."""

    async def quarter(request):
        line.time.at += 0.25
        return await line.script.say(503)(request)

    line.script.token_turns.append(quarter)
    await line.tokens.current(1e9)
    line.tokens.drop(line.tokens.secrets()[-1])
    line.script.token_turns.append(line.script.say(401, {"error": "invalid_client"}))
    with pytest.raises(NotAuthenticated):
        await line.tokens.current(1e9)
    found = {
        outcome: (one.count, one.total)
        for (operation, outcome), one in line.metrics.rest_s.items()
        if operation == "oauth.token"
    }
    assert (found, line.metrics.rest_retries) == (
        {"unavailable": (1, 0.25), "ok": (1, 0.0), "unauthorized": (1, 0.0)},
        {"oauth.token": 1},
    )


async def test_http_3_a_refused_token_says_all_that_the_platform_said(line):
    """In the audit: status, code, correlation id and words, of the token's address too."""
    told = []
    line.tokens.note = lambda *fact: told.append(fact)
    answer = {"error": "no.such.path", "message": "nothing here", "code": "gone"}
    line.script.token_turns.append(line.script.say(404, answer, ININ_Correlation_Id="c-7"))
    with pytest.raises(NotAuthenticated):
        await line.tokens.current(1e9)
    ((action, status, details),) = told
    names = ("attempts", "error_status", "platform_code", "correlation_id")
    said = "nothing here" in details["error_message"]
    assert (action, status, [*map(details.get, names)], said) == (
        "oauth.refused",
        "failed",
        [1, 404, "gone", "c-7"],
        True,
    )


OAUTH_ERRORS = {
    "invalid_request": "platform.client_auth",
    "invalid_client": "platform.client_secret",
    "invalid_grant": "platform.client_secret",
    "unauthorized_client": "platform.client_secret",
    "unsupported_grant_type": "platform.client_secret",
    "invalid_scope": "platform.scope",
    "org.is.locked": "platform.region",
}


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410])
@pytest.mark.parametrize("code", OAUTH_ERRORS)
async def test_http_3_the_code_of_every_oauth_error_is_told(line, caplog, code, status):
    """RFC 6749 has six; others may come. In the error, the problem, the audit and the log; what to
    do is about the settings, and no mistake of who asked for the operation."""
    told = []
    line.tokens.note = lambda *fact: told.append(fact)
    answer = {"error": code, "error_description": "It is not allowed"}
    line.script.token_turns.append(line.script.say(status, answer, ININ_Correlation_Id="c-7"))
    error = await line.fail("queue.get")
    problem = problem_of(error)
    ((action, _, details),) = told
    codes = [error.platform_code, problem.platform["platform_code"], details["platform_code"]]
    advice = "token_url" if status in (404, 409, 410) else OAUTH_ERRORS[code]
    words = [part in str(error) for part in ("correct the request", "It is not allowed", advice)]
    logged = [f"code {code}" in one for one in caplog.messages]
    audited, told_status = details["error_status"], problem.platform["platform_status"]
    found = error.code, error.correlation_id, problem.status, action, audited, told_status
    assert (codes, words, logged, found) == (
        [code] * 3,
        [False, True, True],
        [True, True],
        ("platform_token_refused", "c-7", 502, "oauth.refused", status, status),
    )


async def test_http_3_a_token_that_may_come_later_tells_its_code_too(new_line):
    async with new_line(rest={"attempts_max": 1}) as line:
        answer = {"error": "temporarily_unavailable", "error_description": "later"}
        line.script.token_turns.append(line.script.say(503, answer))
        error = await line.fail("queue.get")
        assert (error.platform_code, error.status) == ("temporarily_unavailable", 503)


@pytest.mark.parametrize(
    ("life_s", "buffer_s", "renewed_after_s"),
    [
        (3600, 60.0, 3540.0),
        (100, 60.0, 50.0),
        (3600, 5.0, 3595.0),
        (10, 5.0, 5.0),
        ("7200", 60.0, 7140.0),
        (1e9, 60.0, 86_340.0),
        (1e308, 60.0, 86_340.0),
        ("1e308", 60.0, 86_340.0),
    ],
)
async def test_auth_2_renewed_before_it_expires_but_never_before_half_its_life(
    new_line, life_s, buffer_s, renewed_after_s
):
    async with new_line(rest={"token_buffer_s": buffer_s}) as line:
        line.script.token_life_s = life_s
        given = []
        for at in (0.0, renewed_after_s - 0.1, renewed_after_s):
            line.time.at = 1000.0 + at
            await line.tokens.current(1e9)
            given.append(line.script.tokens_given)
        assert given == [1, 1, 2]


async def test_auth_2_a_token_without_a_stated_life_is_taken_for_a_short_one(line):
    line.script.token_life_s = None
    await line.tokens.current(1e9)
    line.time.at += 241.0
    await line.tokens.current(1e9)
    assert line.script.tokens_given == 2


@pytest.mark.parametrize("life_s", [0, -1, "²", "abc", "nan", "inf", True, [], {"s": 1}], ids=repr)
async def test_auth_2_a_life_that_makes_no_sense_is_no_token(line, life_s):
    line.script.token_life_s = life_s
    with pytest.raises(PlatformUnavailable, match="no life that makes sense"):
        await line.tokens.current(1e9)


async def test_auth_2_concurrent_callers_share_one_fetch(line):
    tokens = await asyncio.gather(*(line.tokens.current(1e9) for _ in range(50)))
    assert (set(tokens), len(line.script.token_requests)) == ({"canary-bearer-1"}, 1)


async def test_auth_2_one_failing_fetch_fails_them_all_with_the_same_words(line):
    line.script.token_turns.append(line.script.say(401, {"error": "invalid_client"}))
    errors = await asyncio.gather(
        *(line.tokens.current(1e9) for _ in range(20)), return_exceptions=True
    )
    assert len({str(error) for error in errors}) == 1
    assert all(isinstance(error, NotAuthenticated) for error in errors)
    assert len({id(error) for error in errors}) == 20
    assert len(line.script.token_requests) == 1


async def test_auth_2_a_cancelled_waiter_takes_nothing_from_the_others(line):
    gate = asyncio.Event()
    line.script.token_turns.append(
        behind(gate, line.script.say(200, {"access_token": "late", "expires_in": 60}))
    )
    waiters = [asyncio.ensure_future(line.tokens.current(1e9)) for _ in range(3)]
    while not line.script.token_requests:
        await asyncio.sleep(0.001)
    waiters[0].cancel()  # the one that began it
    with pytest.raises(asyncio.CancelledError):
        await waiters[0]
    gate.set()
    assert await asyncio.gather(*waiters[1:]) == ["late", "late"]
    assert len(line.script.token_requests) == 1


async def test_auth_2_all_waiters_gone_and_the_fetch_fails_in_silence(line):
    gate = asyncio.Event()
    line.script.token_turns.append(behind(gate, line.script.say(401, {"error": "invalid_client"})))
    waiter = asyncio.ensure_future(line.tokens.current(1e9))
    while not line.script.token_requests:
        await asyncio.sleep(0.001)
    waiter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiter
    gate.set()
    with pytest.raises(NotAuthenticated):
        await line.tokens.current(1e9)
    assert len(line.script.token_requests) == 1


async def test_auth_2_a_good_token_outlives_a_failing_renewal(new_line):
    async with new_line(rest={"attempts_max": 1}) as line:
        line.script.token_life_s = 3600
        token = await line.tokens.current(1e9)
        line.time.at += 3550.0
        line.script.token_turns.extend([line.script.say(503)] * 9)
        assert await line.tokens.current(1e9) == token
        assert await line.tokens.current(1e9) == token
        assert len(line.script.token_requests) == 2, "the next try waits for half of what is left"
        line.time.at += 26.0
        assert await line.tokens.current(1e9) == token
        assert len(line.script.token_requests) == 3
        line.time.at += 26.0
        with pytest.raises(PlatformUnavailable) as caught:
            await line.tokens.current(1e9)
        assert caught.value.status == 503


async def test_auth_2_a_fetch_is_retried_like_any_call(line):
    line.script.token_turns.extend(
        [line.script.say(503), line.script.say(429, None, Retry_After="3")]
    )
    assert await line.tokens.current(1e9) == "canary-bearer-1"
    assert 1.0 <= line.time.slept[0] <= 1.5
    assert 3.0 <= line.time.slept[1] <= 4.0


# ------------------------------------------------------------------ AUTH-3


@pytest.mark.parametrize("status", [400, 401])
async def test_auth_3_an_invalid_client_is_told_clearly(line, status):
    line.script.token_turns.append(
        line.script.say(
            status, {"error": "invalid_client", "description": "no canary-client-secret"}
        )
    )
    with pytest.raises(NotAuthenticated) as caught:
        await line.calls.call("queue.get", path={"queueId": "q"})
    error = caught.value
    said = (
        "invalid client" in str(error),
        "platform.client_secret" in error.remedy,
        "canary" in str(error),
    )
    facts = (
        error.status,
        error.operation,
        error.platform_code,
        error.attempts,
        error.acted,
        line.script.seen,
    )
    assert (said, facts) == (
        (True, True, False),
        (status, "queue.get", "invalid_client", 0, False, []),
    )


async def test_auth_3_a_refused_client_is_not_presented_again_at_once(line):
    line.script.token_turns.append(line.script.say(401))
    asked = []
    for rest_s in (0.0, 9.9, 0.1):
        line.time.at += rest_s
        with suppress(NotAuthenticated):
            await line.tokens.current(1e9)
        asked.append(len(line.script.token_requests))
    assert asked == [1, 1, 2]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"access_token": ""},
        {"access_token": "a b"},
        {"access_token": "x\r\nEvil: 1"},
        {"access_token": 7},
        {"access_token": "good", "expires_in": 0},
        {"access_token": "good", "expires_in": True},
        {"access_token": "good", "expires_in": "soon"},
        {"access_token": "good", "expires_in": [1]},
    ],
    ids=str,
)
async def test_auth_3_an_answer_that_is_no_token(line, body):
    answer = line.script.say(200, body, **{"ININ-Correlation-Id": "corr-1"})
    line.script.token_turns.append(answer)
    with pytest.raises(PlatformUnavailable, match=r"platform\.token_url") as caught:
        await line.tokens.current(1e9)
    assert (caught.value.cause, caught.value.correlation_id) == ("malformed", "corr-1")


@pytest.mark.parametrize("body", [b"<html>log in</html>", b"[1]"], ids=repr)
async def test_http_3_a_token_answer_that_cannot_be_read_says_where_to_look(line, body):
    line.script.token_turns.append(line.script.raw(200, body))
    with pytest.raises(PlatformUnavailable, match=r"check platform\.token_url") as caught:
        await line.tokens.current(1e9)
    assert "whether it was done" not in str(caught.value)


async def test_auth_3_another_refusal_keeps_its_own_words(line):
    line.script.token_turns.append(line.script.say(400, {"error": "unsupported_grant_type"}))
    with pytest.raises(PlatformRefused, match="unsupported_grant_type"):
        await line.tokens.current(1e9)


async def test_auth_3_a_dropped_token_is_fetched_anew_but_an_older_one_drops_nothing(line):
    first = await line.tokens.current(1e9)
    line.tokens.drop(first)
    second = await line.tokens.current(1e9)
    assert second != first
    line.tokens.drop(first)
    assert await line.tokens.current(1e9) == second


def test_auth_3_a_secret_is_in_no_repr():
    assert "canary" not in repr(
        OAuthAccess("https://x/oauth/token", OAuthClient("id", SecretStr("canary")))
    )
