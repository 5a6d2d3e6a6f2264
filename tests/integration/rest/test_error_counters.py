"""What GUEST-3 counts: calls and attempts that failed, by kind, and the guest tokens among them."""

from __future__ import annotations

import contextlib
import json

import pytest

from guestd.model.errors import PlatformError
from guestd.model.ids import fingerprint
from guestd.observe.exposition import exposition


async def test_guest_3_failed_calls_are_counted_by_kind(line):
    say = line.script.say
    for turns in (
        [say(429)] * 3,
        [say(403)],
        [say(401)] * 2,
        [line.script.reset(acted=False)],
        [say(400)],
    ):
        line.script.turns.extend(turns)
        with pytest.raises(PlatformError):
            await line.make("interaction.inject")
    assert line.metrics.platform_errors == {"rate_limit": 1, "auth": 2, "network": 1, "other": 1}


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, {"message": "customAttributes.guestToken is not signed RS256"}, "token_validation"),
        (422, {"message": "bad", "details": [{"fieldName": "sessionToken"}]}, "token_validation"),
        (400, {"message": "Validation failed", "code": "invalid.jwt"}, "token_validation"),
        (401, {"message": "The guest token is invalid", "code": "bad"}, "token_validation"),
        (403, {"message": "no", "details": [{"fieldName": "sessionToken"}]}, "token_validation"),
        (
            403,
            {"message": "The access token lacks scope a:b:c, which guest tokens need"},
            "auth",
        ),
        (422, {"message": "queueId is no UUID"}, "other"),
        (403, {"message": "this token lacks a permission"}, "auth"),
    ],
)
async def test_guest_3_a_guest_token_that_the_platform_refuses_is_counted(line, status, body, kind):
    """As a call that failed for it, and as a check of a token that went wrong."""
    line.script.turns.append(line.script.raw(status, json.dumps(body).encode()))
    given = {"customAttributes": {"guestToken": "canary-guest-token"}}
    with pytest.raises(PlatformError) as caught:
        await line.calls.call("contact.create", body=given, idempotency_key="k")
    checks = {"refused_by_platform": 1} if kind == "token_validation" else {}
    told = caught.value.codes().get("error_cause") == "guest_token"
    figures = line.metrics.error_figures()
    assert (line.metrics.platform_errors, figures["token_checks"], told) == (
        {kind: 1},
        checks,
        kind == "token_validation",
    )


GUEST_TOKEN_REFUSED = b'{"message": "The guest token is invalid: unknown kid"}'
WITH_TOKEN = {"customAttributes": {"guestToken": "canary-guest-token"}}


async def test_guest_3_a_401_about_a_guests_token_costs_no_bearer_token(line):
    line.script.turns.append(line.script.raw(401, GUEST_TOKEN_REFUSED))
    with pytest.raises(PlatformError):
        await line.calls.call("contact.create", body=WITH_TOKEN, idempotency_key="k")
    assert len(line.script.seen) == 1, "the same request was made again with a new bearer token"


@pytest.mark.parametrize("status", [400, 401, 403, 422])
async def test_http_3_a_refused_guest_token_has_advice_about_that_token(line, status):
    """And not about the OAuth client."""
    line.script.turns.append(line.script.raw(status, GUEST_TOKEN_REFUSED))
    with pytest.raises(PlatformError) as caught:
        await line.calls.call("contact.create", body=WITH_TOKEN, idempotency_key="k")
    assert "check the guest's token" in str(caught.value) and "OAuth" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "message"),
    [(401, "The guest token (guestIdToken) has expired"), (400, "The token has expired")],
)
async def test_guest_3_a_heartbeat_that_is_refused_for_the_guests_token_is_counted(
    line, status, message
):
    """It carries none: the one of the session's opening has expired."""
    body = json.dumps({"message": message}).encode()
    line.script.turns.append(line.script.raw(status, body))
    with pytest.raises(PlatformError, match="check the guest's token"):
        await line.make("conversation.patch")
    assert (len(line.script.seen), line.metrics.platform_errors) == (1, {"token_validation": 1})


@pytest.mark.parametrize(
    "message",
    [
        "Invalid access token",
        "The token has expired",
        "Bearer token expired; contact guest-u1 was not created",
    ],
)
async def test_guest_3_a_401_about_the_bearer_token_is_none_about_a_guests(line, message):
    line.script.turns.append(line.script.raw(401, json.dumps({"message": message}).encode()))
    await line.calls.call("contact.create", body=WITH_TOKEN, idempotency_key="k")
    assert len(line.script.seen) == 2 and not line.metrics.platform_errors


async def test_guest_3_a_call_without_a_guest_token_is_refused_for_something_else(line):
    body = b'{"message": "the token is not signed"}'
    line.script.turns.append(line.script.raw(400, body))
    with pytest.raises(PlatformError):
        await line.make("interaction.inject")
    assert line.metrics.platform_errors == {"other": 1}


async def create(line, name, token, operation):
    """A call that carries that guest token; whether the platform takes it or not."""
    field = {"contact.create": "guestToken", "conversation.create": "sessionToken"}[name]
    body, key = {"customAttributes": {field: token}}, f"{operation}-{name.partition('.')[0]}"
    with contextlib.suppress(PlatformError):
        await line.calls.call(name, body=body, idempotency_key=key)


async def test_guest_3_each_token_counts_once_by_its_latest_verdict(line):
    """One of ten is refused, a tenth; of the others one is refused by a later step. Then a caller
    gives one token to ten guests, and it is refused once."""
    refused = line.script.raw(400, b'{"message": "the guest token is not valid"}')
    line.metrics.count_token_check(
        "valid", fingerprint("token-0")
    )  # of ours, checked after it was signed
    line.script.turns.append(refused)
    await create(line, "contact.create", "token-0", "g0")
    found = []
    for n in range(1, 10):
        for name in ("contact.create", "conversation.create"):
            await create(line, name, f"token-{n}", f"g{n}")
    found.append(line.metrics.error_figures())
    line.script.turns.append(refused)
    await create(line, "conversation.create", "token-9", "g9")
    found.append(line.metrics.error_figures())
    line.script.turns.append(refused)
    for n in range(10):
        await create(line, "contact.create", "token-x", f"x{n}")
    found.append(line.metrics.error_figures())
    names = ("tokens_judged", "token_validation_failure_ratio", "token_checks")
    checks = [
        {"valid": 1, "refused_by_platform": 1, "accepted_by_platform": 18},
        {"valid": 1, "refused_by_platform": 2, "accepted_by_platform": 18},
        {"valid": 1, "refused_by_platform": 3, "accepted_by_platform": 27},
    ]
    assert [[one[name] for name in names] for one in found] == [
        [10, 0.1, checks[0]],
        [10, 0.2, checks[1]],
        [20, 0.15, checks[2]],
    ]


async def test_guest_3_every_attempt_that_failed_is_counted_by_kind(line):
    """Also one that a further attempt mends, of a call and of the fetch of a bearer token; a call
    that succeeds in the end is not one that failed."""
    say = line.script.say
    line.script.token_turns.append(say(503))
    line.script.turns.extend([say(429), line.script.reset(acted=False)])
    await line.make("contact.create", idempotency_key="op-1")
    line.script.turns.append(say(403))
    line.script.seen.clear()
    await line.fail("contact.create", idempotency_key="op-2")
    shown = [
        text.removeprefix("guestd_platform_")
        for text in exposition(line.metrics).decode().splitlines()
        if text.startswith(("guestd_platform_failed_attempts_total", "guestd_platform_errors_tot"))
    ]
    figures = line.metrics.error_figures()["failed_attempts"]
    of_kind = {"rate_limit": 1, "auth": 1, "network": 1, "other": 1, "token_validation": 0}
    attempts = [
        f'failed_attempts_total{{kind="{kind}"}} 1.0'
        for kind in ("other", "rate_limit", "network", "auth")
    ]
    assert (sorted(shown), figures) == (
        sorted([*attempts, 'errors_total{kind="auth"} 1.0']),
        {"total": 4, **of_kind},
    )
