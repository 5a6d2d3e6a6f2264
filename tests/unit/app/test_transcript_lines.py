"""Events as lines of a transcript, and times as people read them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from guestd.app.commands.readable import ago, fact_lines, span, until
from guestd.app.commands.transcript_lines import TranscriptLines

NOON = "2026-11-29T12:00:00.000Z"


def message(seq, text="", time=NOON, **more):
    return {"kind": "message", "seq": seq, "direction": "Outbound", "sender": "Leo", "text": text,
            "time": time, **more}  # fmt: skip


@pytest.fixture(autouse=True)
def _in_utc(monkeypatch):
    import time

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_a_message_has_its_time_and_the_day_is_said_where_it_changes():
    transcript = TranscriptLines()
    assert transcript.lines(message(1, "hi")) == ["        2026-11-29", "     1  12:00:00  Leo: hi"]
    assert transcript.lines(message(2, "ho")) == ["     2  12:00:00  Leo: ho"]
    tomorrow = message(3, "he", time="2026-11-30T00:00:01.000Z")
    assert transcript.lines(tomorrow)[0] == "        2026-11-30"


def test_files_and_offers_are_shown():
    file = {"attachment": {"filename": "a.pdf", "fileSize": 2000, "mime": "application/pdf"}}
    offers = [{"contentType": "QuickReply", "quickReply": {"text": one}} for one in ("Yes", "No")]
    lines = TranscriptLines().lines(message(1, "", content=[file, *offers]))
    assert lines[1] == "     1  12:00:00  Leo: [file] a.pdf, 2.0 kB, application/pdf"
    assert lines[2].strip() == "offered: Yes | No"


def delivery(status, command="c1", reason="", **more):
    return {"kind": "delivery", "seq": 3, "command_id": command, "status": status,
            "reason": reason, **more}  # fmt: skip


def accepted(text, command="c1", action="send"):
    return {"kind": "accepted", "seq": 2, "command_id": command, "action": action, "text": text}


def said(transcript, event):
    return [line[18:] for line in transcript.lines(event)]


def test_a_confirmation_is_said_only_of_what_was_in_doubt():
    transcript = TranscriptLines()
    assert transcript.lines(delivery("confirmed")) == []
    assert "is uncertain (command_id c1)" in transcript.lines(delivery("uncertain"))[0]
    assert "(c1: confirmed)" in transcript.lines(delivery("confirmed"))[0]
    assert transcript.lines(delivery("confirmed", "c2")) == []


@pytest.mark.parametrize("status", ["uncertain", "failed"])
def test_a_message_that_did_not_surely_arrive_is_shown_with_its_text_and_why(status):
    transcript = TranscriptLines()
    assert transcript.lines(accepted("m2")) == []
    assert said(transcript, delivery(status, reason="it broke")) == [
        f"guest: m2 ({status}: it broke)"
    ]
    assert said(transcript, delivery("confirmed")) == ["('m2': confirmed)"]


def test_a_message_whose_text_is_not_known_is_told_by_its_command():
    transcript = TranscriptLines()
    assert said(transcript, delivery("uncertain", reason="it broke")) == [
        "a message of the guest is uncertain: it broke (command_id c1)"
    ]
    failed = delivery("failed", reason="refused", platform_status=400)
    assert said(transcript, failed) == [
        "a message of the guest failed: refused: the platform's status 400 (command_id c1)"
    ]
    transcript.lines(accepted("", action="attach"))
    assert said(transcript, failed)[0].startswith("a file of the guest failed: ")


def test_events_without_a_time_keep_their_place():
    event = {"kind": "session", "seq": 7, "state": "live", "reason": ""}
    assert TranscriptLines().lines(event) == ["     7            (session live)"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-3, "0s"), (4, "4s"), (725, "12m 5s"), (11_100, "3h 5m"), (180_000, "2d 2h")],
)
def test_a_span_is_said_in_its_largest_units(seconds, text):
    assert span(seconds) == text


def test_ages_and_expiries_count_from_now():
    now = datetime(2026, 11, 29, 12, 1, tzinfo=UTC)
    assert (ago(NOON, now), until(NOON, now), ago(None, now)) == ("1m 0s", "0s", "-")


def test_facts_are_readable():
    found = {"started_ms": 1_795_267_774_728, "result": {"guest": {"id": "g"}}, "steps": ["a", "b"]}
    assert fact_lines(found) == [
        "started  2026-11-21 13:29:34 UTC",
        "result",
        "  guest",
        "    id  g",
        "steps",
        "  a",
        "  b",
    ]
