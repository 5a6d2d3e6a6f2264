"""What waits for the journal's answer keeps its order."""

from __future__ import annotations

import asyncio

from guestd.model.endings import Cause, Ending
from guestd.model.errors import Damaged
from guestd.model.journal import EventRow, StoredCommand
from guestd.model.signals import MessageArrived
from guestd.session import inputs as i
from guestd.supervisor.connection_callbacks import ConnectionCallbacks
from guestd.supervisor.lookups import CommandLookups, ShownLookups


class SlowJournal:
    def __init__(self):
        self.gate = asyncio.Event()
        self.damaged = set()

    async def command(self, session_id, command_id):
        await self.gate.wait()
        if command_id in self.damaged:
            raise Damaged("that row")
        row = EventRow(session_id, 7, "accepted", b"{}", command_id, b"")
        return StoredCommand(row) if command_id.startswith("old") else None

    async def identities(self, session_id, limit):
        await self.gate.wait()
        return [("m1", "t1")]


async def test_commands_are_answered_in_order_and_damage_is_said():
    journal = SlowJournal()
    lookups, found = CommandLookups(journal), []
    journal.damaged.add("broken")
    for command_id in ("old-1", "new", "broken", "old-2"):
        lookups.ask("a", command_id, lambda *what, one=command_id: found.append((one, *what)))
    await asyncio.sleep(0.01)
    assert not found and lookups.is_open("a") and not lookups.is_open("b")
    journal.gate.set()
    await asyncio.sleep(0.01)
    assert [(one, accepted and accepted.seq) for one, accepted, _ in found] == [
        ("old-1", 7),
        ("new", None),
        ("broken", None),
        ("old-2", 7),
    ]
    assert [error.code if error else "" for *_, error in found] == ["", "", "damaged", ""]
    assert not lookups.is_open("a")
    await lookups.stop()


async def test_an_answer_that_was_dropped_is_not_told():
    journal = SlowJournal()
    lookups, found = ShownLookups(journal, 2), []
    lookups.ask("a", 10, lambda shown, error: found.append("a"))
    lookups.ask("b", 10, lambda shown, error: found.append(shown))
    await asyncio.sleep(0)
    assert lookups.drop("a") and not lookups.drop("a")
    journal.gate.set()
    await asyncio.sleep(0.01)
    assert found == [[("m1", "t1")]]
    await lookups.stop()


class FakeRunner:
    """Any message whose identity begins with `?` may have been shown; those with `?old` were."""

    token = ""

    def __init__(self):
        self.gate = asyncio.Event()
        self.fed, self.noticed, self.paused, self.tasks = [], 0, [], []
        self.frames_in = self.bytes_in = 0

    def decode(self, text):
        return [MessageArrived(one, "Outbound", "Text") for one in text.decode().split()]

    def may_have_shown(self, item):
        return item.identity.startswith("?")

    async def was_shown(self, item):
        await self.gate.wait()
        return item.identity.startswith("?old")

    def ask_journal(self, work):
        self.tasks.append(asyncio.ensure_future(work()))

    def pause_reading(self, paused):
        self.paused.append(paused)

    def count_session(self, what):
        self.noticed += 1

    def feed(self, given):
        self.fed.append(getattr(given, "identity", type(given).__name__))

    def connection_ended(self, ending):
        self.fed.append("ended")


async def test_what_a_connection_brings_waits_in_order_behind_a_possible_repetition():
    runner = FakeRunner()
    line = ConnectionCallbacks(runner, runner, runner, runner.decode)
    line.text_received(b"one")
    line.text_received(b"?old two")
    line.text_received(b"?new three")
    line.pong_received()
    line.connection_ended(Ending(Cause.LOST))
    await asyncio.sleep(0)
    assert runner.fed == ["one"] and runner.paused == [True] and line.is_waiting
    runner.gate.set()
    await asyncio.gather(*runner.tasks)
    assert runner.fed == ["one", "two", "?new", "three", i.PongArrived.__name__, "ended"]
    assert runner.noticed == 1 and runner.paused == [True, False] and not line.is_waiting


async def test_a_line_that_is_cut_meanwhile_passes_nothing_on():
    runner = FakeRunner()
    line = ConnectionCallbacks(runner, runner, runner, runner.decode)
    line.text_received(b"?new two")
    await asyncio.sleep(0)
    line.cut()
    runner.gate.set()
    await asyncio.gather(*runner.tasks)
    assert not runner.fed and not runner.noticed
