"""The platform's record at the end of a run, as the emulator tells it by pages."""

from __future__ import annotations

from contextlib import asynccontextmanager

from aiohttp import web

from guestd.app.load_runs.record import compared
from guestd.app.load_runs.session_host import EmulatorRecord
from guestd.load.measure.reconcile import GuestView, OwnMessage, SeenMessage
from guestd.load.run.driver import own_mark

MARK = ("guestd_run", "r")


class Kept:
    def __init__(self, *views):
        self._views = views
        self.conversation_ids = {}

    def views(self):
        return iter(self._views)


@asynccontextmanager
async def emulator(*pages, asked=None):
    """Its transcripts, a page a call; the address."""

    async def transcripts(request):
        page = int(request.query["after"])
        if asked is not None:
            asked.append(request.query["attribute"])
        after = page + 1 if page + 1 < len(pages) else None
        return web.json_response({"conversations": pages[page], "next": after})

    site = web.Application()
    site.router.add_get("/__emulator/transcripts", transcripts)
    runner = web.AppRunner(site)
    await runner.setup()
    port = web.TCPSite(runner, "127.0.0.1", 0)
    await port.start()
    try:
        yield f"http://127.0.0.1:{port._server.sockets[0].getsockname()[1]}"
    finally:
        await runner.cleanup()


def recorded(conversation, session, *messages):
    told = [
        {
            "id": message,
            "direction": "Inbound" if message.startswith("own") else "Outbound",
            "text": message,
            "type": "Text",
            "time": "2026-11-30T00:00:00.000Z",
        }
        for message in messages
    ]
    return {"id": conversation, "session": session, "messages": told}


def view(guest, session, sent, seen):
    own = [OwnMessage(f"c-{one}", one, 0.0, "confirmed", one) for one in sent]
    return GuestView(guest, "s", session, [SeenMessage(one, one, 0.0) for one in seen], own)


async def test_only_the_conversations_of_its_own_guests_are_asked_for():
    asked = []
    async with emulator([], asked=asked) as url:
        for worker, workers in ((0, 1), (0, 2), (1, 2)):
            await compared(Kept(), EmulatorRecord(url), own_mark("r", worker, workers), 0)
    assert asked == ["guestd_run:r", "guestd_run_part:r-0", "guestd_run_part:r-1"]


async def test_two_conversations_of_one_session_are_compared_as_one():
    kept = Kept(view("a-1", "s1", ["own1", "own2"], ["bot1", "bot2"]))
    first, second = recorded("c1", "s1", "own1", "bot1"), recorded("c2", "s1", "own2", "bot2")
    async with emulator([first], [second]) as url:
        findings, reconciled = await compared(kept, EmulatorRecord(url), MARK, 0)
    assert findings.listed == [] and reconciled.conversations == 1 and reconciled.messages == 4


async def test_what_the_record_does_not_have_is_lost_and_the_conversation_is_named():
    kept = Kept(view("a-1", "s1", ["own1", "own2"], []), view("a-2", "s2", ["own3"], ["bot3"]))
    async with emulator([recorded("c1", "s1", "own1"), recorded("c2", "s2", "own3", "bot3")]) as u:
        findings, _ = await compared(kept, EmulatorRecord(u), MARK, 0)
    assert findings.counts["lost"] == 1
    assert [one.guest for one in findings.listed] == ["a-1"]
    assert kept.conversation_ids == {"s1": "c1", "s2": "c2"}


async def test_a_record_that_cannot_be_read_is_said():
    findings, reconciled = await compared(Kept(), EmulatorRecord("http://127.0.0.1:9"), MARK, 0)
    assert findings.listed == [] and reconciled.by == ""
    assert "record could not be read" in reconciled.why_not


OTHER = "the emulator has none of these guests"


async def test_a_record_that_knows_none_of_the_guests_is_anothers_and_no_loss():
    kept = Kept(view("a-1", "s1", ["own1"], ["bot1"]))
    async with emulator([]) as url:
        record = EmulatorRecord(url, if_none=OTHER)
        findings, reconciled = await compared(kept, record, MARK, 0)
    assert findings.counts["lost"] == 0 and findings.listed == []
    assert reconciled.by == "" and reconciled.why_not == OTHER


async def test_a_guest_that_is_missing_among_others_is_a_loss_in_a_named_record_too():
    kept = Kept(view("a-1", "s1", ["own1"], []), view("a-2", "s2", ["own2"], []))
    async with emulator([recorded("c2", "s2", "own2")]) as url:
        record = EmulatorRecord(url, if_none=OTHER)
        findings, reconciled = await compared(kept, record, MARK, 0)
    assert findings.counts["lost"] == 1 and reconciled.by == "record"


async def test_a_run_whose_guests_said_nothing_misses_nothing_in_a_named_record():
    async with emulator([]) as url:
        record = EmulatorRecord(url, if_none=OTHER)
        _, reconciled = await compared(Kept(view("a-1", "s1", [], [])), record, MARK, 0)
    assert reconciled.by == "record" and reconciled.why_not == ""
