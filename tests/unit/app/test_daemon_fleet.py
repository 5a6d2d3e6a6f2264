"""The guest sessions of a daemon as a load run has them, over a client that does as it is told."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import orjson
import pytest

from guestd.app.control_client import ApiRefusal
from guestd.app.load_runs import daemon_fleet
from guestd.app.load_runs.daemon_fleet import DaemonFleet
from guestd.model.commands import End, Send
from guestd.model.errors import NotFound, PlatformUnavailable
from guestd.model.ports import OpenGuest

INFO, LIST, EVENTS = "/v1/info", "/v1/sessions", "/v1/sessions/s1/events"


def event(seq, kind="message", **more):
    return {"seq": seq, "kind": kind, **more}


def streamed(one):
    data = orjson.dumps({"session_id": "s1", "event": one})
    return b"event: %b\ndata: %b\n\n" % (one["kind"].encode(), data)


def page(*events):
    return {"events": list(events), "more": False}


class ToldClient:
    """Answers each path with what was given for it, in order, the last for ever; an exception is
    raised. The stream has what is `put`; None cuts it."""

    def __init__(self, **answers):
        self.answers = {
            INFO: [{"started_at": "then"}],
            LIST: [{"sessions": [], "next": None}],
            **answers,
        }
        self.asked = []
        self.queue = asyncio.Queue()
        self.streams = 0

    async def ask(self, method, path, body=None, query=None, headers=None, data=None):
        self.asked.append((method, path))
        await asyncio.sleep(0)
        key = f"{method} {path}" if f"{method} {path}" in self.answers else path
        found = self.answers[key]
        one = found.pop(0) if len(found) > 1 else found[0]
        if isinstance(one, Exception):
            raise one
        return one

    @asynccontextmanager
    async def stream(self, path, query):
        assert query == {"attribute": "guestd_run:r1"}
        self.streams += 1

        async def chunks():
            while (chunk := await self.queue.get()) is not None:
                yield chunk

        yield chunks()

    def put(self, *events):
        for one in events:
            self.queue.put_nowait(streamed(one))

    def cut(self):
        self.queue.put_nowait(None)


class Heard:
    def __init__(self):
        self.rows = []

    def offer(self, row):
        self.rows.append(row)

    def over(self):
        pass

    @property
    def seqs(self):
        return [one.seq for one in self.rows]

    def known(self, name, session_id):
        self.named = name, session_id

    def not_opened(self, name, code, reason):
        self.refusal = name, code, reason

    def refused(self, code, reason):
        self.refusal = "", code, reason


async def until(so):
    async with asyncio.timeout(10.0):
        while not so():
            await asyncio.sleep(0)


@asynccontextmanager
async def playing(client, monkeypatch):
    """One guest is open; its fleet, and what it has heard."""
    monkeypatch.setattr(daemon_fleet, "PAUSE_S", 0.0)
    client.answers.setdefault("POST /v1/sessions", [{"session_id": "s1", "seq": 0}])
    heard = Heard()
    fleet = DaemonFleet(client, "r1", "guestd_run:r1", heard)
    await fleet.start("then")
    try:
        name = fleet.open(OpenGuest("ana"))
        fleet.watch(name, heard)
        yield fleet, name, heard
    finally:
        await fleet.stop()


def moved(seq):
    return {"sessions": [{"session_id": "s1", "seq": seq}], "next": None}


async def test_a_cut_is_made_good_though_an_old_connection_fails_and_an_event_is_not_durable(
    monkeypatch,
):
    client = ToldClient(**{EVENTS: [page(event(1), event(2))]})
    client.answers[INFO] = [PlatformUnavailable("reset"), {"started_at": "then"}]
    client.answers[LIST] = [moved(3)]  # 3 is recorded, and not durable yet
    async with playing(client, monkeypatch) as (fleet, name, heard):
        client.put(event(1))
        await until(lambda: heard.seqs == [1])
        client.cut()
        await until(lambda: heard.seqs == [1, 2])
        client.put(event(2), event(3))
        await until(lambda: heard.seqs == [1, 2, 3])
        assert (fleet.cuts, client.streams, fleet.events.missed) == (1, 2, 0)
        assert heard.named == (name, "s1")


async def test_an_end_that_came_during_a_cut_is_read(monkeypatch):
    ended = event(2, "session", state="ended", reason="finished")
    client = ToldClient(**{EVENTS: [PlatformUnavailable("reset"), page(ended)]})
    async with playing(client, monkeypatch) as (fleet, name, heard):
        client.put(event(1))
        await until(lambda: heard.seqs == [1])
        client.cut()
        await until(lambda: heard.seqs == [1, 2])
        with pytest.raises(NotFound):
            fleet.give(name, End("e"), lambda answer: None)


@pytest.mark.parametrize(("started", "reason"), [("then", "finished"), ("later", "daemon_forgot")])
async def test_a_session_that_the_daemon_does_not_know_any_more_is_over(
    monkeypatch, started, reason
):
    gone = ApiRefusal({"status": 404, "code": "not_found", "detail": "no such session"})
    client = ToldClient(**{EVENTS: [gone], "DELETE /v1/sessions/s1": [{"seq": 2}]})
    async with playing(client, monkeypatch) as (fleet, name, heard):
        client.put(event(1))
        await until(lambda: heard.seqs == [1])
        answers = []
        fleet.give(name, End("e"), answers.append)
        await until(lambda: answers)
        client.answers[INFO] = [{"started_at": started}]
        client.cut()
        await until(lambda: len(heard.rows) == 2)
        assert orjson.loads(heard.rows[1].payload) == {"state": "ended", "reason": reason}


async def test_what_one_guest_wants_is_asked_in_order_and_again_while_nothing_answers(monkeypatch):
    lost, accepted = PlatformUnavailable("reset"), {"seq": 4}
    path = "POST /v1/sessions/s1/messages"
    client = ToldClient(**{path: [lost, lost, accepted]})
    client.answers["POST /v1/sessions"] = [lost, {"session_id": "s1", "seq": 0}]
    async with playing(client, monkeypatch) as (fleet, name, _):
        answers = []
        fleet.give(name, Send("c1", "a"), answers.append)
        fleet.give(name, Send("c2", "b"), answers.append)
        await until(lambda: len(answers) == 2)
        assert [one.accepted for one in answers] == [True, True]
    posts = [path for method, path in client.asked if method == "POST"]
    assert posts == ["/v1/sessions"] * 2 + ["/v1/sessions/s1/messages"] * 4


async def test_an_opening_that_was_heeded_before_its_answer_was_lost_is_found(monkeypatch):
    taken = ApiRefusal({"status": 409, "code": "conflict", "detail": "the name is taken"})
    client = ToldClient(**{"GET /v1/sessions/ana.r1": [{"session_id": "s1", "seq": 0}]})
    client.answers["POST /v1/sessions"] = [PlatformUnavailable("reset"), taken]
    async with playing(client, monkeypatch) as (_, name, heard):
        client.put(event(1))
        await until(lambda: heard.seqs == [1])
        assert heard.named == (name, "s1")


async def test_a_refused_opening_is_told_and_ends_its_session(monkeypatch):
    full = ApiRefusal({"status": 429, "code": "limit_exceeded", "detail": "max_sessions is 1"})
    client = ToldClient()
    client.answers["POST /v1/sessions"] = [full]
    async with playing(client, monkeypatch) as (fleet, name, heard):
        await until(lambda: heard.rows)
        assert heard.refusal[:2] == (name, "limit_exceeded")
        assert "raise limits.max_sessions" in heard.refusal[2]
        assert orjson.loads(heard.rows[0].payload)["reason"] == "limit_exceeded"
        assert fleet.events.all_over.is_set()
