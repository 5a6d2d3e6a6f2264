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
from .admin import WebhookDesk
from .collector import Outbox
from .delivery_client import Courier
from .sender import Sender
from .settings import WebhookSettings


class Webhooks:
    """`desk` is the port for floor 4."""

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
        self._courier = Courier(settings.ca_file, lookup)
        self._sender = Sender(loop, clock, journal, settings, self._courier, rng, metrics, row_of)
        self._outbox = Outbox(loop, clock, journal, settings.targets, self._sender.news)
        self.desk = WebhookDesk(
            loop, clock, journal, lambda: self._sender.news(from_the_start=True)
        )

    def start(self) -> None:
        self._outbox.start()
        self._sender.start()

    async def abandon(self) -> None:
        """Leave everything where it stands: the journal has failed, nothing more becomes
        durable."""
        await self._outbox.abandon()
        await self._sender.stop(leave_s=0.0)
        await self._courier.close()

    async def stop(self) -> None:
        await self._outbox.stop()
        await self._sender.stop()
        await self._courier.close()
