"""Places for streams that follow the whole fleet: so many in all, and of one address."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web

from ...model.overview import BudgetView
from ...observe.metrics import Metrics
from ..addresses import AddressCounts, address_of, share_of
from ..problems import Problem
from ..settings import ApiSettings


class StreamPlaces:
    """Beside those of single guest sessions, as many as of these."""

    def __init__(self, settings: ApiSettings, metrics: Metrics) -> None:
        self._metrics = metrics
        self._places = settings.watchers_max
        self._taken = 0
        share = share_of(settings.watchers_max, settings.watchers_per_address_max)
        self._addresses = AddressCounts(share, "streams", "api.watchers_per_address_max")

    def budget(self) -> BudgetView:
        return BudgetView("streams", self._taken, self._places)

    def left(self, *, is_slow: bool) -> None:
        """A stream is over, perhaps because its client read too slowly."""
        self._metrics.watchers_closed_slow += is_slow

    @contextmanager
    def taken(self, request: web.Request) -> Iterator[None]:
        """Counts one while the block runs. Raises Problem 503."""
        if self._taken >= self._places:
            self._metrics.count_refused_frontend("full")
            detail = f"{self._places} streams are open already (api.watchers_max)"
            raise Problem(503, "overloaded", detail, retry_after_s=5.0)
        address = address_of(request)
        if not self._addresses.enter(address):
            self._metrics.count_refused_frontend("address")
            limit = f"{self._addresses.per_address_max} streams (api.watchers_per_address_max)"
            raise Problem(503, "overloaded", f"this address has {limit} already", retry_after_s=5.0)
        self._taken += 1
        self._metrics.watchers += 1
        try:
            yield
        finally:
            self._taken -= 1
            self._metrics.watchers -= 1
            self._addresses.leave(address)
