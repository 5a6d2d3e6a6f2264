"""An audit over a journal in memory, and its files by days."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from guestd.audit.audit import Audit
from guestd.audit.day_files import AuditFiles
from guestd.audit.settings import AuditSettings
from guestd.audit.verify import select
from guestd.model.events import AcceptedEvent, DeliveryEvent, MessageEvent
from guestd.observe.metrics import Metrics
from guestd.runtime.clock import LoopClock
from tests.webhooks.harness import World

DAY_MS = 86_400_000


def new_audit(journal, directory, **more) -> Audit:
    loop = asyncio.get_running_loop()
    figures = AuditSettings(**{"linger_s": 0.0, **more})
    return Audit(loop, LoopClock(loop), journal, directory, figures, Metrics())


def lines(directory):
    return list(select(directory))


def days_of_events(world: World, n: int = 3) -> None:
    for k in range(n):
        world.session(f"s{k}", "live")
        world._put(
            f"s{k}", AcceptedEvent(world._seq(f"s{k}"), f"cmd-{k}", "send", "Where is my parcel?")
        )
        world._put(
            f"s{k}",
            MessageEvent(
                world._seq(f"s{k}"), f"m{k}", "Inbound", "Text", "Where is my parcel?", "now"
            ),
        )
        world._put(
            f"s{k}", DeliveryEvent(world._seq(f"s{k}"), f"cmd-{k}", "confirmed", "", f"m{k}")
        )
        world.session(f"s{k}", "resting", "lost")
        world.session(f"s{k}", "live")
        world.session(f"s{k}", "ended", "left")
        world.fact("injection.completed", "attempt", f"c{k}", idempotency_key=f"key-{k}")
        world.fact(
            "injection.completed", "success", f"c{k}", idempotency_key=f"key-{k}", latency_ms=12.5
        )


def at(day: int, hour: int = 12) -> int:
    return int(datetime(2026, 1, 1, hour, tzinfo=UTC).timestamp() * 1000) + day * DAY_MS


def line(n: int, day: int) -> dict:
    return {"time": f"2026-{day:04d}", "offset": n, "seq": n, "action": "x", "status": "success"}


class Running:
    """Seconds that a process has run."""

    def __init__(self) -> None:
        self.s = 0.0

    def __call__(self) -> float:
        return self.s


def written(
    directory, days: int, retention_days: int = 90, file_bytes_max: int = 2**26
) -> AuditFiles:
    running = Running()
    settings = AuditSettings(retention_days=retention_days, file_bytes_max=file_bytes_max)
    files = AuditFiles(directory, settings, 1000, running)
    files.open(at(0))
    for day in range(days):
        running.s += 86_400.0
        files.append([line(10 * day + k, day) for k in range(5)], at(day))
    return files
