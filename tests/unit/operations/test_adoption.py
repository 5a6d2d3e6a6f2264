"""Adoption rates over pages (ASSIST-4)."""

from __future__ import annotations

import asyncio

import pytest

from .conftest import do, event


def test_assist_4_every_page_is_asked_for_and_rates_are_of_what_was_viewed(world):
    world.twin.pages = [
        [event("viewed", "a"), event("viewed", "a", 3)],
        [event("clicked", "a")],
        [event("dismissed", "b")],
    ]
    view = do(world, "adoption", request={"interval": "2026-01-01T00:00:00Z/2026-02-01T00:00:00Z"})
    question = {
        "interval": "2026-01-01T00:00:00Z/2026-02-01T00:00:00Z",
        "metricNames": [f"agent-assist.prompt.{one}" for one in ("viewed", "clicked", "dismissed")],
        "pageSize": 100,
        "entityIds": ["all"],
    }
    pages = [question, {**question, "pageToken": "1"}, {**question, "pageToken": "2"}]
    assert [call.body for call in world.twin.calls] == pages
    assert view.result == {
        "interval": question["interval"],
        "pages": 3,
        "events": 4,
        "prompts": {
            "a": {
                "viewed": 4,
                "clicked": 1,
                "dismissed": 0,
                "click_rate": 0.25,
                "dismiss_rate": 0.0,
            },
            "b": {"viewed": 0, "clicked": 0, "dismissed": 1},
        },
        "total": {
            "viewed": 4,
            "clicked": 1,
            "dismissed": 1,
            "click_rate": 0.25,
            "dismiss_rate": 0.25,
        },
    }


def test_assist_4_memory_is_bounded_and_the_rest_is_counted_together(world):
    world.twin.pages = [[event("viewed", f"p{n}") for n in range(50)]] * 4
    view = do(world, "adoption", adoption_prompts_max=10)
    assert len(view.result["prompts"]) == 10
    assert view.result["others"]["viewed"] == 160 and view.result["total"]["viewed"] == 200


def test_assist_4_a_restart_goes_on_with_the_page_it_was_at(world):
    world.twin.pages = [[event("viewed")] for _ in range(20)]

    async def story():
        first = world.life()
        await first.service.start(
            "adoption",
            "op-1",
            {"interval": "2026-01-01T00:00:00Z/2026-02-01T00:00:00Z"},
            wait_s=0.5,
        )
        await first.service.drain(1.0)
        await first.service.stop()
        read = len(world.twin.calls)
        assert 0 < read < 20
        second = world.life()
        await second.service.recover()
        view = await second.do(
            "adoption", request={"interval": "2026-01-01T00:00:00Z/2026-02-01T00:00:00Z"}
        )
        await asyncio.sleep(1.0)
        return view

    view = world.run(story())
    assert view.result["total"]["viewed"] == 20 and len(world.twin.calls) == 20, (
        "no page was read twice"
    )


@pytest.mark.parametrize("circle", [1, 2, 3, 7])
@pytest.mark.parametrize("lead", [0, 1, 5])
def test_assist_4_page_tokens_that_go_round_are_noticed(world, lead, circle):
    steps = iter(range(10_000))

    def page(path, query, body):
        step = next(steps)
        return {
            "events": [],
            "pageToken": f"t{step if step < lead else lead + (step - lead) % circle}",
        }

    world.twin._analytics_events = page
    view = do(world, "adoption")
    assert (view.status, view.problem["code"]) == ("failed", "platform_malformed")
    assert len(world.twin.calls) <= 4 * (lead + circle) + 4


def test_assist_4_there_is_an_end_to_pages(world):
    world.twin.pages = [[] for _ in range(100)]
    view = do(world, "adoption", adoption_pages_max=10)
    assert (view.status, view.problem["code"]) == ("failed", "too_large") and len(
        world.twin.calls
    ) == 10


@pytest.mark.parametrize(
    "odd",
    [
        {"metricName": "other", "promptId": "a"},
        {"metricName": "agent-assist.prompt.viewed"},
        event("viewed", "a", -1),
        event("viewed", "a", 1e9),
        event("viewed", "a", 10**9 + 1),
        event("viewed", "a", 10**400),
        event("viewed", "a", "²"),
        event("viewed", "a", True),
        event("viewed", "a" * 257),
        "no",
    ],
)
def test_assist_4_an_event_that_cannot_be_read_is_left_out_and_counted(world, odd):
    world.twin.answers["analytics.events"] = {
        "events": [event("viewed", "a"), odd, event("clicked", "a")]
    }
    view = do(world, "adoption")
    assert (view.status, view.result["left_out"], view.result["events"]) == ("succeeded", 1, 3)
    assert view.result["total"] == {
        "viewed": 1,
        "clicked": 1,
        "dismissed": 0,
        "click_rate": 1.0,
        "dismiss_rate": 0.0,
    }


@pytest.mark.parametrize("answer", [{"events": {}, "pageToken": 7}, {"events": "no"}])
def test_assist_4_a_page_that_cannot_be_read_counts_for_nothing(world, answer):
    world.twin.answers["analytics.events"] = answer
    view = do(world, "adoption")
    assert (view.status, view.problem["code"]) == ("failed", "platform_unavailable")
    assert view.result["events"] == 0
