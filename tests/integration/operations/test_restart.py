"""A life that ends in the middle, and another on the same directory: real files, real HTTP, exactly
one of everything."""

from __future__ import annotations

import pytest

from .conftest import guest, has_status, injection, life, prompt, session

ANSWERS_LOST = {
    "contact": ("guest", "/api/v2/externalcontacts/contacts"),
    "conversation": ("guest", "/api/v2/conversations/messaging"),
    "injection": ("injection", "/api/v2/interactions/chat/inject"),
    "prompt": ("prompt", "/api/v2/agent-assist/prompt-injections"),
}


@pytest.mark.parametrize("mutation", ANSWERS_LOST)
@pytest.mark.parametrize("when", ["before", "after"])
async def test_http_2_a_stop_with_a_call_under_way_doubles_nothing(
    emulator, tmp_path, mutation, when
):
    kind, path = ANSWERS_LOST[mutation]
    async with life(emulator, tmp_path) as first:
        conversation = await first.conversation()
        request = {
            "guest": guest(),
            "injection": injection(conversation),
            "prompt": prompt(conversation),
        }[kind]
        before = first.mutations()
        first.faults(
            {"kind": "no_answer", "path": path, "method": "POST", "when": when, "count": 1}
        )
        assert (await first.do(kind, request, "op-1", wait_s=0)).status == "running"
        await first.until(lambda: emulator.faults.injected["no_answer"])
        if when == "after":
            await first.until(lambda: first.mutations()[mutation] > before[mutation])
    emulator.faults.set([], emulator.now())
    async with life(emulator, tmp_path) as second:
        view = await second.do(kind, request, "op-1")
        assert view.status == "succeeded", view
        made = second.mutations() - before
        assert made == ({"contact": 1, "conversation": 1} if kind == "guest" else {mutation: 1})
        keys = [
            one["key"] for one in second.resources("mutations") if one["key"].startswith("op-1")
        ]
        assert len(keys) == len(set(keys))
        seqs = [fact["seq"] for fact in (await second.facts())]
        assert seqs == list(range(1, len(seqs) + 1)), "one stream over two lives"


async def test_sess_5_a_session_beats_on_after_a_restart(emulator, tmp_path):
    async with life(emulator, tmp_path) as first:
        view = await first.do("messaging", session(durationS=3), "s-1")
        assert view.status == "running"
        await first.until(lambda: first.resources("conversations")[0]["heartbeats"] >= 2)
    async with life(emulator, tmp_path) as second:
        await second.until(lambda: has_status(second, "s-1", "succeeded"))
        (conversation,) = second.resources("conversations")
        assert conversation["status"] == "disconnected" and conversation["ended_by"] == "guest"
        sequences = [beat["sequence"] for beat in conversation["beats"]]
        assert sequences == sorted(set(sequences)) and len(sequences) > 4


async def test_assist_2_a_deferred_prompt_survives_a_restart_and_can_be_given_up(
    emulator, tmp_path
):
    async with life(emulator, tmp_path) as first:
        conversation = await first.conversation()
        assert (await first.do("prompt", prompt(conversation))).status == "succeeded"
        view = await first.do("prompt", prompt(conversation), "late", wait_s=0.3)
        assert view.status == "deferred"
    async with life(emulator, tmp_path) as second:
        assert (await second.service.view("late")).status == "deferred"
        assert (await second.service.end("late")).problem["code"] == "given_up"
    async with life(emulator, tmp_path) as third:
        assert (await third.service.view("late")).problem["code"] == "given_up"
        assert third.mutations()["prompt"] == 1


async def test_assist_4_adoption_over_real_pages(harness):
    conversation = await harness.conversation()
    platform_api, now = harness.emulator.platform_api, harness.emulator.now()
    for n in range(250):
        metric = ("viewed", "clicked", "viewed", "dismissed", "viewed")[n % 5]
        platform_api.analytics.record(
            f"agent-assist.prompt.{metric}", now - 60 + n / 10, f"i{n}", conversation, f"p{n % 2}"
        )
    view = await harness.do("adoption", {"interval": "2020-01-01T00:00:00Z/2090-01-01T00:00:00Z"})
    assert (view.status, view.result["pages"], view.result["events"]) == ("succeeded", 3, 250)
    total = view.result["total"]
    assert (total["viewed"], total["clicked"], total["dismissed"]) == (150, 50, 50)
    assert set(view.result["prompts"]) == {"p0", "p1"}
