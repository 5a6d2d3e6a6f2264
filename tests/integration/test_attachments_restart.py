"""A daemon that is killed while a file is under way sends it once and whole, or says why not."""

from __future__ import annotations

import asyncio
import hashlib
from random import Random

import pytest

from guestd.emulator import DEFAULT_DEPLOYMENT_ID, Emulator, EmulatorSettings
from guestd.journal.sqlite import SqliteJournal
from guestd.model.ports import DialTarget, OpenGuest
from guestd.observe.metrics import Metrics
from guestd.platform.history import WebMessagingHistory
from guestd.platform.http import Http
from guestd.runtime.clock import LoopClock
from guestd.spool.reading import open_copy
from guestd.spool.spool import Spool
from guestd.supervisor.settings import SupervisorSettings
from guestd.supervisor.supervisor import Supervisor
from guestd.transport.dialer import WebsocketDialer
from guestd.transport.upload import FileUploader
from guestd.wire.webchat import Webchat
from guestd.wire.webmessaging import WebMessaging
from tests.patience import PATIENCE_S
from tests.sections import session_settings

from ..replaying import watch_from_disk
from .attaching import PNG, attach, fates, pieces, steps
from .conftest import platform_calls
from .test_sessions import FAST, Watching


class Overheard:
    """The platform's calls, and the keys they were made with."""

    def __init__(self, calls, keys):
        self._calls, self._keys = calls, keys

    async def call(self, name, **given):
        self._keys.append(given["idempotency_key"])
        return await self._calls.call(name, **given)


class DaemonRuns:
    """One daemon after another on the same journal and spool; each ends as a `kill -9` would:
    nothing is flushed or said."""

    def __init__(self, emulator, folder, dialect="webmessaging"):
        self.emulator, self.folder, self.dialect = emulator, folder, dialect
        self.keys = []

    async def begin(self):
        loop = asyncio.get_running_loop()
        self.journal = SqliteJournal(self.folder, loop, lambda error: pytest.fail(str(error)))
        self.journal.start()
        self.spool = Spool(self.folder / "spool", durable=True)
        self.spool.start()
        self.uploader = FileUploader(open_copy)
        self.client = Http()
        is_webchat = self.dialect == "webchat"
        dialect = Webchat() if is_webchat else WebMessaging(DEFAULT_DEPLOYMENT_ID)
        calls = platform_calls(self.emulator, self.client, Metrics())
        self.fleet = Supervisor(
            SupervisorSettings(),
            session_settings(**FAST),
            dialect,
            WebsocketDialer(),
            DialTarget(dialect.url(self.emulator.ws_url)),
            self.journal,
            None if is_webchat else WebMessagingHistory(self.client, self.emulator.url),
            LoopClock(loop),
            Random(1),
            Metrics(),
            loop,
            uploader=self.uploader,
            discard_copy=self.spool.discard,
            calls=Overheard(calls, self.keys) if is_webchat else None,
            uncommitted_max=20_000,
        )
        self.fleet.recover(await self.journal.recover())
        self.spool.clear_orphans(self.fleet.files_wanted())
        ana = OpenGuest("ana", email="ana@example.org")
        self.session_id = self.fleet.find("ana") or self.fleet.open(ana)
        self.watching = Watching()
        await watch_from_disk(self.fleet, self.session_id, self.watching)

    async def die(self):
        """Everything recorded so far is on disk, what comes after is not: the harshest cut that
        tells the truth."""
        self.fleet._journal.commit = lambda commit, done: None
        await self.fleet.stop()
        await self.uploader.close()
        await self.client.close()
        await self.journal.stop()


@pytest.fixture
async def lives(tmp_path):
    async with Emulator(EmulatorSettings(agent="silent")) as emulator:
        one = DaemonRuns(emulator, tmp_path)
        await one.begin()
        yield one
        await one.die()


@pytest.fixture
async def webchat_lives(tmp_path):
    async with Emulator(EmulatorSettings(agent="silent")) as emulator:
        one = DaemonRuns(emulator, tmp_path, "webchat")
        await one.begin()
        yield one
        await one.die()


async def until(condition, timeout_s=PATIENCE_S):
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.005)


def sent_files(emulator):
    (session,) = emulator.world.sessions.values()
    return [one for one in session.messages if one.get("content")]


#: Where the daemon is killed, by what can be seen of the file by then.
CUTS = {
    "accepted": lambda lives: lives.watching.of("accepted"),
    "asked": lambda lives: "asked" in steps(lives.watching),
    "uploading": lambda lives: "uploading" in steps(lives.watching),
    "stored": lambda lives: any(one.sha256 for one in _attachments(lives)),
    "uploaded": lambda lives: any(one.uploaded for one in _attachments(lives)),
    "taken": lambda lives: sent_files(lives.emulator),
    "confirmed": lambda lives: fates(lives.watching),
}


def _attachments(lives):
    return [
        one
        for session in lives.emulator.world.sessions.values()
        for one in (session.attachments or {}).values()
    ]


@pytest.mark.parametrize("cut", CUTS)
async def test_a_file_survives_a_kill_at_every_step_and_is_never_doubled(lives, cut):
    await until(lambda: lives.watching.of("session"))
    _, path = await attach(lives, lives.session_id, caption="once")
    await until(lambda: CUTS[cut](lives))
    await lives.die()
    await lives.begin()
    await until(lambda: fates(lives.watching))
    assert fates(lives.watching) == [("confirmed", "")]
    (message,) = sent_files(lives.emulator)
    assert message["text"] == "once"
    file = next(
        one for one in _attachments(lives) if one.id == message["content"][0]["attachment"]["id"]
    )
    assert file.sha256 == hashlib.sha256(PNG).hexdigest()
    await until(lambda: not path.exists() and not list(path.parent.iterdir()))


async def test_a_file_whose_copy_is_gone_after_a_restart_fails_with_its_reason(lives):
    lives.emulator.faults.set(
        [{"kind": "slow_rest", "rate": 1.0, "ms": 500, "path": "/__storage"}], 0.0
    )
    await until(lambda: lives.watching.of("session"))
    _, path = await attach(lives, lives.session_id)
    await until(lambda: "uploading" in steps(lives.watching))
    await lives.die()
    path.unlink()
    await lives.begin()
    await until(lambda: fates(lives.watching))
    ((status, reason),) = fates(lives.watching)
    assert status == "failed" and "our copy of the file is gone" in reason
    assert not sent_files(lives.emulator)


async def test_a_copy_without_a_command_is_an_orphan_and_goes_at_the_next_start(lives):
    orphan = await lives.spool.spool(pieces(PNG))
    await lives.die()
    await lives.begin()
    assert not orphan.path.exists()


@pytest.mark.parametrize("cut", ["asked", "uploading"])
async def test_http_2_after_a_kill_the_place_is_asked_for_again_with_the_same_key(
    webchat_lives, cut
):
    """Nothing was said yet, so it is not uncertain: the file is put and sent, once. The platform
    answers the first question, or not, before the daemon is gone."""
    lives = webchat_lives
    path = "/api/v2/webchat/attachments" if cut == "asked" else "/__storage"
    lives.emulator.faults.set([{"kind": "slow_rest", "rate": 1.0, "ms": 600, "path": path}], 0.0)
    await until(lambda: lives.watching.of("session"))
    await attach(lives, lives.session_id, caption="once")
    await until(lambda: CUTS[cut](lives))
    await until(lambda: lives.keys)
    await lives.die()
    lives.emulator.faults.set([], 0.0)
    await lives.begin()
    await until(lambda: fates(lives.watching))
    (session,) = lives.emulator.world.sessions.values()
    await until(lambda: session.messages)
    texts = [one["text"] for one in session.messages]
    assert (fates(lives.watching), texts, len(lives.keys), len(set(lives.keys))) == (
        [("sent", "")],
        ["once"],
        2,
        1,
    )
