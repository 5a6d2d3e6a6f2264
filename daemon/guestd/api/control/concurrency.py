"""Limits what is in progress: in all, and for each caller, so that no caller can take all of it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from ...observe.metrics import Metrics
from ..callers import UNIX_SOCKET
from ..problems import Problem


class ConcurrencyLimit:
    """`key` is the configuration's name for `places_max`, such as api.requests_max; `what` says
    what is counted."""

    def __init__(
        self,
        places_max: int,
        per_caller_max: int,
        metrics: Metrics,
        key: str,
        what: str,
        retry_after_s: float = 1.0,
    ) -> None:
        self._places_max = places_max
        self._per_caller_max = per_caller_max
        self._metrics = metrics
        self._key = key
        self._what = what
        self._retry_after_s = retry_after_s
        self._taken = 0
        self._by_caller: dict[str, int] = {}

    @contextlib.contextmanager
    def taken(self, caller: str) -> Iterator[None]:
        """Counts one while the block runs. Raises Problem 503. The Unix socket has only the limit
        for all."""
        own = self._by_caller.get(caller, 0)
        per_caller_key = self._key.replace("_max", "_per_address_max")
        if self._taken >= self._places_max:
            raise self._refused(self._places_max, self._key, "")
        if own >= self._per_caller_max and caller != UNIX_SOCKET:
            raise self._refused(self._per_caller_max, per_caller_key, " for this address")
        self._taken += 1
        self._by_caller[caller] = own + 1
        try:
            yield
        finally:
            self._taken -= 1
            self._by_caller[caller] -= 1
            if not self._by_caller[caller]:
                del self._by_caller[caller]

    def _refused(self, limit: int, key: str, for_whom: str) -> Problem:
        self._metrics.count_http_refused(key.removeprefix("api."))
        detail = f"{limit} {self._what}{for_whom} ({key}); try again"
        return Problem(503, "overloaded", detail, retry_after_s=self._retry_after_s)
