"""The watchdog is told only while the loop and the journal's disk are healthy."""

from __future__ import annotations

from guestd.app.journal_watch import HUNG_S, STALLED_S, JournalWatch
from guestd.app.loop_watchdog import BEAT_S, LoopWatchdog
from guestd.observe.metrics import Histogram


class Loop:
    """A clock that is set by hand, and the one timer that waits."""

    def __init__(self):
        self.now = 0.0
        self.due = None

    def time(self):
        return self.now

    def call_at(self, at, call):
        self.due = call
        return self

    def cancel(self):
        self.due = None


class Manager:
    watchdog_s = 3 * BEAT_S

    def __init__(self):
        self.pings = self.retries = 0

    def alive(self):
        self.pings += 1

    def retry(self):
        self.retries += 1


def pings(wait_s: float, late_s: float = 0.0, beats: int = 20) -> int:
    loop, manager = Loop(), Manager()
    LoopWatchdog(loop, Histogram(), manager, JournalWatch(), lambda: wait_s).start()
    for _ in range(beats):
        loop.now += BEAT_S + late_s + 1e-9
        loop.due()
    assert manager.retries == beats
    return manager.pings


def test_a_healthy_process_pings():
    assert pings(0.0) == 20


def test_a_stalled_disk_does_not_stop_the_pings_and_a_hung_one_does():
    assert pings(STALLED_S) == 20
    assert pings(HUNG_S) == 0


def test_a_late_loop_does_not_ping():
    assert pings(0.0, late_s=6.0) == 0
