"""Messages into a running interaction, over real HTTP (INJ-1 … INJ-5)."""

from __future__ import annotations

import pytest

from guestd.model.errors import CommandError
from guestd.webhooks.payloads import INJECTED
from tests.webhooks.harness import Receiver, target, until, webhooks

from .conftest import has_status, injection


async def test_inj_3_messages_are_injected_once_and_in_order(harness):
    conversation = await harness.conversation()
    view = await harness.do("injection", injection(conversation, "one", "two", "three"), "inj-1")
    assert view.status == "succeeded", view
    (made,) = harness.resources("injections")
    assert [one["text"] for one in made["messages"]] == ["one", "two", "three"]
    assert made["key"] == "inj-1-injection"
    again = await harness.do("injection", injection(conversation, "one", "two", "three"), "inj-1")
    assert again == view and harness.mutations()["injection"] == 1


async def test_inj_4_the_last_id_and_the_count_are_reported(harness):
    conversation = await harness.conversation()
    view = await harness.do("injection", injection(conversation, *"abcdefghijkl"))
    (made,) = harness.resources("injections")
    assert view.result["last_message_id"] == made["messages"][-1]["id"] == "msg-12"
    assert view.result["message_count"] == 12 and view.result["verified"] is True


async def test_inj_2_an_interaction_that_has_ended_is_a_conflict(harness):
    conversation = await harness.conversation()
    (session,) = [one for one in harness.service.views("messaging")]
    await harness.service.end(session.operation_id)
    await harness.until(lambda: has_status(harness, session.operation_id, "succeeded"))
    view = await harness.do("injection", injection(conversation))
    assert view.status == "failed"
    assert (view.problem["code"], view.problem["status"], view.problem["field"]) == (
        "conflict",
        200,
        "interactionId",
    )
    assert harness.mutations()["injection"] == 0


async def test_inj_2_an_unknown_interaction_is_not_found(harness):
    view = await harness.do("injection", injection("nobody"))
    assert (view.status, view.problem["code"], view.problem["field"]) == (
        "failed",
        "not_found",
        "interactionId",
    )


async def test_inj_1_what_is_wrong_is_named_and_nothing_is_sent(harness):
    request = injection("x", "fine", "y" * 4097)
    with pytest.raises(
        CommandError,
        match=r"messages\[1\]\.text: 4097 UTF-16 units; at most 4096 .* nothing is cut",
    ) as error:
        await harness.do("injection", request)
    assert error.value.field == "messages[1].text"
    assert not (await harness.facts()) and not harness.mutations()


async def test_inj_5_the_facts_carry_all_a_webhook_needs(harness):
    conversation = await harness.conversation()
    await harness.do("injection", injection(conversation), "inj-1")
    facts = [one for one in (await harness.facts()) if one["operation_id"] == "inj-1"]
    assert [(one["action"], one["status"]) for one in facts] == [
        ("injection.preflight", "attempt"),
        ("injection.preflight", "success"),
        ("injection.completed", "attempt"),
        ("injection.completed", "success"),
    ]
    last = facts[-1]
    assert last["conversation_id"] == conversation
    assert last["details"]["idempotency_key"] == "inj-1-injection"
    assert last["details"]["webhook_url"] == "https://crm.example.org/hook"
    assert last["details"]["latency_ms"] > 0 and last["details"]["message_count"] == 2


async def test_inj_5_a_completed_injection_is_told_with_its_outcome_and_a_failed_one_is_not(
    harness,
):
    """Told late, since the receiver fails at first; that is no matter for the injection."""
    conversation = await harness.conversation()
    async with Receiver(lambda n, body: 500 if n == 1 else 204) as crm:
        told, _ = webhooks(
            harness.journal, target(crm, events=frozenset({INJECTED})), inflight_max=1
        )
        told.start()
        await harness.do("injection", injection("nowhere"), "inj-1")
        request = {**injection(conversation), "webhookUrl": crm.url}
        await harness.do("injection", request, "inj-2")
        await until(lambda: told.admin.list("delivered"))
        await told.stop()
    done = (await harness.facts())[-1]["details"]
    data = {
        "timestamp": crm.got[1]["timestamp"],
        "conversationId": conversation,
        "operationId": "inj-2",
        "interactionId": conversation,
        "messageCount": 2,
        "lastMessageId": "msg-2",
        "verified": True,
        "sequenceMatch": True,
        "status": 200,
        "idempotencyKey": "inj-2-injection",
        "latencyMs": done["latency_ms"],
        "correlationId": done["correlation_id"],
    }
    assert [(one["event"], one["data"]) for one in crm.got] == [(INJECTED, data)] * 2


async def test_inj_4_a_bare_list_is_checked_like_an_object(harness):
    world = harness.emulator.world
    world.settings = world.settings.model_copy(update={"bare_injections": True})
    view = await harness.do("injection", injection(await harness.conversation()))
    assert (view.status, view.result["last_message_id"]) == ("succeeded", "msg-2")
