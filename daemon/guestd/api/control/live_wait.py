"""Waits until a guest session is live."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson

from ...model.errors import CommandError
from ...model.journal import EventRow
from ...model.ports import Fleet
from ...runtime.callback import callback_future


class LiveWatcher:
    """Resolves `found` with the session's `live` or `ended` event."""

    def __init__(self) -> None:
        self.found, self._told = callback_future()

    def offer(self, row: EventRow) -> None:
        if row.kind == "session":
            event: dict[str, Any] = orjson.loads(row.payload)
            if event["state"] in ("live", "ended"):
                self._told(event)

    def over(self) -> None:
        self._told({"state": "ended", "reason": ""})


async def wait_until_live(fleet: Fleet, session_id: str, within_s: float) -> None:
    """Returns when it is live, or after `within_s`. Raises CommandError if it ends before."""
    watcher = LiveWatcher()
    fleet.watch(session_id, watcher)
    try:
        if fleet.view(session_id).state == "live":
            return
        async with asyncio.timeout(within_s):
            event = await watcher.found
    except TimeoutError:
        return
    finally:
        fleet.unwatch(session_id, watcher)
    if event["state"] == "ended":
        reason = f": {event['reason']}" if event.get("reason") else ""
        raise CommandError(
            f"the guest session {session_id} ended before it was live{reason}", code="ended"
        )
