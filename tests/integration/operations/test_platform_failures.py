"""Every failure of a REST call, for every operation that acts: its documented outcome, and
nothing twice (HTTP-2, HTTP-3).

A passing failure is retried until it is over. A lasting one ends as `failed` if nothing can have
been done, as `uncertain` if something may have been and it cannot be looked at; what can be looked
at (a contact, a conversation whose id is ours) is settled by looking."""

from __future__ import annotations

import asyncio
from collections import Counter
from itertools import count

import pytest

from .conftest import guest, injection, life, prompt, session

ACTING = (
    "/api/v2/externalcontacts/contacts",
    "/api/v2/conversations/messaging",
    "/api/v2/interactions/chat/inject",
    "/api/v2/agent-assist/prompt-injections",
)
LOST = {
    "429 in seconds": {"kind": "http_status", "status": 429},
    "429 by date": {"kind": "http_status", "status": 429, "retry_after_form": "date"},
    "500": {"kind": "http_status", "status": 500},
    "500 after": {"kind": "http_status", "status": 500, "when": "after"},
    "502 after": {"kind": "http_status", "status": 502, "when": "after"},
    "503": {"kind": "http_status", "status": 503},
    "reset before": {"kind": "reset", "when": "before"},
    "reset after": {"kind": "reset", "when": "after"},
    "closed after": {"kind": "reset", "when": "after", "how": "close"},
    "time-out before": {"kind": "no_answer", "when": "before"},
    "time-out after": {"kind": "no_answer", "when": "after"},
    "slow body": {"kind": "slow_body", "ms": 1000},
    "malformed": {"kind": "broken_json"},
}
NAMES = count(1)


@pytest.fixture
async def harness(emulator, tmp_path):
    async with life(emulator, tmp_path, timeout_s=0.3, tries_max=2) as found:
        yield found


async def all_four(harness, *rules):
    """A guest, a session, an injection and a prompt at once, while the rules hold. (views by kind,
    what was made)"""
    conversation = await harness.conversation()
    before = harness.mutations()
    harness.faults(*rules)
    n = next(NAMES)
    views = await asyncio.gather(
        harness.do("guest", guest(f"guest-{n}")),
        harness.do("messaging", session()),
        harness.do("injection", injection(conversation)),
        harness.do("prompt", prompt(conversation), wait_s=2.0),
    )
    harness.faults()
    return {view.kind: view for view in views}, harness.mutations() - before


def rules(failure, **how_often):
    return [{"path": path, "method": "POST", **failure, **how_often} for path in ACTING]


@pytest.mark.parametrize("name", LOST)
async def test_http_2_a_passing_misfortune_is_outlived(harness, name):
    views, made = await all_four(harness, *rules(LOST[name], count=1))
    assert {kind: view.status for kind, view in views.items()} == {
        "guest": "succeeded",
        "messaging": "running",
        "injection": "succeeded",
        "prompt": "succeeded",
    }
    assert made == Counter(contact=1, conversation=2, injection=1, prompt=1)


async def test_auth_3_a_token_that_has_expired_is_renewed(harness):
    """One expiry: a call whose new token expires as well fails, and four expiries could meet one
    call twice."""
    views, made = await all_four(
        harness, {"kind": "expired_tokens", "count": 1, "path": "/api/v2", "method": "POST"}
    )
    assert views["guest"].status == views["injection"].status == "succeeded"
    assert made == Counter(contact=1, conversation=2, injection=1, prompt=1)


BEFORE = {"guest": "failed", "messaging": "failed", "injection": "uncertain", "prompt": "uncertain"}
AFTER = {
    "guest": "uncertain",
    "messaging": "running",
    "injection": "uncertain",
    "prompt": "uncertain",
}
ALL_FAILED = dict.fromkeys(BEFORE, "failed")
ONCE = Counter(contact=1, conversation=2, injection=1, prompt=1)


@pytest.mark.parametrize(
    ("name", "statuses", "made_at_most"),
    [
        ("429 in seconds", ALL_FAILED, Counter()),
        ("500", BEFORE, Counter()),
        ("reset before", BEFORE, Counter()),
        ("time-out before", BEFORE, Counter()),
        ("500 after", AFTER, ONCE),
        ("reset after", AFTER, ONCE),
        ("time-out after", AFTER, ONCE),
        ("malformed", AFTER, ONCE),
    ],
)
async def test_http_3_a_lasting_misfortune_has_its_documented_end(
    harness, name, statuses, made_at_most
):
    views, made = await all_four(harness, *rules(LOST[name], every=1))
    assert {kind: view.status for kind, view in views.items()} == statuses, views
    assert made == made_at_most
    for view in views.values():
        if view.status == "uncertain":
            assert (
                view.problem["code"] == "uncertain"
                and "check there before you try again" in view.problem["message"]
                and "try again later" not in view.problem["message"]
            )
        elif view.status == "failed":
            assert view.problem["code"] == "platform_unavailable", view.problem


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408])
async def test_http_3_a_refusal_is_final_and_says_why(harness, status):
    views, made = await all_four(
        harness, *rules({"kind": "http_status", "status": status}, every=1)
    )
    assert {kind: view.status for kind, view in views.items()} == ALL_FAILED
    assert not made
    for view in views.values():
        assert (view.problem["status"], view.problem["code"]) in [
            (status, "platform_refused"),
            (404, "not_found"),
        ]
        assert ("field" in view.problem) is (view.problem["code"] == "not_found")
        assert view.problem["correlation_id"]
        assert status != 403 or "scope" in view.problem["message"]


async def test_http_1_408_is_as_final_as_any_other_4xx(harness):
    views, made = await all_four(harness, *rules({"kind": "http_status", "status": 408}, every=1))
    acting = ("guest.contact", "messaging.opened", "injection.completed", "prompt.injected")
    attempts = Counter(
        fact["operation_id"]
        for fact in await harness.facts()
        if fact["action"] in acting and fact["status"] == "attempt"
    )
    ended = {kind: (view.status, attempts[view.operation_id]) for kind, view in views.items()}
    assert (ended, made) == (dict.fromkeys(BEFORE, ("failed", 1)), Counter())


async def test_http_3_a_conflict_is_the_operations_own_to_judge(harness):
    views, made = await all_four(harness, *rules({"kind": "http_status", "status": 409}, every=1))
    assert {kind: view.status for kind, view in views.items()} == {
        **ALL_FAILED,
        "prompt": "deferred",
    }
    assert not made
    assert {view.problem["code"] for view in views.values() if view.problem} == {"conflict"}


async def test_audit_1_each_attempt_has_its_outcome(harness):
    views, _ = await all_four(harness, *rules(LOST["reset after"], count=3))
    assert views["injection"].status == "succeeded"
    open_attempts = Counter()
    for fact in await harness.facts():
        words = fact["operation_id"], fact["action"]
        if fact["status"] == "attempt":
            open_attempts[words] += 1
            assert open_attempts[words] == 1, (
                f"a second attempt before the first one's outcome: {words}"
            )
        elif words in open_attempts:
            open_attempts[words] -= 1
    assert not +open_attempts
