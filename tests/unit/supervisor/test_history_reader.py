"""Readings of the platform beside its named calls: measured, and told of where they fail."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from guestd.model.effects import FetchHistory
from guestd.model.errors import PlatformUnavailable
from guestd.model.ports import HistoryAnswer
from guestd.observe.measured_read import measured_read
from guestd.observe.metrics import Metrics
from guestd.supervisor.history_reader import HistoryReader


class OnceAway:
    """A history whose first page cannot be read."""

    def __init__(self):
        self.asked = 0

    async def page(self, jwt, page_number):
        self.asked += 1
        if self.asked == 1:
            raise PlatformUnavailable(
                "the platform answered 503 busy",
                status=503,
                platform_code="busy",
                correlation_id="c-1",
            )
        return HistoryAnswer([], page_number, 1, 0)


async def test_audit_1_a_page_of_the_history_that_cannot_be_read_has_a_line():
    """Under its session, with all that is known of it; one that is read has none. Both are
    measured (HTTP-4)."""
    told, answers, metrics = [], [], Metrics()
    reader = HistoryReader(OnceAway(), None, metrics, 2, lambda *fact: told.append(fact))
    callbacks = SimpleNamespace(is_cut=False, history_answered=answers.append)
    for attempt in (1, 2):
        reader.read(callbacks, FetchHistory("jwt", 1, attempt), "s-1")
        async with asyncio.timeout(30.0):
            while len(answers) < attempt:
                await asyncio.sleep(0)
    await reader.stop()
    measured = [details.pop("latency_ms", -1.0) >= 0.0 for *_, details in told]
    counts = {key: one.count for key, one in metrics.rest_s.items()}
    details = {
        "session_id": "s-1",
        "page": 1,
        "attempt": 1,
        "error_message": "the platform answered 503 busy; try again later",
        "error_code": "platform_unavailable",
        "error_status": 503,
        "platform_code": "busy",
        "correlation_id": "c-1",
    }
    assert metrics.platform_errors == metrics.failed_attempts == {"other": 1}
    assert (told, measured, counts) == (
        [("history.read", "failed", details)],
        [True],
        {("history.read", "unavailable"): 1, ("history.read", "ok"): 1},
    )


async def test_http_4_a_reading_that_breaks_by_a_bug_is_measured_and_not_hidden():
    async def broken():
        raise LookupError("a bug")

    told, metrics = [], Metrics()
    with pytest.raises(LookupError):
        await measured_read(broken, "deployment.read", {}, metrics, lambda *one: told.append(one))
    assert (told, list(metrics.rest_s)) == ([], [("deployment.read", "network")])
