"""However little a guest session remembers, whatever the platform repeats and however often the
daemon is stopped or killed: each message is shown once."""

from __future__ import annotations

import asyncio
from random import Random

import msgspec
import pytest

from guestd.journal.reader import Reader
from guestd.journal.writer import Writer
from guestd.model.events import MessageEvent
from guestd.model.journal import Commit, EventRow, SessionRecord
from guestd.model.signals import OUTBOUND, MessageArrived
from guestd.policy.reorder_delay import ReorderDelay
from guestd.session.inbox import NEVER, ByTime
from guestd.session.inbox_by_sequence import BySequence
from tests.thoroughness import examples, runs

from .daemonlife import Simulation, new_disk
from .platform import Weather
from .story import rest
from .test_ending import run

SMALL = [1, 2, 3, 5, 8, 20, 90]


async def lives(sim, rng, count):
    """So many, each ended in an orderly way or not, and each with messages older than it
    remembers."""
    sim.start()
    for _ in range(count):
        sim.platform.weather = Weather(
            reset=rng.choice([0.0, 0.02]),
            history_fails=rng.choice([0.0, 0.3]),
            duplicate=0.2,
            repeat=0.3,
            delay_s=rng.choice([0.02, 0.2]),
        )
        until = sim.loop.time() + rng.uniform(5.0, 15.0)
        while sim.loop.time() < until:
            rng.choice(sim.frontends).speak(sim.fleet)
            await asyncio.sleep(rng.expovariate(4.0))
            sim.check()
        if rng.random() < 0.5:
            await sim.fleet.stop()
        await sim.crash()
        sim.start()
    await rest(sim)


@pytest.mark.parametrize("remembered_max", SMALL)
def test_the_daemon_shows_each_message_once(remembered_max):
    for seed in range(1, 1 + runs(10)):
        rng = Random(f"{seed} {remembered_max} small")
        settings = {
            "inbox_remembered_max": remembered_max,
            "inbox_held_max": rng.choice([1, remembered_max]),
            "hold_initial_ms": rng.choice([0.0, 200.0]),
        }
        sim = Simulation(seed, 3, settings)
        run(sim, lives(sim, rng, 3))  # `rest` compares what was shown with what the platform holds


class Stream:
    """What a frontend was shown, as the journal keeps it; and the inbox of the present life."""

    def __init__(self, new_inbox, remembered_max):
        self.disk = new_disk()
        self.writer, self.reader = Writer(self.disk), Reader(self.disk)
        self.new_inbox, self.remembered_max = new_inbox, remembered_max
        self.shown, self.seq, self.now = [], 0, 0.0
        record = SessionRecord("ana", "ana", "token", "", {}, {}, opened_ms=1000, ends_ms=2000)
        self.writer.write([Commit(opened=[record])])
        self.begin_life()

    def begin_life(self):
        self.inbox = self.new_inbox()
        self.inbox.restore(self.reader.identities("ana", self.remembered_max))

    def was_shown(self, item):
        return self.inbox.may_have_shown(item) and self.reader.was_shown(
            "ana", item.identity, item.time
        )

    def arrive(self, item):
        self.now += 0.01
        if self.inbox.wake_at <= self.now:
            self._show(self.inbox.release(self.now))
        if not self.was_shown(item):
            self._show(self.inbox.arrive(item, self.now))

    def fill(self, history):
        """Newest first, as a page of the history is."""
        known = {one.identity for one in history if self.was_shown(one)}
        self.inbox.note_shown(history, known)
        self._show(self.inbox.merge(history[::-1], self.now))

    def release_all(self):
        while self.inbox.wake_at < NEVER:
            self._show(self.inbox.release(self.inbox.wake_at))

    def _show(self, outcome):
        rows = []
        for placed in outcome.placed:
            item, self.seq = placed.item, self.seq + 1
            self.shown.append(item.identity)
            event = MessageEvent(
                self.seq,
                item.identity,
                item.direction,
                item.type,
                item.text,
                item.time,
                late=placed.late,
            )
            payload = msgspec.json.encode(event)
            rows.append(EventRow("ana", self.seq, "message", payload, item.identity, b""))
        if rows:
            self.writer.write([Commit(rows=rows)])


def message(n, dialect):
    if dialect == "webchat":
        return MessageArrived(str(n), OUTBOUND, "Text", text=f"{n}", sequence=str(n))
    at = n // 2  # pairs of equal times
    time = f"2027-05-31T09:{at // 60:02d}:{at % 60:02d}.000Z"
    return MessageArrived(f"m{n}", OUTBOUND, "Text", text=f"{n}", time=time)


def tell(dialect, remembered_max, seed):
    """Messages in almost their order, repetitions of any old one, fills and new lives."""
    rng = Random(f"{dialect} {remembered_max} {seed}")
    held_max = rng.randint(1, remembered_max)

    def new_inbox():
        if dialect == "webchat":
            hold = ReorderDelay(rng.choice([0.0, 30.0]), 0.0, 200.0)
            return BySequence(0.05, held_max, remembered_max, hold)
        return ByTime(ReorderDelay(rng.choice([0.0, 30.0]), 0.0, 200.0), held_max, remembered_max)

    stream = Stream(new_inbox, remembered_max)
    order = [n for _, n in sorted((n + rng.choice([0, 0, 0, 2.5]), n) for n in range(1, 60))]
    said = []
    for n in order:
        said.append(message(n, dialect))
        stream.arrive(said[-1])
        for _ in range(rng.choice([0, 0, 1, 3])):
            stream.arrive(rng.choice(said))
        if rng.random() < 0.1:
            if rng.random() < 0.5:
                stream.release_all()  # the others, and only they, are lost with this life
            said = [one for one in said if one.identity in stream.shown]
            stream.begin_life()
            if dialect == "webmessaging" and rng.random() < 0.7:
                stream.inbox.begin_backfill()
                for one in rng.choices(said or [message(n, dialect)], k=rng.randint(0, 4)):
                    stream.arrive(one)
                by_time = sorted(said, key=lambda one: one.time, reverse=True)
                stream.fill(by_time[: rng.choice([1, 5, 100])])
    stream.release_all()
    stream.disk.close()
    return said, stream.shown


@pytest.mark.parametrize("remembered_max", SMALL)
@pytest.mark.parametrize("dialect", ["webmessaging", "webchat"])
def test_no_inbox_lets_a_repetition_pass(dialect, remembered_max):
    for seed in range(examples(60)):
        said, shown = tell(dialect, remembered_max, seed)
        twice = {one for one in shown if shown.count(one) > 1}
        assert not twice, f"seed {seed}"
        assert not {one.identity for one in said} - set(shown), f"seed {seed}"
