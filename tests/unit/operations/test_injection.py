"""Injection: what is sent, and what came back (INJ-1 … INJ-4)."""

from __future__ import annotations

import pytest

from daemon.operations.verification import Violation, verify

from .conftest import REQUESTS, do


def message(n, **more):
    return {"id": f"msg-{n}", "timestamp": f"2026-01-01T00:00:{n:02d}.000Z", **more}


def test_inj_4_ids_count_and_do_not_spell():
    assert verify(3, {"messages": [message(9), message(10), message(11)]}) == "msg-11"


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([message(1)], "2 messages were sent, 1 came back"),
        ([message(1), message(2), message(3)], "2 messages were sent, 3 came back"),
        ([message(1), message(1, id="msg-2")], r"messages\[1\] is not later"),
        ([message(2), message(1)], r"messages\[1\] is not later"),
        ([message(10), message(11, id="msg-9")], r"messages\[1\] has an id that does not follow"),
        ([message(1), message(2, id="msg-1")], r"messages\[1\] has an id that does not follow"),
        ([message(1), {"id": "msg-2"}], r"messages\[1\] has no readable timestamp"),
        ([message(1), message(2, timestamp="2026-01-01T00:00:02")], "without a time zone"),
        ([message(1), message(2, id=7)], r"messages\[1\] has no id"),
        ([message(1), "no"], r"messages\[1\] has no id"),
        ([message(1), message(2, media=[{"url": "https://x/y"}])], r"messages\[1\] has a medium without a name"),
        ([message(1), message(2, media=[{"name": "a", "url": "http://x/y"}])], "without an https address"),
        ([message(1, media="no"), message(2)], r"messages\[0\]\.media is no list"),
    ],
)
def test_inj_4_each_violation_is_found_and_its_index_named(messages, words):
    with pytest.raises(Violation, match=words):
        verify(2, {"messages": messages})


def test_inj_4_good_media_pass():
    assert verify(1, {"messages": [message(1, media=[{"name": "a.png", "url": "https://x/a.png"}])]}) == "msg-1"


def test_inj_4_what_came_back_wrong_is_uncertain_since_it_is_there(world):
    world.twin.answers["interaction.inject"] = {"messages": [message(2), message(1)]}
    view = do(world, "injection")
    assert (view.status, view.problem["code"]) == ("uncertain", "unverified")
    assert "were injected" in view.problem["message"]
    assert world.told()[-1] == ("injection.completed", "uncertain")
    assert len([call for call in world.twin.calls if call.name == "interaction.inject"]) == 1


@pytest.mark.parametrize("state", ["active", "queued", "ACTIVE"])
def test_inj_2_active_and_queued_are_injected_into(world, state):
    world.twin.interaction_state = state
    assert do(world, "injection").status == "succeeded"


@pytest.mark.parametrize("state", ["ended", "closed", "archived"])
def test_inj_2_anything_else_is_a_conflict_and_nothing_is_posted(world, state):
    world.twin.interaction_state = state
    view = do(world, "injection")
    assert (view.status, view.problem["code"], view.problem["status"]) == ("failed", "conflict", 409)
    assert state in view.problem["message"]
    assert [call.name for call in world.twin.calls] == ["interaction.get"]
    assert world.told()[-1] == ("injection.completed", "failed")


def test_inj_3_one_post_with_all_and_times_that_increase(world):
    messages = [{"type": "text", "from": "agent", "text": str(n)} for n in range(3)]
    messages[1]["timestamp"] = "2099-01-01T01:00:00+01:00"
    do(world, "injection", request={**REQUESTS["injection"], "messages": messages})
    (call,) = [call for call in world.twin.calls if call.name == "interaction.inject"]
    assert call.key == "op-1-injection"
    times = [one["timestamp"] for one in call.body["messages"]]
    assert times[1:] == ["2099-01-01T00:00:00.000Z", "2099-01-01T00:00:00.001Z"] and times == sorted(times)
    assert call.body["interactionId"] == REQUESTS["injection"]["interactionId"]
