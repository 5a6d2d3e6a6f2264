"""Messages of the platform's history as they are compared with what a guest has seen."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from ...model.signals import INBOUND, MessageArrived
from ..measure.reconcile import MessageOnRecord


def on_record(oldest_first: Iterable[MessageArrived]) -> list[MessageOnRecord]:
    """Without presences. A message without a time has that of the one before: its place is known
    all the same."""
    found: list[MessageOnRecord] = []
    time_ms = 0
    for one in oldest_first:
        if one.presence:
            continue
        if one.time:
            time_ms = int(datetime.fromisoformat(one.time).timestamp() * 1000)
        is_own = one.direction == INBOUND
        found.append(
            MessageOnRecord(one.identity, "Inbound" if is_own else "Outbound", one.text, time_ms)
        )
    return found
