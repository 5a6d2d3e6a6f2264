"""The daemon's lives in the simulated world: the real supervisor, machines and journal code; crash
and restart at any step.

The journal is the real writer on SQLite in memory. A commit takes a drawn while to become durable;
a crash forgets what was on its way, exactly as a power cut would, and keeps what was answered. A
full disk is waited out; a disk that fails ends the life at once, and it is unknown whether the
last commit reached it: so half of the time it did."""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
from collections import deque
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache
from random import Random

import orjson

from guestd.emulator import DEFAULT_DEPLOYMENT_ID
from guestd.journal.queries import migrations
from guestd.journal.reader import Reader
from guestd.journal.writer import Writer
from guestd.model.commands import Attach, Send
from guestd.model.endings import Cause, Ending
from guestd.model.journal import Replay
from guestd.model.ports import DialTarget, OpenGuest
from guestd.observe.metrics import Metrics
from guestd.supervisor.settings import AdmissionSettings, SupervisorSettings
from guestd.supervisor.supervisor import Supervisor
from guestd.wire.webmessaging import WebMessaging
from tests.reading import at_once
from tests.replaying import watch_from
from tests.sections import session_settings

from .platform import Platform, SimDialer, SimHistory
from .storage import SimStorage
from .virtual import VirtualClock, VirtualLoop

_GONE = Ending(Cause.LOST, 1006)


@cache
def _migrated() -> bytes:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as disk:
        for script in migrations():
            disk.executescript(script)
        return disk.serialize()


def new_disk() -> sqlite3.Connection:
    """A copy of one that was migrated: the migrations would cost as much as a short life."""
    disk = sqlite3.connect(":memory:", isolation_level=None)
    with closing(sqlite3.connect(":memory:")) as empty:
        empty.deserialize(_migrated())
        empty.backup(disk)
    return disk


class InlineJournal:
    """The Journal port without a thread. Dead, and nothing more is written, whatever still asks.

    `full()` and `breaks()` say whether the disk refuses this write, and whether it fails in the
    middle of it."""

    def __init__(
        self, loop, disk: sqlite3.Connection, rng: Random, full, breaks, broken: asyncio.Event
    ) -> None:
        self.loop, self.disk, self.rng, self.full, self.breaks, self.broken = (
            loop,
            disk,
            rng,
            full,
            breaks,
            broken,
        )
        self.writer = Writer(disk, loop.epoch_ms)
        self.reader = Reader(disk)
        self.storage_full = False
        self.storage_low = False
        self.waiting: deque = deque()
        self.acknowledged = self.writer.offset
        self.told_at = 0.0
        self.is_dead = False

    def commit(self, commit, done) -> None:
        self.waiting.append((commit, done))
        if len(self.waiting) == 1:
            self.loop.call_later(self.rng.uniform(0.0005, 0.01), self._write)

    def _write(self) -> None:
        if self.is_dead:
            return
        if self.full():
            self.storage_full = True
            self.loop.call_later(0.25, self._write)
            return
        self.storage_full = False
        works, self.waiting = list(self.waiting), deque()
        breaks = self.breaks()
        if not breaks or self.rng.random() < 0.5:
            offset = self.writer.write([commit for commit, _ in works])
        if breaks:
            self.is_dead = True
            self.broken.set()
            return
        # Durable now, told a moment later: a crash in between must not cost or double anything
        # either.
        self.told_at = max(self.told_at + 1e-6, self.loop.time() + self.rng.uniform(0.0, 0.005))
        self.loop.call_at(self.told_at, self._tell, works, offset)

    def _tell(self, works, offset) -> None:
        if self.is_dead:
            return
        self.acknowledged = offset
        for _, done in works:
            done()

    async def read(self, session_id, after_seq, limit, bytes_max=None) -> Replay:
        return self.reader.read(session_id, after_seq, limit, self.acknowledged, bytes_max)

    async def recover(self):
        return self.reader.recover()

    async def identities(self, session_id, limit):
        return self.reader.identities(session_id, limit)

    async def was_shown(self, session_id, identity, time) -> bool:
        return Reader(self.disk).was_shown(session_id, identity, time)

    async def command(self, session_id, command_id):
        return self.reader.command(session_id, command_id, self.acknowledged)

    def forget(self, session_id) -> None: ...


@dataclass
class Frontend:
    """Speaks for one guest over all lives; remembers all it was shown and told."""

    name: str
    world: Simulation
    rng: Random
    events: list[dict] = field(default_factory=list)
    waiting: dict[str, str] = field(default_factory=dict)
    answered: set[str] = field(default_factory=set)
    said: int = 0
    files: set[str] = field(default_factory=set)
    shown: set[str] = field(default_factory=set)
    settled: set[str] = field(default_factory=set)
    gaps: list[range] = field(default_factory=list)
    session_id: str = ""

    def attach(self, fleet: Supervisor) -> None:
        found = fleet.find(self.name)
        self.session_id = found if found is not None else fleet.open(OpenGuest(self.name))
        watch_from(fleet, self.session_id, self, len(self.events))
        for command_id, text in list(self.waiting.items()):
            self._give(fleet, command_id, text)

    def speak(self, fleet: Supervisor) -> None:
        self.said += 1
        command_id = f"{self.name}-{self.said}"
        self.waiting[command_id] = f"{self.name} says {self.said}"
        if self.world.file_share and self.rng.random() < self.world.file_share:
            self.files.add(command_id)
        self._give(fleet, command_id, self.waiting[command_id])

    def _give(self, fleet: Supervisor, command_id: str, text: str) -> None:
        command = Send(command_id, text)
        if command_id in self.files:
            command = Attach(
                command_id, "a.png", "image/png", 10, self.world.storage.keep(command_id), text
            )
        fleet.give(self.session_id, command, self._answered)

    def _answered(self, answer) -> None:
        if answer.accepted:
            self.world.check_durable(self.session_id, answer.command_id)
            self.answered.add(answer.command_id)
            self.waiting.pop(answer.command_id, None)

    def offer(self, row) -> None:
        event = orjson.loads(row.payload)
        self.world.trace(self.name, row.payload)
        assert event["seq"] == len(self.events) + 1, (
            f"{self.name}: seq {event['seq']} after {len(self.events)}"
        )
        self.events.append(event)
        if event["kind"] == "message":
            assert event["id"] not in self.shown, f"{self.name} was shown something twice"
            self.shown.add(event["id"])
        elif event["kind"] == "delivery":
            self.settled.add(event["command_id"])
        elif event["kind"] == "gap":
            self.gaps.append(self.world.covered_now(self))
        self.world.check_shown(self, event)

    def over(self) -> None: ...


class Simulation:
    """Guests, one platform, one disk, and a daemon that may die. Everything is drawn from
    `seed`."""

    def __init__(
        self, seed: int, guests: int = 8, settings: dict | None = None, file_share: float = 0.0
    ) -> None:
        self.seed = seed
        self.loop = VirtualLoop()
        self.platform = Platform(self.loop, seed)
        self.storage = SimStorage(self.platform, seed)
        self.file_share = file_share
        self.rng = Random(f"{seed} life")
        self.disk = new_disk()
        self.disk_full = self.disk_breaks = 0.0
        self.broken = asyncio.Event()
        self.breakdowns = 0
        self.settings = settings or {}
        self.hash = hashlib.sha256()
        self.frontends = [
            Frontend(f"g{n}", self, Random(f"{seed} frontend {n}")) for n in range(guests)
        ]
        self.fleet: Supervisor
        self.journal: InlineJournal
        self.crashes = 0
        self.patches = []
        self.gaps_max = 0
        self.counted: dict[str, tuple[tuple[str, int], int]] = {}
        self.wrong: BaseException | None = None
        self.loop.set_exception_handler(self._went_wrong)

    def _went_wrong(self, loop, context) -> None:
        """What a callback raised must end the run, and not only be logged."""
        self.wrong = self.wrong or context.get("exception") or AssertionError(context["message"])

    def check(self) -> None:
        if self.wrong is not None:
            raise self.wrong

    # ---- lives

    def start(self) -> None:
        rng = Random(f"{self.seed} journal {self.crashes}")
        self.broken.clear()
        self.journal = InlineJournal(
            self.loop,
            self.disk,
            rng,
            lambda: rng.random() < self.disk_full,
            lambda: rng.random() < self.disk_breaks,
            self.broken,
        )
        dialect = WebMessaging(DEFAULT_DEPLOYMENT_ID)
        settings = {
            "duration_s": 1_000_000.0,
            "hold_initial_ms": 0.0,
            "conversation_clear": True,
            "when_down": "queue",
            "history_retry_s": 0.5,
            "history_attempts_max": 40,
            "history_reads_per_minute": 1000,
            "reconnect_attempts_max": 1000,
            **self.settings,
        }
        self.fleet = Supervisor(
            SupervisorSettings(admission=AdmissionSettings(600, burst=10)),
            session_settings(**settings),
            dialect,
            SimDialer(self.platform),
            DialTarget(dialect.url("wss://sim.test")),
            self.journal,
            SimHistory(self.platform),
            VirtualClock(self.loop),
            Random(f"{self.seed} fleet {self.crashes}"),
            Metrics(),
            self.loop,
            draw_token=lambda rng=self.rng: f"{rng.getrandbits(128):032x}",
            draw_session_id=lambda rng=self.rng: f"{rng.getrandbits(64):016x}",
            uploader=self.storage,
            discard_copy=self.storage.discard,
            uncommitted_max=20_000,
        )
        for patch in self.patches:
            patch(self)
        self.fleet.recover(at_once(self.journal.recover()))
        self.storage.copies &= self.fleet.files_wanted()
        for frontend in self.frontends:
            frontend.attach(self.fleet)

    async def crash(self) -> None:
        """Between two callbacks of the loop the process is gone: nothing is flushed, nothing
        said."""
        self.crashes += 1
        self.breakdowns += self.broken.is_set()
        self.journal.is_dead = True
        old = self.fleet
        for runner in list(old._runners.values()):
            runner._connection = None
            runner._cut_callbacks()
        await old.stop()
        for connection in list(self.platform.connections.values()):
            connection.end(_GONE)

    # ---- what must always hold

    def check_durable(self, session_id: str, command_id: str) -> None:
        found = self.disk.execute(
            "SELECT count(*) FROM events e JOIN sessions s ON s.id = e.session WHERE s.session_id ="
            " ? AND kind = 'accepted' AND key = ?",  # written out: only so is there an index
            (session_id, command_id),
        ).fetchone()[0]
        assert found == 1, f"{command_id} was acknowledged and is {found} times on disk"

    def check_shown(self, frontend: Frontend, event: dict) -> None:
        if event["seq"] % 7 == 0:  # a sample: the question costs a query
            rows = self.journal.reader.read(frontend.session_id, event["seq"] - 1, 1, 2**62).rows
            assert rows and orjson.loads(rows[0].payload) == event, "shown before it was durable"

    def trace(self, name: str, payload: bytes) -> None:
        self.hash.update(b"%.6f %s %s\n" % (self.loop.time(), name.encode(), payload))

    def check_dials(self, per_minute: int = 600, burst: int = 10) -> None:
        dials = self.platform.dials
        lives = self.crashes + 1
        for n in range(0, len(dials), 5):
            for m in range(n, min(n + 60, len(dials))):
                allowed = burst * lives + (dials[m] - dials[n]) * per_minute / 60 + 2
                assert m - n + 1 <= allowed, "dials outside the admission bucket"

    # ---- the end

    def at_rest(self) -> bool:
        return (
            not any(one.waiting for one in self.frontends)
            and self.fleet.metrics.sessions.get("live") == len(self.frontends)
            and all(
                one.answered <= one.settled
                and (len(one.shown) >= self.held_count(one) or not self.lost(one))
                for one in self.frontends
            )
        )

    def session_at_platform(self, frontend: Frontend):
        runner = self.fleet._runners.get(frontend.session_id)
        return (
            None if runner is None else self.platform.world.sessions.get(runner.machine.guest.token)
        )

    def held(self, frontend: Frontend) -> list[dict]:
        session = self.session_at_platform(frontend)
        return (
            [] if session is None else [one for one in session.messages if one["type"] != "Event"]
        )

    def held_count(self, frontend: Frontend) -> int:
        """Counted anew when there are more: this is asked twice a second, and each is parsed."""
        session = self.session_at_platform(frontend)
        if session is None:
            return 0
        stand = session.token, len(session.messages)
        if self.counted.get(frontend.name, (None, 0))[0] != stand:
            self.counted[frontend.name] = stand, len(self.held(frontend))
        return self.counted[frontend.name][1]

    def covered_now(self, frontend: Frontend) -> range:
        """Which of the messages that the platform holds a gap stated now covers: those after the last
        one that was shown. What was held back meanwhile is shown after it, with its own holes."""
        held = [identity_of(body) for body in self.held(frontend)]
        shown = [place for place, identity in enumerate(held) if identity in frontend.shown]
        return range(shown[-1] + 1 if shown else 0, len(held))

    def lost(self, frontend: Frontend) -> list[str]:
        """What the platform holds and was not shown, but for what stated gaps cover."""
        stated = sum(len(one.gaps) for one in self.frontends)
        gaps = frontend.gaps if stated <= self.gaps_max else []
        return [
            identity
            for place, identity in enumerate(map(identity_of, self.held(frontend)))
            if identity not in frontend.shown and not any(place in gap for gap in gaps)
        ]

    def compare(self) -> None:
        """What everyone saw over all lives is what the platform holds."""
        for one in self.frontends:
            held = self.held(one)
            got = [event["id"] for event in seen(one)]
            wanted = [identity_of(body) for body in held]
            assert len(set(got)) == len(got), f"{one.name} was shown something twice"
            assert set(got) <= set(wanted), f"{one.name} saw {set(got) - set(wanted)}"
            lost = self.lost(one)
            assert not lost, f"{one.name} lost {lost}"
            late = {
                event["id"] for event in seen(one) if event["late"]
            }  # shown after its place had passed, and marked so
            shown = set(got) - late
            on_time = [identity for identity in wanted if identity in shown]
            assert [identity for identity in got if identity not in late] == on_time, (
                f"{one.name} saw another order"
            )
            texts = [body["text"] for body in held if body["direction"] == "Inbound"]
            assert len(set(texts)) == len(texts), (
                f"the platform holds a doubled message of {one.name}"
            )
            fates: dict[str, list[str]] = {}
            for event in one.events:
                if event["kind"] == "delivery":
                    fates.setdefault(event["command_id"], []).append(event["status"])
            assert all(len(fate) == 1 for fate in fates.values()), (
                f"{one.name} was told twice of a command"
            )
            assert one.answered <= set(fates), f"{one.name}: acknowledged and never settled"
            for command_id, (fate,) in fates.items():
                times = texts.count(f"{one.name} says {command_id.split('-')[1]}")
                assert times == {"confirmed": 1, "failed": 0}.get(fate, times), (
                    f"{command_id} {fate}, and {times} times there"
                )
            accepted = [event["text"] for event in one.events if event["kind"] == "accepted"]
            wanted = [text for text in accepted if text in texts]
            assert texts == wanted, f"{one.name}: the lane's order was lost"
        assert len(self.platform.world.sessions) == len(self.frontends), "an orphan at the platform"


def identity_of(body: dict) -> str:
    return body["channel"].get("messageId") or body["id"]


def seen(frontend: Frontend) -> list[dict]:
    return [event for event in frontend.events if event["kind"] == "message"]
