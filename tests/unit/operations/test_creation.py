"""A guest in three steps (SESS-7)."""

from __future__ import annotations

import pytest

from .conftest import GUEST_TOKEN, REQUESTS, do, fault


def test_sess_7_the_queue_then_a_contact_then_a_conversation(world):
    view = do(world, "guest")
    assert [call.name for call in world.twin.calls] == ["queue.get", "contact.create", "conversation.create"]
    contact, conversation = world.twin.calls[1:]
    assert contact.body == {
        "type": "webchat",
        "address": "guest-ana",
        "externalContactId": "ana",
        "customAttributes": {"guestToken": GUEST_TOKEN, "tier": "gold"},
    }
    assert conversation.body == {
        "contactId": view.result["contact_id"],
        "routingData": {"queueId": "q1", "skillRequirements": []},
        "customAttributes": {"sessionToken": GUEST_TOKEN, "routingTarget": "q1"},
    }
    assert (view.status, view.result["conversation_id"]) == ("succeeded", world.twin.made["conversation"][0]["id"])


def test_http_2_contact_and_conversation_have_keys_of_the_operations_own(world):
    do(world, "guest", "order-7")
    assert [call.key for call in world.twin.calls] == ["", "order-7-contact", "order-7-conversation"]


def test_sess_7_without_the_queue_nothing_is_made(world):
    view = do(world, "guest", request={**REQUESTS["guest"], "queueId": "nowhere"})
    assert (view.status, view.problem["code"], view.problem["field"]) == ("failed", "not_found", "queueId")
    assert not world.made()
    assert world.told()[-1] == ("guest.created", "failed")


@pytest.mark.parametrize("status", [429, 500, 503])
def test_sess_7_429_and_5xx_are_tried_again_with_the_same_key(world, status):
    world.twin.faults["contact.create"] = [fault(status, times=2)]
    assert do(world, "guest").status == "succeeded"
    assert {call.key for call in world.twin.calls if call.name == "contact.create"} == {"op-1-contact"}
    assert world.made() == {"contact": 1, "conversation": 1}


def test_sess_7_a_contact_of_before_is_taken_again(world):
    first, second = do(world, "guest", "one"), do(world, "guest", "two")
    assert second.status == "succeeded"
    assert second.result["contact_id"] == first.result["contact_id"]
    assert world.made() == {"contact": 1, "conversation": 2}


def test_sess_7_a_contact_made_in_a_lost_answer_is_found_and_used(world):
    world.twin.faults["contact.create"] = [fault(500, before=False, times=99)]
    view = do(world, "guest")
    assert view.status == "succeeded"
    assert world.made() == {"contact": 1, "conversation": 1}


def test_sess_7_half_done_and_refused_tells_what_is_there(world):
    world.twin.faults["conversation.create"] = [fault(403)]
    view = do(world, "guest")
    assert (view.status, view.problem["code"]) == ("failed", "platform_refused")
    assert view.result["contact_id"] == world.twin.made["contact"][0]["id"]


def test_audit_2_no_fact_and_no_view_holds_the_token(world):
    world.twin.faults["conversation.create"] = [fault(400)]
    view = do(world, "guest")
    assert "(secret)" in view.problem["message"]
    for text in (str(view), str(world.facts()), world.journal.operation("op-1").state.decode()):
        assert GUEST_TOKEN not in text
    assert world.facts()[0]["details"]["guest_token_fingerprint"].startswith("sha256:")


def test_a_token_too_short_to_be_a_secret_does_not_eat_the_words(world):
    world.twin.faults["conversation.create"] = [fault(400)]
    view = do(world, "guest", request={**REQUESTS["guest"], "guestToken": "0"})
    assert "the platform answered 400 about" in view.problem["message"]


def test_without_a_token_and_without_keys_the_field_is_named(world):
    request = {key: value for key, value in REQUESTS["guest"].items() if key != "guestToken"}
    with pytest.raises(Exception, match="guestToken: it is missing, and no keys are configured"):
        do(world, "guest", request=request)
    assert world.journal.operation("op-1") is None


def test_an_answer_without_an_id_is_asked_for_again(world):
    world.twin.answers["contact.create"] = {"name": "no id"}
    view = do(world, "guest")
    assert (view.status, view.problem["code"]) == ("failed", "platform_unavailable")
    assert len([call for call in world.twin.calls if call.name == "contact.create"]) == 4
