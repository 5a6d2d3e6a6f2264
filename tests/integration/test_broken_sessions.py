"""A bug of ours in one guest session: it ends for all to see, and only it."""

from __future__ import annotations

import asyncio
import json

import orjson
import pytest

from guestd.journal.reports import REPORTS_MAX, Reports
from guestd.model import signals as s
from guestd.model.commands import Send
from guestd.model.effects import Accept
from guestd.session import machine as machine_module
from guestd.session.machine import Machine
from guestd.supervisor.breakage import shape_of
from guestd.supervisor.runner import Runner

from .frontend_client import frame, live, open_frontend

SECRET = "what the guest said to nobody else"


def broken(*_arguments):
    raise KeyError(SECRET)


async def heard(frontend):
    """All frames until the socket closes, and its close code."""
    frames = []
    async with asyncio.timeout(30.0):
        async for one in frontend:
            frames.append(json.loads(one))
    return frames, frontend.close_code


def breaks_on_messages(monkeypatch):
    monkeypatch.setitem(machine_module._STEPS, s.MessageArrived, (broken, None, True))


def breaks_on_recording(monkeypatch):
    monkeypatch.setitem(Runner._PERFORM, type_of_messages(), broken)


def type_of_messages():
    from guestd.model.events import MessageEvent

    return MessageEvent


def breaks_twice(monkeypatch):
    breaks_on_messages(monkeypatch)
    monkeypatch.setattr(Machine, "break_off", broken)


@pytest.mark.parametrize("inject", [breaks_on_messages, breaks_on_recording, breaks_twice])
async def test_it_ends_with_an_event_and_the_platform_is_told(
    new_stack, monkeypatch, caplog, inject
):
    inject(monkeypatch)
    async with (
        new_stack() as stack,
        open_frontend(stack, "?guest=ana") as frontend,
        open_frontend(stack, "?guest=bo") as other,
    ):
        await live(frontend)
        await live(other)
        reports = []
        stack.fleet._context.keep_report = reports.append
        session_id = stack.fleet.find("ana")
        token = stack.fleet._runners[session_id].machine.guest.token
        session = stack.emulator.world.sessions[token]
        visits = len(stack.emulator.connections)
        _, effects = stack.emulator.world.agent_says(session, SECRET, stack.emulator.now())
        stack.emulator.perform(effects)
        frames, code = await heard(frontend)
        assert code == 1000
        seqs = [one["seq"] for one in frames if one.get("kind") not in ("hello", None)]
        assert seqs == list(range(seqs[0], seqs[0] + len(seqs))), "no hole"
        ended = frames[-1]
        assert (ended["kind"], ended["state"], ended["reason"]) == (
            "session",
            "ended",
            "internal_error",
        )
        assert stack.metrics.endings["internal_error"] == 1
        await stack.until(lambda: len(stack.emulator.connections) == visits - 1)
        said = [
            one["text"]
            for one in stack.emulator.journal
            if one["token"] == token and one["text"].startswith("{")
        ]
        assert json.loads(said[-1])["action"] == "closeSession"
        assert stack.fleet.find("ana") is None and stack.fleet.find("bo") is not None
        (report,) = reports[:1]
        reported = orjson.dumps(report).decode() + caplog.text
        assert (
            SECRET not in reported
            and "KeyError" in reported
            and report.input in ("MessageArrived", "DeadlineReached")
        )
        await stack.until(lambda: stack.live() == 1)


async def test_a_command_that_breaks_it_is_answered(new_stack, monkeypatch):
    async with new_stack() as stack, open_frontend(stack, "?guest=ana") as frontend:
        await live(frontend)
        monkeypatch.setitem(Runner._PERFORM, Accept, broken)
        session_id = stack.fleet.find("ana")
        answers = []
        stack.fleet.give(session_id, Send("c1", "hello"), answers.append)
        assert [one.error.code for one in answers] == ["internal"]
        frames, _ = await heard(frontend)
        assert [one["kind"] for one in frames] == ["session"], (
            "neither accepted nor delivered: it was never recorded"
        )


async def test_a_command_recorded_before_the_bug_is_answered_when_it_is_durable(
    new_stack, monkeypatch
):
    async with new_stack() as stack, open_frontend(stack, "?guest=ana") as frontend:
        await live(frontend)
        session_id = stack.fleet.find("ana")
        answers = []
        stack.fleet.give(session_id, Send("c1", "hello"), answers.append)
        monkeypatch.setitem(machine_module._STEPS, s.Unknown, (broken, None, True))
        stack.fleet._runners[session_id].feed(s.Unknown("x"))
        frames, _ = await heard(frontend)
        assert [(one.accepted, one.seq) for one in answers] == [(True, frames[0]["seq"])]
        assert [one["kind"] for one in frames] == ["accepted", "delivery", "session"]
        assert frames[1]["status"] == "failed"


async def test_a_caller_whose_answer_raises_ends_no_session(new_stack):
    async with new_stack() as stack, open_frontend(stack, "?guest=ana") as frontend:
        await live(frontend)
        stack.fleet.give(stack.fleet.find("ana"), Send("c1", "hello"), broken)
        assert (await frame(frontend, kind="delivery"))["status"] == "confirmed"


async def test_a_decoder_that_raises_costs_one_frame(new_stack):
    async with new_stack() as stack, open_frontend(stack, "?guest=ana") as frontend:
        await live(frontend)
        bench = stack.fleet._context
        decode, bench.decode = bench.decode, broken
        next(iter(stack.emulator.connections.values())).write(b"{}")
        from guestd.model.effects import SessionCounter

        await stack.until(lambda: stack.metrics.session_counts.get(SessionCounter.GARBAGE))
        bench.decode = decode
        await frontend.send(
            json.dumps({"action": "send", "text": "still here", "command_id": "c1"})
        )
        assert (await frame(frontend, kind="delivery"))["status"] == "confirmed"


def test_reports_are_few_private_and_the_newest(tmp_path):
    reports = Reports(tmp_path)
    for n in range(REPORTS_MAX + 5):
        reports.keep(f"break-{'zyx'[n % 3]}-{1000 + n}.json", b"{}")
    kept = sorted((tmp_path / "reports").iterdir(), key=lambda path: path.stem.rpartition("-")[2])
    assert [path.stem.rpartition("-")[2] for path in kept] == [
        str(1005 + n) for n in range(REPORTS_MAX)
    ]
    assert {path.stat().st_mode & 0o777 for path in kept} == {0o600}
    assert (tmp_path / "reports").stat().st_mode & 0o777 == 0o700


def test_a_report_that_cannot_be_written_is_said_and_nothing_more(tmp_path, caplog):
    (tmp_path / "reports").write_text("a file where the folder should be")
    Reports(tmp_path).keep("break-a-1.json", b"{}")
    assert "could not be written" in caplog.text


def test_a_shape_repeats_no_value():
    value = s.MessageArrived(
        SECRET, "Inbound", "Text", text=SECRET, content=[{SECRET: [SECRET, 12345678]}]
    )
    reported = orjson.dumps(shape_of(value)).decode()
    assert (
        SECRET not in reported
        and "12345678" not in reported
        and f"text of {len(SECRET)} characters" in reported
    )
