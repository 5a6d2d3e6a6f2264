"""Prompts: shown, put off, given up, too late (ASSIST-2, 3, 5)."""

from __future__ import annotations

import asyncio

import pytest

from guestd.model.errors import CommandError

from .conftest import CONVERSATION, PROMPT, REQUESTS, do, fault, refusal


def tries(world):
    return [call.at for call in world.twin.calls]


def test_assist_2_a_full_screen_puts_it_off_until_a_prompt_has_gone(world):
    world.twin.screen_full = 2
    view = do(world, "prompt")
    assert view.status == "succeeded" and world.made() == {"prompt": 1}
    first, second, third = tries(world)
    assert 10.0 <= second - first < 10.5 and 10.0 <= third - second < 10.5
    assert {call.key for call in world.twin.calls} == {"op-1-prompt"}
    assert [status for action, status in world.told() if action == "prompt.deferred"] == [
        "deferred"
    ] * 2


def test_assist_2_a_deferred_prompt_is_seen_as_such_and_survives_a_restart(world):
    world.twin.screen_full = 1

    async def story():
        first = world.life()
        view = await first.service.start("prompt", "op-1", REQUESTS["prompt"], wait_s=2.0)
        assert view.status == "deferred"
        await first.service.stop()
        await asyncio.sleep(3.0)
        second = world.life()
        assert (await second.service.recover()) == 1
        view = await second.do("prompt")
        await second.service.stop()
        return view

    assert world.run(story()).status == "succeeded"
    first, second = tries(world)
    assert 10.0 <= second - first < 10.5, "the restart neither hastens nor forgets it"


def test_assist_2_it_is_not_put_off_for_ever(world):
    world.twin.screen_full = 99
    view = do(world, "prompt", prompt_deferrals_max=3)
    assert (view.status, view.problem["code"]) == ("failed", "conflict")
    assert len(tries(world)) == 4 and not world.made()


def test_assist_2_nobody_wants_it_an_hour_later(world):
    world.twin.screen_full = 99
    view = do(world, "prompt", prompt_age_max_s=25.0)
    assert view.status == "failed" and len(tries(world)) == 3


def test_assist_2_after_a_long_stop_it_is_not_shown_any_more(world):
    world.twin.screen_full = 1

    async def story():
        first = world.life()
        await first.service.start("prompt", "op-1", REQUESTS["prompt"], wait_s=2.0)
        await first.service.stop()
        await asyncio.sleep(4000.0)
        second = world.life()
        await second.service.recover()
        return await second.do("prompt")

    view = world.run(story())
    assert (view.status, view.problem["code"]) == ("failed", "expired") and not world.made()


def test_a_deferred_prompt_can_be_given_up_and_one_that_is_shown_cannot(world):
    world.twin.screen_full = 1

    async def story():
        life = world.life()
        await life.service.start("prompt", "op-1", REQUESTS["prompt"], wait_s=1.0)
        view = await life.service.end("op-1")
        assert (view.status, view.problem["code"]) == ("failed", "given_up")
        assert await life.service.end("op-1") == view, "once is as good as twice"
        await asyncio.sleep(60.0)
        await life.service.start("prompt", "op-2", REQUESTS["prompt"])
        with pytest.raises(CommandError, match="is being sent") as error:
            await life.service.end("op-2")
        assert error.value.code == "conflict"
        return await life.do("prompt", "op-2")

    assert world.run(story()).status == "succeeded"
    assert world.made() == {"prompt": 1}


def test_assist_5_the_audit_has_its_fields_and_goes_from_pending_to_success(world):
    world.twin.screen_full = 1
    do(world, "prompt")
    told = [fact["details"] for fact in world.facts()]
    assert [one["status"] for one in told] == ["PENDING", "PENDING", "PENDING", "SUCCESS"]
    assert len({one["auditId"] for one in told}) == 1
    for one in told:
        assert (one["complianceTag"], one["retentionPolicy"]) == (
            "AGENT_ASSIST_INJECTION",
            "90_DAYS",
        )
        assert (one["conversation_id"], one["prompt_id"]) == (CONVERSATION, PROMPT)


def test_assist_5_a_refusal_ends_as_failed(world):
    world.twin.faults["prompt.inject"] = [fault(404)]
    view = do(world, "prompt")
    assert (view.status, view.problem["field"]) == ("failed", "conversationId")
    assert world.facts()[-1]["details"]["status"] == "FAILED"


def test_assist_3_the_fact_has_what_the_webhook_tells(world):
    view = do(world, "prompt")
    last = world.facts()[-1]
    assert (last["action"], last["status"], last["conversation_id"]) == (
        "prompt.injected",
        "success",
        CONVERSATION,
    )
    assert last["details"]["injection_id"] == view.result["injection_id"]
    assert last["details"]["alignmentStatus"] == "PENDING", "until its webhook is delivered"
    assert last["details"]["context"] == {"agentId": "agent-01"}
    assert last["details"]["latency_ms"] == 50.0


def test_assist_1_a_prompt_goes_out_as_given_with_fractions_of_a_millisecond(world):
    wish = {
        "conversationId": CONVERSATION.upper(),
        "promptId": PROMPT,
        "triggerConditions": [
            {"type": "keyword", "value": "refund"},
            {"type": "sentiment", "value": "negative", "threshold": 0.5},
            {"type": "duration", "value": 120},
            {"type": "confidence", "value": 0.25, "threshold": 1},
            {"type": "confidence", "value": 7, "threshold": 0},
        ],
        "displaySettings": {"delayMs": 500.5, "maxConcurrentPrompts": 3, "autoDismissMs": 59_999.5},
        "contextData": {"agentId": "a-1", "nested": {"list": [1, None]}},
    }
    do(world, "prompt", request={**wish, "webhookUrl": "https://kb.example.org/sync"})
    assert world.twin.calls[0].body == wish


BOUNDS = {"delayMs": (500, 5000), "maxConcurrentPrompts": (1, 3), "autoDismissMs": (10_000, 60_000)}


def test_assist_1_what_is_out_of_bounds_is_named(world):
    """Both ends of each figure are taken, and what is beyond them is refused by name."""
    base, condition = REQUESTS["prompt"], {"type": "keyword", "value": "x"}
    display = base["displaySettings"]
    wrong = {
        "conversationId": {"conversationId": CONVERSATION.replace("-", "")},
        "promptId": {"promptId": f"urn:uuid:{PROMPT}"},
        "triggerConditions": {"triggerConditions": [condition] * 6},
        "triggerConditions[0].type": {"triggerConditions": [{**condition, "type": "mood"}]},
        "triggerConditions[0].threshold": {"triggerConditions": [{**condition, "threshold": 1.01}]},
    }
    taken = {"triggerConditions": {"triggerConditions": [condition] * 5}}
    for name, (least, most) in BOUNDS.items():
        wrong[f"displaySettings.{name}"] = {"displaySettings": {**display, name: least - 1}}
        wrong[f"displaySettings.{name}: {most + 1}"] = {
            "displaySettings": {**display, name: most + 1}
        }
        taken[f"{name} {least}"] = {"displaySettings": {**display, name: least}}
        taken[f"{name} {most}"] = {"displaySettings": {**display, name: most}}
    refused = {
        name: refusal(world, "prompt", {**base, **change})[1] for name, change in wrong.items()
    }
    assert [name for name, words in refused.items() if not words.startswith(name)] == []
    codes = {
        name: refusal(world, "prompt", {**base, **change}, name.replace(" ", "-"))[0]
        for name, change in taken.items()
    }
    assert set(codes.values()) == {""}


def test_assist_2_a_full_screen_puts_it_off_at_once_until_a_prompt_has_gone_over_a_restart(world):
    """A waiting caller is answered when it is put off; autoDismissMs later it is shown, by the next
    life of the daemon."""
    world.twin.screen_full = 1
    display = {**REQUESTS["prompt"]["displaySettings"], "autoDismissMs": 20_000}
    wish = {**REQUESTS["prompt"], "displaySettings": display}

    async def story():
        first = world.life()
        begun = world.loop.time()
        view = await first.service.start("prompt", "op-1", wish, wait_s=30.0)
        told = view.status, view.result["deferrals"], world.loop.time() - begun < 1.0
        await first.service.stop()
        await asyncio.sleep(5.0)
        second = world.life()
        await second.service.recover()
        view = await second.do("prompt", request=wish)
        await second.service.stop()
        return told, view.status

    outcome = world.run(story())
    calls = [(round(call.at - world.twin.calls[0].at), call.key) for call in world.twin.calls]
    assert outcome == (("deferred", 1, True), "succeeded")
    assert calls == [(0, "op-1-prompt"), (20, "op-1-prompt")]
