"""A guest in three steps (SESS-7)."""

from __future__ import annotations

import pytest

from tests.reading import at_once
from tests.simulation.virtual import VirtualClock

from .conftest import GUEST_TOKEN, REQUESTS, do, fault


def test_sess_7_the_queue_then_a_contact_then_a_conversation_and_a_second_one_for_the_same_contact(
    world,
):
    """From the second time on the platform answers 409 to the contact; the third time a crash comes
    before it is found."""
    attributes = {"tier": "gold", "visits": 7, "score": 0.5, "vip": True, "note": None}
    wish = {**REQUESTS["guest"], "customAttributes": attributes, "skillRequirements": ["german"]}
    first, second = do(world, "guest", "one", wish), do(world, "guest", "two", wish)

    async def story():
        life = world.life(cut_at=11)  # after the answer, which is not durable
        await life.run(life.do("guest", "three", wish))
        after = world.life()
        await after.service.recover()
        view = await after.do("guest", "three", wish)
        await after.service.stop()
        return view

    third = world.run(story())
    contact = {
        "type": "webchat",
        "address": "guest-ana",
        "externalContactId": "ana",
        "customAttributes": {"guestToken": GUEST_TOKEN, **attributes},
    }
    conversation = {
        "contactId": "guest-ana",
        "routingData": {"queueId": "q1", "skillRequirements": ["german"]},
        "customAttributes": {"sessionToken": GUEST_TOKEN, "routingTarget": "q1"},
    }
    create = [("queue.get", {}), ("contact.create", contact), ("conversation.create", conversation)]
    sent = [(call.name, call.body) for call in world.twin.calls]
    assert sent[:3] == create
    made = world.twin.made["contact"][0]["id"]
    used = [view.result.get("contact_id") for view in (first, second, third)]
    assert (used, world.made()) == ([made] * 3, {"contact": 1, "conversation": 3})


def test_http_2_contact_and_conversation_have_keys_of_the_operations_own(world):
    do(world, "guest", "order-7")
    assert [call.key for call in world.twin.calls] == [
        "",
        "order-7-contact",
        "order-7-conversation",
    ]


def test_sess_7_without_the_queue_nothing_is_made(world):
    view = do(world, "guest", request={**REQUESTS["guest"], "queueId": "nowhere"})
    assert (view.status, view.problem["code"], view.problem["field"]) == (
        "failed",
        "not_found",
        "queueId",
    )
    assert not world.made()
    assert world.told()[-1] == ("guest.created", "failed")


@pytest.mark.parametrize("status", [429, 500, 503])
def test_sess_7_429_and_5xx_are_tried_again_with_the_same_key(world, status):
    world.twin.faults["contact.create"] = [fault(status, times=2)]
    assert do(world, "guest").status == "succeeded"
    assert {call.key for call in world.twin.calls if call.name == "contact.create"} == {
        "op-1-contact"
    }
    assert world.made() == {"contact": 1, "conversation": 1}


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
    for text in (
        str(view),
        str(world.facts()),
        at_once(world.journal.operation("op-1")).state.decode(),
    ):
        assert GUEST_TOKEN not in text
    assert world.facts()[0]["details"]["guest_token_fingerprint"].startswith("sha256:")


def test_a_token_too_short_to_be_a_secret_does_not_eat_the_words(world):
    world.twin.faults["conversation.create"] = [fault(400)]
    view = do(world, "guest", request={**REQUESTS["guest"], "guestToken": "0"})
    assert "the platform answered 400 about" in view.problem["message"]


def test_without_a_token_and_without_keys_the_field_is_named(world):
    request = {key: value for key, value in REQUESTS["guest"].items() if key != "guestToken"}
    with pytest.raises(
        Exception, match="guestToken: must be given, because no keys are configured"
    ):
        do(world, "guest", request=request)
    assert at_once(world.journal.operation("op-1")) is None


def test_an_answer_without_an_id_is_asked_for_again(world):
    world.twin.answers["contact.create"] = {"name": "no id"}
    view = do(world, "guest")
    assert (view.status, view.problem["code"]) == ("failed", "platform_unavailable")
    assert len([call for call in world.twin.calls if call.name == "contact.create"]) == 4


WITHOUT_TOKEN = {key: value for key, value in REQUESTS["guest"].items() if key != "guestToken"}


class Signer:
    """Signs numbered tokens that live five minutes."""

    def __init__(self, world) -> None:
        self.clock, self.count = VirtualClock(world.loop), 0

    def __call__(self, guest_id, attributes):
        self.count += 1
        return f"signed-token-{self.count}", self.clock.epoch_ms() + 300_000


def token_refused(status=400):
    return {**fault(status), "cause": "guest_token"}


def tokens_sent(world):
    asked = [call for call in world.twin.calls if call.name == "contact.create"]
    return [(call.key, call.body["customAttributes"]["guestToken"]) for call in asked]


def test_guest_1_a_token_of_ours_that_grew_old_is_signed_anew_before_the_next_step(world):
    world.twin.faults["queue.get"] = [fault(503)]
    rest = {"rest_base_s": 280.0, "rest_jitter_s": 0.0, "rest_cap_s": 280.0}
    assert (
        do(world, "guest", request=WITHOUT_TOKEN, sign=Signer(world), **rest).status == "succeeded"
    )
    assert tokens_sent(world) == [("op-1-contact", "signed-token-2")]


def test_guest_1_a_token_of_ours_that_is_not_taken_is_signed_anew_once(world):
    """Also where the platform refuses it with 401."""
    world.twin.faults["contact.create"] = [token_refused(), token_refused(401)]
    view = do(world, "guest", request=WITHOUT_TOKEN, sign=Signer(world))
    assert (view.status, view.problem["status"]) == ("failed", 401)
    assert tokens_sent(world) == [
        ("op-1-contact", "signed-token-1"),
        ("op-1-contact-2", "signed-token-2"),
    ]


def test_http_2_another_body_is_another_request_with_a_key_of_its_own(world):
    """A token of ours that was refused is signed anew, so the body differs; the next step's key is
    as ever."""
    world.twin.faults["contact.create"] = [token_refused()]
    do(world, "guest", request=WITHOUT_TOKEN, sign=Signer(world))
    sent = [(call.name, call.key) for call in world.twin.calls if call.key]
    assert sent == [
        ("contact.create", "op-1-contact"),
        ("contact.create", "op-1-contact-2"),
        ("conversation.create", "op-1-conversation"),
    ]


def test_guest_1_a_try_that_may_have_acted_is_made_again_with_the_same_token(world):
    world.twin.faults["contact.create"] = [fault(503, before=False)]
    rest = {"rest_base_s": 280.0, "rest_jitter_s": 0.0, "rest_cap_s": 280.0}
    do(world, "guest", request=WITHOUT_TOKEN, sign=Signer(world), **rest)
    assert tokens_sent(world) == [("op-1-contact", "signed-token-1")] * 2
