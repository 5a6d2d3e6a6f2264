"""A load run through a running daemon: what needs no daemon to be tested."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
import typer

from guestd.app.commands.load_arguments import check_together, daemon_url, run_places
from guestd.app.load_runs import daemon_events as e
from guestd.app.load_runs import daemon_requests as r
from guestd.model.commands import Attach, Context, End, Reply, Send, Typing
from guestd.model.errors import CommandError
from guestd.model.guest_names import is_guest_name
from guestd.model.journal import EventRow
from guestd.model.ports import OpenGuest


class Heard:
    def __init__(self):
        self.seqs = []

    def offer(self, row):
        self.seqs.append(row.seq)

    def over(self):
        pass


def row(seq, session_id="s1", kind="message", **fields):
    payload = orjson.dumps({"seq": seq, "kind": kind, **fields})
    return EventRow(session_id, seq, kind, payload, "", b"")


def ended(seq, session_id="s1"):
    return row(seq, session_id, "session", state="ended")


def listened(events, name="ana", session_id="s1"):
    session, heard = events.begun(name), Heard()
    session.watcher = heard
    if session_id:
        assert events.opened(session, session_id)
    return session, heard


class TestEvents:
    def test_each_is_handed_on_once_and_in_order(self):
        events = e.DaemonEvents()
        _, heard = listened(events)
        for seq in (1, 2, 2, 1, 3):
            assert events.take(row(seq)) is None
        assert heard.seqs == [1, 2, 3] and events.doubles == 2 and not events.missed

    def test_after_a_hole_the_session_is_read_from_where_it_stands(self):
        events = e.DaemonEvents()
        session, heard = listened(events)
        events.take(row(1))
        assert events.take(row(4)) is session and heard.seqs == [1] and session.is_behind
        events.take_read(session, [row(2), row(3)])
        assert session.is_behind  # 4 came by the stream while it was read, and is read again
        events.take_read(session, [row(4)])
        assert heard.seqs == [1, 2, 3, 4] and not session.is_behind and not events.missed

    def test_what_comes_by_both_ways_is_heard_once(self):
        events = e.DaemonEvents()
        session, heard = listened(events)
        events.take_read(session, [row(1), row(2)])
        events.take(row(2))
        events.take(row(3))
        events.take_read(session, [row(3), row(4)])
        assert heard.seqs == [1, 2, 3, 4]

    def test_what_comes_before_the_answer_of_the_opening_is_kept_for_it(self):
        events = e.DaemonEvents()
        session, heard = listened(events, session_id="")
        events.take(row(1))
        events.take(row(2))
        assert heard.seqs == []
        assert events.opened(session, "s1") and heard.seqs == [1, 2]

    def test_when_too_much_comes_early_openings_are_read(self, monkeypatch):
        monkeypatch.setattr(e, "EARLY_MAX", 2)
        events = e.DaemonEvents()
        session, heard = listened(events, session_id="")
        for seq in (1, 2, 3):
            events.take(row(seq))
        assert not events.opened(session, "s1") and heard.seqs == []
        events.take_read(session, [row(1), row(2), row(3)])
        assert heard.seqs == [1, 2, 3]

    def test_events_that_the_daemon_did_not_keep_are_counted(self):
        events = e.DaemonEvents()
        session, heard = listened(events)
        events.take(row(9))
        events.take_read(session, [row(5), row(6)])
        assert heard.seqs == [5, 6] and events.missed == 4
        events.skip(session)
        assert not session.is_behind and events.missed == 7
        events.take(row(10))
        assert heard.seqs == [5, 6, 10]

    def test_an_end_is_the_last_that_is_heard(self):
        events = e.DaemonEvents()
        session, heard = listened(events)
        events.take(ended(1))
        events.take(row(2))
        events.take_read(session, [row(2)])
        assert heard.seqs == [1] and session.is_over and events.all_over.is_set()
        assert events.living() == [] and not events.by_name

    def test_an_end_that_no_event_tells_is_told_once(self):
        events = e.DaemonEvents()
        session, heard = listened(events)
        assert not events.all_over.is_set()
        events.over(session, e.AWAY)
        events.over(session, e.FORGOTTEN)
        assert heard.seqs == [1] and events.all_over.is_set()


class TestStream:
    TEXT = (
        b'event: session\ndata: {"session_id":"s1","event":{"seq":1,"kind":"session"}}\n\n'
        b": beat\n\n"
        b'event: message\ndata: {"session_id":"s2","event":{"seq":7,"kind":"message","text":"a"}}'
        b'\n\nevent: closed\ndata: {"kind":"closed","reason":"too slow"}\n\n'
    )

    @pytest.mark.parametrize("size", [1, 7, 64, 1000])
    def test_rows_are_those_of_the_stream_however_it_is_cut(self, size):
        reader, rows = e.StreamReader(), []
        for start in range(0, len(self.TEXT), size):
            rows += reader.rows(self.TEXT[start : start + size])
        assert [(one.session_id, one.seq, one.kind) for one in rows] == [
            ("s1", 1, "session"),
            ("s2", 7, "message"),
        ]
        assert orjson.loads(rows[1].payload)["text"] == "a"

    def test_a_page_gives_the_same_rows(self):
        (found,) = e.rows_of_page("s1", [{"seq": 3, "kind": "typing", "on": True}])
        assert (found.session_id, found.seq, found.kind) == ("s1", 3, "typing")


class TestRequests:
    def test_a_guest_is_opened_under_the_name_of_its_run(self):
        guest = OpenGuest("ana", "a@x", {"a": "b"}, {"m": 1}, None, "Ana")
        asked = r.opening(guest, r.remote_name("ana", "r1"))
        assert (asked.method, asked.url("")) == ("POST", "/v1/sessions")
        assert asked.headers == {"Idempotency-Key": "ana.r1"}
        assert asked.body == {
            "name": "ana.r1",
            "email": "a@x",
            "attributes": {"a": "b"},
            "metadata": {"m": 1},
            "display_name": "Ana",
        }

    def test_a_long_name_stays_a_name(self):
        assert is_guest_name(r.remote_name("x" * 64, "0011aabb"))

    @pytest.mark.parametrize(
        ("command", "method", "path", "body"),
        [
            (Send("c", "hi"), "POST", "/messages", {"command_id": "c", "text": "hi"}),
            (
                Send("c", "hi", {"a": "b"}, "queue"),
                "POST",
                "/messages",
                {"command_id": "c", "text": "hi", "attributes": {"a": "b"}, "when_down": "queue"},
            ),
            (Typing("c"), "POST", "/typing", None),
            (End("c"), "DELETE", "", None),
        ],
    )
    def test_a_command_is_a_request_that_may_be_made_again(self, command, method, path, body):
        asked = r.request_of(command)
        assert (asked.method, asked.url("s1")) == (method, f"/v1/sessions/s1{path}")
        assert asked.body == body
        assert asked.headers == ({} if body else {"Idempotency-Key": "c"})

    def test_a_choice_names_the_message_that_offered_it(self):
        asked = r.request_of(Reply("c", "Button", (("Yes", "y"),), "m-1"))
        assert asked.body["reply"] == {
            "type": "Button",
            "choices": [{"text": "Yes", "payload": "y"}],
            "in_reply_to": "m-1",
        }

    def test_a_file_goes_as_its_bytes(self):
        asked = r.request_of(Attach("c", "a.png", "image/png", 3, "/x/a.png", "look", "queue"))
        assert asked.file == "/x/a.png" and asked.query == {
            "filename": "a.png",
            "caption": "look",
            "when_down": "queue",
        }
        assert asked.headers == {"Idempotency-Key": "c", "Content-Type": "image/png"}

    def test_what_no_guest_asks_for_is_refused(self):
        with pytest.raises(CommandError):
            r.request_of(Context("c", {}))

    def test_a_refusal_says_what_helps(self):
        problem = {"status": 429, "code": "limit_exceeded", "detail": "limits.max_sessions is 5"}
        refusal = r.refusal_of(problem)
        assert refusal.code == "limit_exceeded" and "raise limits.max_sessions" in str(refusal)

    @pytest.mark.parametrize(
        ("status", "code", "after_s"),
        [
            (503, "overloaded", 1.0),
            (503, "journal_slow", 1.0),
            (503, "draining", None),
            (429, "overloaded", None),
            (401, "unauthorized", None),
        ],
    )
    def test_only_a_passing_bound_is_worth_another_try(self, status, code, after_s):
        assert r.passes({"status": status, "code": code}) == after_s


class TestUsage:
    @pytest.mark.parametrize("url", ["ftp://h", "http://", "http://h/v1", ""])
    def test_what_is_no_address_is_refused_with_a_remedy(self, url):
        with pytest.raises(typer.BadParameter, match=r"; write .*http://h"):
            daemon_url(url)

    def test_an_address_is_taken_without_its_slash(self):
        assert daemon_url("localhost:3000") == "http://localhost:3000"
        assert daemon_url("http://localhost:3000/") == "http://localhost:3000"
        assert daemon_url(None) == ""

    @pytest.mark.parametrize(
        ("given", "says"),
        [
            ((2, "parcel-1", None, {}, 0), "leave out --workers 2"),
            ((2, None, "http://h", {}, 0), "leave it out"),
            ((1, None, "http://h", {"platform.region": "x"}, 0), "set platform.region"),
            ((1, None, "http://h", {}, 60), "set admission.connects_per_minute"),
        ],
    )
    def test_options_that_exclude_each_other_are_refused(self, given, says):
        with pytest.raises(typer.BadParameter, match=says):
            check_together(*given)

    def test_a_token_file_without_its_daemon_is_refused(self):
        with pytest.raises(typer.BadParameter, match="--daemon; name that, or leave it out"):
            run_places(None, None, None, Path("token"), None)
        there = run_places(None, None, "http://h", Path("/token"), None)
        assert there["token_file"] == "/token"

    def test_what_goes_together_is_let_through(self):
        check_together(1, "parcel-1", "http://h", {}, 0)
        check_together(4, None, None, {"platform.region": "x"}, 60)
