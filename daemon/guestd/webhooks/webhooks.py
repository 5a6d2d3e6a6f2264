"""The webhooks as one thing that is started after the journal and stopped before it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random

from ..model.journal import EventRow, Journal
from ..model.ports import Clock
from ..model.records import OperationEvent
from ..observe.metrics import Metrics
from ..runtime.connector_resolver import Lookup
from .admin import WebhookAdmin
from .collector import Collector
from .delivery_client import DeliveryClient
from .sender import Sender
from .settings import WebhookSettings


class WebhookService:
    """`admin` is the port for layer 4."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        clock: Clock,
        journal: Journal,
        settings: WebhookSettings,
        metrics: Metrics,
        rng: Random,
        lookup: Lookup | None = None,
        row_of: Callable[[OperationEvent], EventRow] | None = None,
    ) -> None:
        """`row_of` gives a fact its place in the daemon's own stream: what became of a webhook is
        audited (AUDIT-1)."""
        self._client = DeliveryClient(settings.ca_file, lookup)
        self._sender = Sender(loop, clock, journal, settings, self._client, rng, metrics, row_of)
        self._collector = Collector(loop, clock, journal, settings.targets, self._sender.news)
        self.admin = WebhookAdmin(
            loop, clock, journal, lambda: self._sender.news(from_the_start=True)
        )

    def start(self) -> None:
        self._collector.start()
        self._sender.start()

    async def abandon(self) -> None:
        """Leave everything where it stands: the journal has failed, nothing more becomes
        durable."""
        await self._collector.abandon()
        await self._sender.stop(leave_s=0.0)
        await self._client.close()

    async def stop(self) -> None:
        await self._collector.stop()
        await self._sender.stop()
        await self._client.close()
