"""guestd itself: the whole way of a message, socket → decoded → ordered → recorded → published to a
watcher."""

from __future__ import annotations

import asyncio
import sys
from random import Random

from worker import CA_FILE, obey, run

from guestd.journal.memory import MemoryJournal
from guestd.model.journal import EventRow
from guestd.model.outbound_route import OutboundRoute
from guestd.model.ports import DialTarget, OpenGuest
from guestd.observe.metrics import Metrics
from guestd.runtime.clock import LoopClock
from guestd.session.settings import LifetimeSettings, SessionSettings
from guestd.supervisor.settings import AdmissionSettings, LimitSettings, SupervisorSettings
from guestd.supervisor.supervisor import Supervisor
from guestd.transport.dialer import WebsocketDialer
from guestd.wire.webmessaging import WebMessaging

# events per session; run.py's warm-up fills it, so that the measurement sees memory neither grow
# nor shrink
JOURNAL_KEEPS = 20


class Counting:
    """A watcher that only counts, so that the cost of handing over is in and the cost of a frontend
    is out."""

    def __init__(self, client: Guestd) -> None:
        self.client = client

    def offer(self, row: EventRow) -> None:
        if row.kind == "message":
            self.client.received += 1

    def over(self) -> None: ...


class Guestd:
    def __init__(self, port: int, watched: bool) -> None:
        loop = asyncio.get_running_loop()
        dialect = WebMessaging("0b7d4c1e-5a0e-4e6a-9b1d-2f6f6c1f9a10")
        self.received = 0
        self.watched = watched
        self.watcher = Counting(self)
        self.opened = 0
        self.metrics = Metrics()
        self.fleet = Supervisor(
            SupervisorSettings(
                LimitSettings(max_sessions=100_000),
                AdmissionSettings(10_000_000, burst=100_000, dials_inflight_max=100),
            ),
            SessionSettings(LifetimeSettings(100_000.0)),
            dialect,
            WebsocketDialer(route=OutboundRoute(ca_file=CA_FILE)),
            DialTarget(dialect.url(f"{'wss' if CA_FILE else 'ws'}://127.0.0.1:{port}")),
            MemoryJournal(events_per_session_max=JOURNAL_KEEPS),
            None,
            LoopClock(loop),
            Random(1),
            self.metrics,
            uncommitted_max=20_000,
        )

    async def open(self, count: int) -> None:
        for _ in range(count):
            self.opened += 1
            session_id = self.fleet.open(OpenGuest(f"guest-{self.opened}"))
            if self.watched:
                self.fleet.watch(session_id, self.watcher)
        while self.metrics.sessions.get("live", 0) < self.opened:
            await asyncio.sleep(0.02)

    async def close(self) -> None:
        await self.fleet.stop()


async def main() -> None:
    await obey(Guestd(int(sys.argv[1]), watched="--idle" not in sys.argv))


if __name__ == "__main__":
    run(main())
