"""The figures of a running daemon over real HTTP."""

from __future__ import annotations

import json

from guestd.observe.periods import COLUMNS

from .control_client import opened


async def test_figures_now_history_and_budgets(new_stack, client_of):
    async with new_stack() as stack, client_of(stack) as client:
        await opened(stack, client)
        stack.http._control.stats.tick()
        status, found, _ = await client.get("/v1/stats?window=900")
        assert status == 200 and found["guest_sessions"] == {"live": 1}
        history = found["history"]
        assert history["step_s"] == 1 and set(history["columns"]) == set(COLUMNS)
        assert history["columns"]["live"][-1] == 1 and history["columns"]["rss"][-1] > 1_000_000
        assert history["columns"]["echo_p99"][-1] is None
        budgets = {one["name"]: one for one in found["budgets"]}
        assert budgets["sessions"] == {
            "name": "sessions",
            "used": 1,
            "limit": 500,
            "frees_at": None,
        }
        connects = budgets["connects"]
        assert connects["used"] == 1 and connects["frees_at"] > "2026"
        assert {"dials", "streams", "open_files"} <= set(budgets)
        assert (await client.get("/v1/stats"))[1]["history"] is None


async def test_a_window_out_of_range_is_refused_by_its_field(new_stack, client_of):
    async with new_stack() as stack, client_of(stack) as client:
        for window in ("-1", "86401", "x", "1.5"):
            status, found, _ = await client.get(f"/v1/stats?window={window}")
            assert (status, found["field"]) == (422, "query.window")


async def test_a_row_is_streamed_as_it_is_made(new_stack, client_of):
    async with new_stack() as stack, client_of(stack) as client:
        headers = {"Accept": "text/event-stream"}
        async with client.session.get("/v1/stats", headers=headers) as answer:
            await stack.until(lambda: stack.metrics.watchers == 1)
            stack.metrics.messages_in += 41
            stack.http._control.stats.tick()
            lines = [(await answer.content.readline()).decode().rstrip() for _ in range(3)]
            assert lines[0].startswith("id: 1") and lines[1] == "event: row"
            assert json.loads(lines[2].removeprefix("data: "))["in"] >= 41
