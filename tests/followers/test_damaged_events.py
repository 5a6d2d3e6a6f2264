"""An event of the journal that cannot be read stops neither the audit nor the webhooks: it is said,
and the next are taken."""

from __future__ import annotations

import asyncio

import pytest

from guestd.audit.verify import verify
from guestd.model.errors import CommandError
from guestd.model.journal import Commit, EventRow
from guestd.webhooks.payloads import CONNECTED, TERMINATED
from tests.audit.audit_harness import lines, new_audit
from tests.webhooks.harness import Receiver, World, target, until, webhooks

#: Kind and content as a reader may be given them: what stands in the place of a damaged event, and
#: what no check has seen.
DAMAGED = {
    "set aside by the journal": ("damaged", b'{"offset":2}'),
    "set aside without content": ("damaged", b""),
    "no JSON": ("session", b'{"state":"li'),
    "no UTF-8": ("session", b'{"state":"\xff"}'),
    "another shape": ("session", b"[]"),
    "a field is missing": ("fact", b'{"seq":1}'),
    "a field is another": ("delivery", b'{"status":1,"command_id":[],"reason":{}}'),
    "details are none": ("fact", b'{"action":"guest.created","status":"success","details":7}'),
}


def put(world: World, kind: str, content: bytes) -> None:
    row = EventRow("", world._seq(""), kind, content, "", b"")
    world.journal.commit(Commit(rows=[row], at_ms=next(world._ms)), lambda: None)


@pytest.mark.parametrize("damage", DAMAGED)
async def test_audit_1_a_damaged_event_has_a_line_of_its_own_and_the_audit_goes_on(
    damage, tmp_path
):
    world = World()
    audit = new_audit(world.journal, tmp_path)
    audit.start()
    world.session("s1", "live")
    put(world, *DAMAGED[damage])
    world.session("s1", "ended")
    await audit.stop()
    found = lines(tmp_path)
    assert [one["action"] for one in found] in (
        ["session.connected", "journal.damaged", "session.ended"],
        ["session.connected", "command.settled", "session.ended"],
    )
    assert (found[1]["action"] == "command.settled") == (damage == "a field is another")
    assert verify(tmp_path).problems == []
    assert found[1]["offset"] > found[0]["offset"]


@pytest.mark.parametrize("damage", DAMAGED)
async def test_sync_1_a_damaged_event_does_not_stop_the_webhooks(damage):
    world = World()
    async with Receiver() as crm:
        service, _ = webhooks(world.journal, target(crm))
        service.start()
        world.session("s1", "live")
        put(world, *DAMAGED[damage])
        world.session("s1", "ended")
        await until(lambda: len(crm.got) == 2)
        await service.stop()
    assert [one["event"] for one in crm.got] == [CONNECTED, TERMINATED]


async def test_sync_1_a_connect_says_itself_whether_it_is_the_first():
    """No earlier event is read for it: a damaged one there changes nothing."""

    class Refusing:
        def __init__(self, journal):
            self._journal = journal

        def read(self, *_):
            raise CommandError("a row is damaged", code="damaged")

        def __getattr__(self, name):
            return getattr(self._journal, name)

    world = World()
    async with Receiver() as crm:
        service, _ = webhooks(Refusing(world.journal), target(crm))
        world.session("s1", "live")
        world.session("s1", "resting")
        world.journal.cursor("webhooks")
        service.start()
        await asyncio.sleep(0)
        world.session("s1", "live")
        world.session("s2", "live")
        await until(lambda: crm.got)
        await service.stop()
    assert [(one["event"], one["conversationId"]) for one in crm.got] == [(CONNECTED, "s2")]


async def test_sync_1_a_connect_that_version_0_1_recorded_is_told_rather_than_kept_back():
    """It does not say whether it is the first: a receiver may hear it twice, and not never."""
    world = World()
    async with Receiver() as crm:
        service, _ = webhooks(world.journal, target(crm))
        service.start()
        row = EventRow("s1", 3, "session", b'{"seq":3,"state":"live","reason":""}', "", b"")
        world.journal.commit(Commit(rows=[row], at_ms=next(world._ms)), lambda: None)
        await until(lambda: crm.got)
        await service.stop()
    assert [(one["event"], one["conversationId"]) for one in crm.got] == [(CONNECTED, "s1")]
