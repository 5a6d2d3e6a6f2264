"""The figures of a run for a Prometheus Pushgateway: every ten seconds, and at the end.

It is asked for, so what fails is counted and said; but it is no part of the run, so it never waits
for the gateway, and never fails because of it. One push is under way at a time."""

from __future__ import annotations

import asyncio
from collections import Counter

import aiohttp
from yarl import URL

from ...load.report.push_text import CONTENT_TYPE
from ...runtime.system_errors import in_words

EVERY_S = 10.0
#: A gateway that takes longer is in trouble.
PUSH_S = 5.0
#: Where a gateway takes the figures of a job, if the URL has no path.
PATH = "/metrics/job/guestd_load"
#: Kinds of failures that are told.
KINDS_MAX = 5


def push_url(text: str) -> URL:
    """Raises ValueError."""
    url = URL(text)
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError(f"{text!r} must be a URL such as http://localhost:9091")
    return url if url.path.strip("/") else url.with_path(PATH)


class MetricsPush:
    """Use on the loop. `pushed` and `failed` count."""

    def __init__(self, url: URL) -> None:
        self._url = url
        self._task: asyncio.Task[None] | None = None
        self._next_at = EVERY_S
        self._why: Counter[str] = Counter()
        self.pushed = 0

    @property
    def failed(self) -> int:
        return self._why.total()

    def is_due(self, at_s: float) -> bool:
        """Whether it is time for the next one. `at_s`: since the run's start."""
        if at_s < self._next_at:
            return False
        self._next_at = at_s + EVERY_S
        return True

    def push(self, text: str) -> None:
        """Without waiting; one that is still under way counts as failed."""
        if self._task is not None and not self._task.done():
            self._why["the one before was still under way"] += 1
            return
        self._task = asyncio.ensure_future(self._put(text))

    async def finish(self, text: str) -> None:
        """The last figures; returns when they are there, or not."""
        if self._task is not None:
            await self._task
        await self._put(text)

    def problem(self) -> str:
        """One sentence about what failed; "" if nothing did."""
        if not self.failed:
            return ""
        kinds = "; ".join(f"{why} ({count})" for why, count in self._why.most_common(KINDS_MAX))
        of = self.failed + self.pushed
        return f"{self.failed} of {of} pushes to {self._url.host} failed: {kinds}"

    async def _put(self, text: str) -> None:
        timeout = aiohttp.ClientTimeout(total=PUSH_S)
        headers = {"Content-Type": CONTENT_TYPE}
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.put(self._url, data=text.encode(), headers=headers) as answer,
            ):
                if answer.status >= 300:
                    self._why[f"answered with {answer.status}"] += 1
                else:
                    self.pushed += 1
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            self._why[in_words(error)] += 1
