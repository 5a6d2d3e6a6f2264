"""A load run through a running daemon, over real HTTP and a proxy that can be cut."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

from guestd.app.load_runs.live_display import LiveDisplay
from guestd.app.load_runs.options import RunOptions
from guestd.app.load_runs.session import LoadSession
from guestd.load.run.session_tokens import left_open
from guestd.load.scenario.file import LoadModel, ThresholdRule
from guestd.load.scenario.reader import read_file

GUESTS, MESSAGES = 50, 6

SCENARIO = f"""
scenarios:
  Talk:
    - repeat:
        times: {MESSAGES}
        steps:
          - say: hello
          - waitForReplyContaining: hello
          - think: 100ms
"""


class Proxy:
    """Passes on what it is given, until it is cut."""

    def __init__(self, port):
        self._port = port
        self._writers = set()
        self.url = ""
        self.streams = self.bytes_of_streams = 0

    async def handle(self, reader, writer):
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._writers |= {writer, far_writer}
        await asyncio.gather(
            self._pass(reader, far_writer), self._pass(far_reader, writer), return_exceptions=True
        )
        self._writers -= {writer, far_writer}

    async def _pass(self, reader, writer):
        try:
            while data := await reader.read(65_536):
                self.streams += data.startswith(b"GET /v1/events")
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    def cut(self):
        for one in list(self._writers):
            one.transport.abort()


@asynccontextmanager
async def proxied(stack):
    proxy = Proxy(stack.http.port)
    async with await asyncio.start_server(proxy.handle, "127.0.0.1", 0) as server:
        proxy.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield proxy
        proxy.cut()


def new_run(tmp_path, url, emulator="", scenario=SCENARIO, **more):
    path = tmp_path / "talk.yml"
    path.write_text(scenario)
    options = RunOptions(
        file=str(path),
        model=LoadModel(kind="once", users=more.pop("users", GUESTS)),
        seed=1,
        run_id="0011aabb",
        daemon=url,
        emulator=emulator,
        state_directory=str(tmp_path / "state"),
        **more,
    )
    said = []
    rules = [ThresholdRule("lost == 0"), ThresholdRule("doubled == 0")]
    display = LiveDisplay(quiet=True)
    return LoadSession(read_file(path), options, rules, display=display, tell=said.append), said


async def carried_out(session):
    async with asyncio.timeout(120.0):
        return await session.run(asyncio.Event(), asyncio.Event())


FAST = {"emulator": {"agent": "echo"}, "fleet": {"connects_per_minute": 60_000}}


async def test_fifty_guests_whose_connections_are_cut_in_between_miss_and_double_nothing(
    new_stack, tmp_path
):
    async with new_stack(**FAST) as stack, proxied(stack) as proxy:
        session, _ = new_run(tmp_path, proxy.url, stack.emulator.url)
        run = asyncio.ensure_future(carried_out(session))
        for share in (1, 2):
            sent = GUESTS * MESSAGES * share // 3
            await stack.until(lambda sent=sent: run.done() or stack.metrics.messages_in >= sent)
            assert not run.done()
            proxy.cut()
        summary = await run
        assert proxy.streams == 3 and not stack.fleet.sessions()
    assert summary.errors == []
    counts = summary.messages
    assert counts.sent == counts.confirmed == counts.received == GUESTS * MESSAGES
    assert (summary.lost, summary.doubled, summary.reordered, summary.uncertain) == (0, 0, 0, 0)
    assert summary.sessions.opened == summary.sessions.ended == GUESTS
    assert summary.reconciled.messages == 2 * GUESTS * MESSAGES and summary.is_known("lost")
    assert summary.exit_code == 0 and "was lost 2 times" in summary.notes[0]
    assert left_open(tmp_path / "state") == []


async def test_without_a_record_what_is_not_known_is_said_and_no_zero(new_stack, tmp_path):
    async with new_stack(**FAST) as stack:
        session, _ = new_run(tmp_path, stack.http.url, users=2)
        summary = await carried_out(session)
    assert summary.sessions.ended == 2 and not summary.is_known("lost")
    assert [one.ok for one in summary.thresholds] == [False, False]
    told = {one.what: one.why for one in summary.not_measured}
    assert "give --emulator" in told["messages lost, doubled or reordered"]
    assert any("event loop lag" in one for one in told)


async def test_an_emulator_that_is_not_the_daemons_makes_no_loss(new_stack, tmp_path):
    async with new_stack(**FAST) as stack, new_stack(**FAST) as other:
        session, _ = new_run(tmp_path, stack.http.url, other.emulator.url, users=2)
        summary = await carried_out(session)
    assert summary.sessions.ended == 2 and not summary.is_known("lost")
    assert [(one.ok, one.value) for one in summary.thresholds] == [(False, None)] * 2
    told = {one.what: one.why for one in summary.not_measured}
    assert told["messages lost, doubled or reordered"] == (
        f"the emulator at {other.emulator.url} has none of this run's guests; name the one that the"
        " daemon works with, or leave --emulator out"
    )


async def test_the_daemons_limit_is_counted_and_said_with_the_remedy(new_stack, tmp_path):
    more = {**FAST, "fleet": {**FAST["fleet"], "max_sessions": 3}}
    async with new_stack(**more) as stack:
        session, said = new_run(tmp_path, stack.http.url, stack.emulator.url, users=5)
        summary = await carried_out(session)
    assert summary.sessions.opened == summary.sessions.ended == 3
    assert summary.sessions.failed == 2
    refused = [one for one in summary.errors if one.kind == "not_opened"]
    assert sum(one.count for one in refused) == 2 and "limit_exceeded" in refused[0].what
    assert [one for one in said if "raise limits.max_sessions" in one]
    assert "refused 2 ×" in summary.notes[0] and left_open(tmp_path / "state") == []


async def test_two_runs_with_the_same_guests_do_not_meet(new_stack, tmp_path):
    async with new_stack(**FAST) as stack:
        for number in (1, 2):
            (tmp_path / str(number)).mkdir()
        first, _ = new_run(tmp_path / "1", stack.http.url, stack.emulator.url, users=5)
        second, _ = new_run(tmp_path / "2", stack.http.url, stack.emulator.url, users=5)
        second.options.run_id = "2233ccdd"
        summaries = await asyncio.gather(carried_out(first), carried_out(second))
    for one in summaries:
        assert one.sessions.ended == 5 and one.exit_code == 0
        assert one.messages.received == one.messages.sent == 5 * MESSAGES
