"""The contracts that the other files here do not name, each once over real HTTP."""

from __future__ import annotations

import pytest

from guestd.model.errors import CommandError, LimitExceeded

from .conftest import guest, has_status, injection, life, prompt, session


async def test_sess_7_a_guest_is_made_in_three_steps(harness):
    view = await harness.do("guest", guest(customAttributes={"tier": "gold"}), "g-1")
    assert view.status == "succeeded", view
    (contact,), (conversation,) = harness.resources("contacts"), harness.resources("conversations")
    assert (contact["id"], contact["key"]) == (view.result["contact_id"], "g-1-contact")
    assert (conversation["id"], conversation["key"]) == (
        view.result["conversation_id"],
        "g-1-conversation",
    )
    assert (
        contact["customAttributes"] == {"tier": "gold"}
        and conversation["contactId"] == contact["id"]
    )


async def test_sess_1_2_3_and_4_a_session_is_opened_as_asked(harness):
    view = await harness.do("messaging", session(durationS=60, locale="de-DE", name="Ana"))
    (conversation,) = harness.resources("conversations")
    assert conversation["id"] == view.result["conversation_id"] and conversation["name"] == "Ana"
    assert (
        conversation["sessionDurationLimit"] == 60 and conversation["context"]["locale"] == "de-DE"
    )
    for wrong in (
        {"durationS": 2701},
        {"durationS": 0},
        {"guestToken": 7},
        {"capabilities": ["typing-indicator"]},
    ):
        with pytest.raises(CommandError) as error:
            await harness.do("messaging", session(**wrong))
        assert error.value.field == next(iter(wrong))


async def test_sess_1_the_limit(emulator, tmp_path):
    async with life(emulator, tmp_path, sessions_max=2) as harness:
        await harness.conversation()
        await harness.conversation()
        with pytest.raises(LimitExceeded, match="limit exceeded"):
            await harness.do("messaging", session())


async def test_http_4_the_audit_has_the_latency_of_every_call(harness):
    """Of each call that was answered and of each that was refused, in milliseconds."""
    conversation = await harness.conversation()
    await harness.do("injection", injection(conversation))
    await harness.do("injection", injection("nobody"))
    told = [
        (one["action"], one["status"], type(one["details"].get("latency_ms")))
        for one in (await harness.facts())
        if one["status"] != "attempt"
        and (one["action"], one["status"]) != ("injection.completed", "failed")
    ]
    answered = ["messaging.opened", "injection.preflight", "injection.completed"]
    assert told == [
        *((one, "success", float) for one in answered),
        ("injection.preflight", "failed", float),
    ]


async def test_audit_1_an_attempt_that_is_made_again_has_a_line(harness):
    """With the ids of its operation, its key, its latency and what the platform said."""
    conversation = await harness.conversation()
    rule = {"kind": "http_status", "status": 503, "count": 1, "path": "/api/v2/interactions"}
    harness.faults({**rule, "method": "POST"})
    await harness.do("injection", injection(conversation), "i-1")
    facts = [one for one in await harness.facts() if one["operation_id"] == "i-1"]
    told = [(one["action"], one["status"]) for one in facts]
    begun, attempt, done = (*facts, *[{"details": {}}] * 3)[2:5]
    details, whole_ms = attempt["details"], done["details"].get("latency_ms", 0.0)
    latency_ms, correlation_id = details.pop("latency_ms", 0.0), details.pop("correlation_id", "")
    keys = {one["details"].get("idempotency_key") for one in (begun, attempt)}
    details = {name: details[name] for name in details if name not in begun["details"]}
    measured = correlation_id != "", whole_ms > latency_ms > 0.0
    assert (told, attempt.get("conversation_id"), details, len(keys), measured) == (
        [
            ("injection.preflight", "attempt"),
            ("injection.preflight", "success"),
            ("injection.completed", "attempt"),
            ("platform.attempt", "uncertain"),
            ("injection.completed", "success"),
        ],
        conversation,
        {
            "call": "interaction.inject",
            "attempt": 1,
            "error_message": "interaction.inject: the platform answered 503 refused by a fault with"
            " 503; wait 1 s; try again later; if it stays, tell the platform's support the"
            " correlation id",
            "retry_after_s": 1.0,
            "error_code": "platform_unavailable",
            "error_status": 503,
            "platform_code": "fault",
        },
        1,
        (True, True),
    )


async def test_audit_1_a_heartbeat_that_meets_429_has_a_line_with_all_that_is_known(harness):
    """Its conversation, its operation, the call, its number, the latency, status, code and
    correlation id; it is delayed, and no heartbeat has failed."""
    path = "/api/v2/conversations/messaging/"
    rule = {"kind": "http_status", "status": 429, "retry_after_s": 1, "count": 2, "path": path}
    harness.faults({**rule, "method": "PATCH"})
    view = await harness.do("messaging", session(durationS=5), "s-1")

    async def are_two():
        told = [action for action, _ in await harness.told()]
        return "platform.rate_limited" in told

    await harness.until(are_two)
    facts = await harness.facts()
    lines = [one for one in facts if one["details"].get("rate_limited")]
    names = ("call", "error_code", "error_status", "platform_code")
    told = [
        (one["operation_id"], one["conversation_id"], *(one["details"][name] for name in names))
        for one in lines
        if one["details"]["latency_ms"] > 0.0
        and one["details"]["correlation_id"]
        and one["details"].get("error_message")
    ]
    numbers = [(one["action"], *map(one["details"].get, ("attempt", "attempts"))) for one in lines]
    failed = [one for one in facts if one["action"] == "messaging.heartbeat_failed"]
    ids = "s-1", view.result["conversation_id"]
    assert (told, numbers, failed) == (
        [(*ids, "conversation.patch", "platform_unavailable", 429, "fault")] * 2,
        [("platform.attempt", 1, None), ("platform.rate_limited", None, 2)],
        [],
    )


async def deferred(harness):
    """The line of a prompt that found the agent's screen full: (the conversation, the fact)."""
    conversation = await harness.conversation()
    for name in ("p-1", "p-2"):
        await harness.do("prompt", prompt(conversation, maxConcurrentPrompts=1), name)
    (fact,) = [one for one in await harness.facts() if one["action"] == "prompt.deferred"]
    return conversation, fact


async def test_http_3_a_deferred_prompt_says_why(harness):
    """In our own words and the platform's, with its status, code and correlation id: in the audit,
    and of the prompt as it is shown."""
    _, fact = await deferred(harness)
    details, problem = fact["details"], (await harness.service.view("p-2")).problem or {}
    names = ("error_message", "error_code", "error_status", "platform_code", "correlation_id")
    told = [details.get(one, "") for one in names]
    shown = [problem.get(one.removeprefix("error_")) for one in names]
    words = (
        "the agent's screen is full: prompt.inject: the platform answered 409 The agent shows 1"
        " prompts, 1 is the maximum; look at its present state: it exists already, has ended, or is"
        " full"
    )
    assert (told[:4], len(told[4]) > 8, shown) == (
        [words, "conflict", 409, "prompts.at.maximum"],
        True,
        told,
    )


async def test_http_4_a_deferred_prompt_has_its_latency(harness):
    _, fact = await deferred(harness)
    details = fact["details"]
    assert (details.get("latency_ms", 0.0) > 0.0, details.get("attempts")) == (True, 1)


async def test_audit_1_a_deferred_prompt_has_its_ids_and_its_key(harness):
    conversation, fact = await deferred(harness)
    names = ("conversation_id", "operation_id", "status")
    found = [*(fact[name] for name in names), fact["details"].get("idempotency_key")]
    assert found == [conversation, "p-2", "deferred", "p-2-prompt"]


async def test_audit_1_a_request_that_looks_whether_it_was_done_has_a_line(harness):
    """An opening whose answers are lost is looked for; the looks that fail have lines as well."""
    path = "/api/v2/conversations/messaging"
    lost = {"kind": "http_status", "status": 500, "path": path, "when": "after", "count": 9}
    look = {"kind": "http_status", "status": 503, "path": f"{path}/", "method": "GET", "count": 3}
    harness.faults({**lost, "method": "POST"}, look)
    view = await harness.do("messaging", session(), "s-1")
    facts = [one for one in await harness.facts() if one["action"] == "platform.probe"]
    told = [(one["status"], one["details"].get("error_status")) for one in facts]
    each = {
        (
            one["conversation_id"],
            one["details"]["call"],
            one["details"]["latency_ms"] > 0.0,
            one["details"]["correlation_id"] != "",
        )
        for one in facts
    }
    assert (each, told[0], told[-1]) == (
        {(view.result["conversation_id"], "conversation.get", True, True)},
        ("failed", 503),
        ("success", None),
    )


async def test_http_3_a_goodbye_that_the_platform_refuses_says_why(harness):
    """The session is over all the same; its last line says that the platform was not told."""
    await harness.do("messaging", session(), "s-1")
    path = "/api/v2/conversations/messaging/"
    rule = {"kind": "http_status", "status": 403, "path": path, "method": "PATCH", "count": 9}
    harness.faults(rule)
    await harness.service.end("s-1")
    await harness.until(lambda: has_status(harness, "s-1", "succeeded"))
    fact = [one for one in await harness.facts() if one["action"] == "messaging.disconnect"][-1]
    details = fact["details"]
    names = ("platform_told", "final", "error_status", "platform_code", "idempotency_key")
    found = [fact["status"], *map(details.get, names), bool(details.get("correlation_id"))]
    assert found == ["failed", False, True, 403, "fault", "s-1-disconnect", True]


async def test_sess_5_three_lost_heartbeats_end_it_once(harness):
    view = await harness.do("messaging", session(durationS=1), "s-1")
    path = "/api/v2/conversations/messaging/"
    harness.faults(
        {
            "kind": "http_status",
            "status": 500,
            "path": path,
            "method": "PATCH",
            "count": 3,
            "when": "before",
        }
    )
    await harness.until(lambda: has_status(harness, "s-1", "succeeded"))
    assert (await harness.service.view("s-1")).result["ended"] == "heartbeats_failed"
    (conversation,) = harness.resources("conversations")
    assert (conversation["id"], conversation["ended_by"]) == (
        view.result["conversation_id"],
        "guest",
    )


async def test_sess_6_and_8_the_platform_is_told_and_it_is_counted(harness):
    await harness.do("messaging", session(), "s-1")
    await harness.service.end("s-1")
    await harness.until(lambda: has_status(harness, "s-1", "succeeded"))
    assert harness.resources("conversations")[0]["status"] == "disconnected"
    figures = harness.metrics.rest_figures()
    assert (figures["total_sessions"], figures["disconnection_rate"]) == (1, 1.0)
    assert ("messaging.ended", "success") in (await harness.told())


async def test_assist_1_3_and_5_a_prompt_is_shown_and_told(harness):
    conversation = await harness.conversation()
    request = {
        **prompt(conversation),
        "contextData": {"agentId": "a"},
        "webhookUrl": "https://kb.example.org/sync",
    }
    view = await harness.do("prompt", request, "p-1")
    (shown,) = harness.resources("prompts")
    assert (shown["id"], shown["key"]) == (view.result["injection_id"], "p-1-prompt")
    first, last = [
        fact["details"] for fact in (await harness.facts()) if fact["operation_id"] == "p-1"
    ]
    assert (first["status"], last["status"]) == ("PENDING", "SUCCESS") and first["auditId"] == last[
        "auditId"
    ]
    assert last["webhook_url"] == request["webhookUrl"] and last["context"] == {"agentId": "a"}
    assert (last["complianceTag"], last["retentionPolicy"]) == ("AGENT_ASSIST_INJECTION", "90_DAYS")
    with pytest.raises(
        CommandError, match=r"displaySettings\.delayMs: 499 is too small; the minimum is 500"
    ):
        await harness.do("prompt", prompt(conversation, delayMs=499))
