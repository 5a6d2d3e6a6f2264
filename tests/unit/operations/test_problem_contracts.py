"""Problems and lines of the audit that say all that is known (HTTP-3, AUDIT-1)."""

from __future__ import annotations

import asyncio

import pytest

from guestd.model.errors import GUEST_TOKEN as GUEST_TOKEN_CAUSE
from guestd.model.errors import PayloadRefused, ScopeMissing, TokenRefused

from .conftest import GUEST_TOKEN, REQUESTS, do, fault

CONTACT = "the platform answered 409 about (secret); "
LOOK = "; looking it up failed too: the platform answered 403 about (secret)"


REFUSED = TokenRefused.code
#: Where the problem is not that of the call itself.
ENDS = {"conversation.patch": "heartbeats_failed"}


def codes(problem):
    return [problem.get(name) for name in ("code", "status", "correlation_id")]


#: By name: the kind, what the platform answers with 200, and the code of the problem.
WRONG_ANSWERS = {
    "it is not active": ("injection", {"interaction.get": {"state": "archived"}}, "conflict"),
    "no list of messages": ("injection", {"interaction.inject": {}}, "unverified"),
    "the same page": ("adoption", {"analytics.events": {"pageToken": "x"}}, "platform_malformed"),
}


@pytest.mark.parametrize("name", WRONG_ANSWERS)
def test_http_3_an_answer_that_ends_an_operation_is_told_with_its_own_status(world, name):
    """200, and the answer's correlation id: in the problem, and in the last line of the audit."""
    kind, answers, code = WRONG_ANSWERS[name]
    world.twin.answers = answers
    view = do(world, kind)
    details = world.facts()[-1]["details"]
    audited = [details.get(one) for one in ("error_code", "error_status", "correlation_id")]
    assert (codes(view.problem), audited) == ([code, 200, "corr-1"],) * 2


#: By call: the kind of operation that makes it.
CALLS = {
    "queue.get": "guest",
    "contact.create": "guest",
    "conversation.create": "messaging",
    "conversation.patch": "messaging",
    "interaction.get": "injection",
    "interaction.inject": "injection",
    "prompt.inject": "prompt",
    "analytics.events": "adoption",
}


@pytest.mark.parametrize("status", [302, 400, 401, 403, 404, 405, 409, 410, 422])
@pytest.mark.parametrize("call", CALLS)
def test_http_3_a_refused_token_has_its_status_in_every_call(world, call, status):
    """Its status is that of the token's address, and never the word on the thing asked for: it is
    not missing, full, there already or gone, and no guest token is signed anew for it."""
    world.twin.faults[call] = [
        {**fault(status, times=99), "kind": TokenRefused, "platform_code": "oe"}
    ]
    view = do(world, CALLS[call])
    codes_of = {
        tuple(one["details"].get(name) for name in ("error_status", "platform_code"))
        for one in world.facts()
        if one["status"] == "failed"
    }
    is_heartbeat = call == "conversation.patch"
    found = [view.status, view.problem["code"], view.problem["status"], len(codes_of)]
    assert (found, codes_of, world.made()["conversation"]) == (
        ["succeeded" if is_heartbeat else "failed", ENDS.get(call, REFUSED), status, 1],
        {(status, "oe")},
        int(is_heartbeat),
    )


#: By call: the kind of operation, what it is answered with 200, and what fails before it.
MALFORMED = {
    "contact.create": ("guest", {}, {}),
    "contact.find": ("guest", {"entities": {}}, {"contact.create": 409}),
    "conversation.create": ("messaging", {"id": 7}, {}),
    "conversation.get": ("messaging", {}, {"conversation.create": 409}),
    "interaction.get": ("injection", {}, {}),
    "interaction.inject": ("injection", {"messages": [{"id": "1"}]}, {}),
    "prompt.inject": ("prompt", {}, {}),
    "analytics.events": ("adoption", {"events": "none"}, {}),
}


@pytest.mark.parametrize("call", [*MALFORMED, "the same page"])
def test_guest_3_each_answer_that_lacks_what_it_must_have_is_counted(world, call):
    """It is a call that failed and a request that failed, though it was answered with 200: as one
    whose answer is no JSON."""
    kind, answers, _ = WRONG_ANSWERS["the same page"]
    faults = {}
    if call in MALFORMED:
        kind, answer, faults = MALFORMED[call]
        answers = {call: answer}
    world.twin.answers = answers
    world.twin.faults = {name: [fault(status)] for name, status in faults.items()}
    figures = []

    async def run():
        life = world.life(tries_max=2)
        view = await life.do(kind)
        figures.append(life.metrics.error_figures())
        await life.service.stop()
        return view

    view = world.run(run())
    asked = sum(one.name == call for one in world.twin.calls) if call in MALFORMED else 1
    counts = [
        (
            one["failed_calls"]["other"],
            one["failed_calls"]["total"],
            one["failed_attempts"]["other"],
        )
        for one in figures
    ]
    assert (view.status in ("failed", "uncertain"), asked > 0, counts) == (
        True,
        True,
        [(asked, asked, asked)],
    )


def test_http_3_a_look_up_that_cannot_be_read_is_told_in_full(world):
    """The opening's answer is lost, and the look whether it was opened finds no id."""
    world.twin.faults["conversation.create"] = [fault(503, before=False, times=99)]
    world.twin.answers["conversation.get"] = {"state": "active"}
    view = do(world, "messaging")
    words = (
        "; looking it up failed too: conversation.get: the platform's answer has no id for the"
        " conversation"
    )
    probe = [one["details"] for one in world.facts() if one["action"] == "platform.probe"][-1]
    told = words in view.problem["message"], "(correlation id corr-1)" in view.problem["message"]
    audited = [probe.get(name) for name in ("error_cause", "error_status", "correlation_id")]
    assert (view.status, codes(view.problem), told, audited) == (
        "uncertain",
        ["uncertain", 503, "corr-9"],
        (True, True),
        ["malformed", 200, "corr-1"],
    )


@pytest.mark.parametrize("kind", ["guest", "messaging"])
@pytest.mark.parametrize(("acted", "status"), [(False, "failed"), (True, "uncertain")])
def test_http_3_a_conflict_stays_one_where_it_cannot_be_looked_up(world, kind, acted, status):
    """Unless an attempt before it may have done it: then that is unknown."""
    make, look = {
        "guest": ("contact.create", "contact.find"),
        "messaging": ("conversation.create", "conversation.get"),
    }[kind]
    world.twin.faults[make] = [{**fault(409, before=not acted)}]
    world.twin.faults[look] = [fault(403, times=99)]
    view = do(world, kind)
    code = {"failed": "conflict", "uncertain": "uncertain"}[status]
    words = view.problem["message"]
    told = words.startswith(CONTACT), LOOK in words, "(correlation id corr-9)" in words
    field = view.problem.get("field")
    assert (view.status, codes(view.problem), told, field, GUEST_TOKEN in words) == (
        status,
        [code, 409, "corr-9"],
        (True, True, True),
        {"guest": "guestId", "messaging": None}[kind],
        False,
    )


def test_http_3_a_deferred_prompt_shows_what_the_platform_said(world):
    """While it is deferred, and after it was given up; with the platform's own words."""
    world.twin.faults["prompt.inject"] = [fault(409, times=99)]
    said = "prompt_deferrals_max"

    async def story():
        life = world.life(**{said: 1})
        await life.service.start("prompt", "op-1", REQUESTS["prompt"])
        await asyncio.sleep(1.0)
        first = await life.service.view("op-1")
        last = await life.do("prompt")
        await life.service.stop()
        return first, last

    words = "the platform answered 409 about"
    found = [
        (
            one.status,
            codes(one.problem),
            one.problem["message"].partition(":")[0],
            words in str(one),
            one.problem["message"].endswith(f"; {one.problem['remedy']}"),
        )
        for one in world.run(story())
    ]
    full = "the agent's screen stayed full through 2 attempts"
    assert found == [
        ("deferred", ["conflict", 409, "corr-9"], "the agent's screen is full", True, True),
        ("failed", ["conflict", 409, "corr-9"], full, True, True),
    ]


@pytest.mark.parametrize("failed_heartbeats", [False, True])
def test_audit_1_a_goodbye_that_is_given_up_has_a_last_line(world, failed_heartbeats):
    """Every PATCH is answered 503; the conversation is looked up and found active."""

    async def story():
        life = world.life()
        await life.service.start("messaging", "op-1", {**REQUESTS["messaging"], "durationS": 60})
        await asyncio.sleep(1.0)
        world.twin.faults["conversation.patch"] = [fault(503, times=9999)]
        if not failed_heartbeats:
            await life.service.end("op-1")
        view = await life.do("messaging", request={**REQUESTS["messaging"], "durationS": 60})
        await life.service.stop()
        return view

    view, last = world.run(story()), world.facts()[-1]
    details = last["details"]
    names = ("idempotency_key", "final", "error_status", "correlation_id")
    assert (view.status, last["action"], last["status"], *map(details.get, names)) == (
        "failed",
        "messaging.disconnect",
        "failed",
        "op-1-disconnect",
        True,
        503,
        "corr-9",
    )


def test_audit_1_an_opening_that_did_not_happen_has_a_last_line(world):
    """Its answers are lost, and it is not there when it is looked up."""
    world.twin.faults["conversation.create"] = [fault(503, times=9999)]
    view = do(world, "messaging")
    last = world.facts()[-1]
    latency_ms = last["details"]["latency_ms"]
    names = ("idempotency_key", "error_status")
    found = (last["action"], last["status"], *map(last["details"].get, names))
    assert (view.status, found, latency_ms > 1000.0) == (
        "failed",
        ("messaging.opened", "failed", "op-1-conversation", 503),
        True,
    )


@pytest.mark.parametrize("status", [400, 403, 503])
def test_http_3_an_unknown_outcome_has_one_advice(world, status):
    """Neither that of the failure nor that of the look-up that failed too."""
    advice = ["wait 1 s; try again later", "correct the request"]
    world.twin.faults = {
        "conversation.create": [{**fault(500, times=99), "remedy": advice[0]}],
        "conversation.get": [{**fault(status, times=99), "remedy": advice[1]}],
    }
    problem = do(world, "messaging").problem
    assert (problem["code"], problem["remedy"]) == ("uncertain", "check there before you try again")
    assert problem["message"].endswith(f": {problem['remedy']}")
    assert not any(one in problem["message"] for one in advice)


def test_guest_3_a_token_that_a_heartbeat_proves_bad_has_failed_its_check(world):
    """The one of the opening, in the operation that used it; and not again for each heartbeat."""
    refused = {**fault(401, times=99), "kind": PayloadRefused, "cause": GUEST_TOKEN_CAUSE}
    world.twin.faults["conversation.patch"] = [refused]
    figures = []

    async def run():
        life = world.life()
        await life.do("messaging")
        figures.append(life.metrics.error_figures())
        await life.service.stop()

    world.run(run())
    names = ("tokens_judged", "token_validation_failure_ratio")
    assert [figures[0][name] for name in names] == [1, 1.0]


def test_http_3_an_advice_in_the_platforms_own_words_stays(world):
    said = "please wait; try again later"
    world.twin.faults["interaction.inject"] = [
        {**fault(503, times=99), "words": said, "remedy": "try again later"}
    ]
    problem = do(world, "injection").problem
    assert problem["code"] == "uncertain" and f"{said}; it is unknown" in problem["message"]


@pytest.mark.parametrize("first", [503, 403])
def test_auth_4_a_scope_is_named_where_the_outcome_is_unknown(world, first):
    """Of the failure, or of the look-up that failed too."""
    refused = {**fault(403, times=99), "kind": ScopeMissing, "scopes": ("webchat:write",)}
    faults = {503: fault(503, times=99), 403: {**refused, "before": False}}
    world.twin.faults = {"conversation.create": [faults[first]], "conversation.get": [refused]}
    problem = do(world, "messaging").problem
    words = problem["message"].count("missing scope: webchat:write")
    expected = ("uncertain", "webchat:write", {503: 1, 403: 2}[first])  # once of each that lacks it
    assert (problem["code"], problem["missing_scope"], words) == expected


#: The answer to one attempt is lost, the next one is answered 409: of two calls, or of one.
LOST_THEN_FULL = {
    "two calls": [fault(503, before=False), fault(409)],
    "one call": [fault(409, before=False)],
}


@pytest.mark.parametrize("first", LOST_THEN_FULL)
@pytest.mark.parametrize("last", ["refused", "cancelled", "full"])
def test_http_3_a_prompt_that_may_have_been_shown_is_not_called_failed(world, first, last):
    """The screen was full, perhaps of itself."""
    ends = {"refused": [fault(400)], "cancelled": [], "full": [fault(409, times=99)]}
    world.twin.faults["prompt.inject"] = [
        dict(one) for one in (*LOST_THEN_FULL[first], *ends[last])
    ]

    async def story():
        life = world.life(prompt_deferrals_max=1)
        await life.service.start("prompt", "op-1", REQUESTS["prompt"])
        if last == "cancelled":
            await asyncio.sleep(8.0)
            assert (await life.service.view("op-1")).status == "deferred"
            await life.service.end("op-1")
        view = await life.do("prompt")
        await life.service.stop()
        return view

    view = world.run(story())
    assert (view.status, view.problem["code"]) == ("uncertain", "uncertain")
    assert "was not shown" not in view.problem["message"]


def test_audit_1_a_state_that_is_no_word_is_not_quoted(world):
    for number, state in enumerate((f"ended {GUEST_TOKEN} {'z' * 20_000}", "eyJhbGciOiJSUzI")):
        world.twin.answers["interaction.get"] = {"state": state}
        problem = do(world, "injection", f"op-{number}").problem
        assert problem["code"] == "conflict" and "without a name" in problem["message"]


def test_guest_3_a_token_that_a_look_up_proves_bad_has_failed_its_check(world):
    refused = {**fault(401, times=99), "kind": PayloadRefused, "cause": GUEST_TOKEN_CAUSE}
    world.twin.faults = {"contact.create": [fault(503, times=99)], "contact.find": [refused]}
    figures = []

    async def run():
        life = world.life()
        await life.do("guest")
        figures.append(life.metrics.error_figures()["token_checks"])
        await life.service.stop()

    world.run(run())
    assert figures[0]["refused_by_platform"] >= 1
