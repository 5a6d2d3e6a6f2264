"""A line that was sent is known by its command id until the platform has it."""

from __future__ import annotations

from guestd.app.chat.sent_lines import TEXTS_MAX, SentLines


def accepted(command_id, text="", action="send"):
    return {"kind": "accepted", "action": action, "command_id": command_id, "text": text}


def delivery(command_id, status):
    return {"kind": "delivery", "command_id": command_id, "status": status}


def test_the_text_is_known_until_what_became_of_it_is():
    lines = SentLines()
    frame = lines.noted({"action": "send"}, "m2")
    command_id = frame["command_id"]
    assert lines.answered(accepted(command_id, "m2")).text == "m2"
    assert lines.answered({"ok": True, "command_id": command_id}) is None
    assert lines.text_of(delivery(command_id, "uncertain")) == "m2"
    assert lines.text_of(delivery(command_id, "confirmed")) == "m2"
    assert lines.text_of(delivery(command_id, "failed")) == ""


def test_a_reply_is_known_by_what_was_typed_and_another_frontends_by_what_was_accepted():
    lines = SentLines()
    frame = lines.noted({"action": "reply"}, "/1")
    lines.answered(accepted(frame["command_id"], action="reply"))
    lines.answered(accepted("of another", "hello"))
    assert lines.text_of(delivery(frame["command_id"], "failed")) == "/1"
    assert lines.text_of(delivery("of another", "failed")) == "hello"


def test_a_line_whose_answer_was_lost_is_known_too():
    lines = SentLines()
    frame = lines.noted({"action": "send"}, "m2")
    assert [one.text for one in lines.unanswered()] == ["m2"]
    assert lines.text_of(delivery(frame["command_id"], "uncertain")) == "m2"


def test_only_the_last_texts_are_kept():
    lines = SentLines()
    for n in range(TEXTS_MAX + 1):
        lines.answered(accepted(f"c{n}", f"m{n}"))
    assert lines.text_of(delivery("c0", "failed")) == ""
    assert lines.text_of(delivery("c1", "failed")) == "m1"


def test_what_was_refused_or_is_no_message_is_not_kept():
    lines = SentLines()
    refused = lines.noted({"action": "send"}, "m2")["command_id"]
    lines.answered({"error": "too long", "command_id": refused})
    typing = lines.noted({"action": "typing"}, "/typing")["command_id"]
    lines.answered({"ok": True, "command_id": typing})
    assert lines.text_of(delivery(refused, "failed")) == ""
    assert lines.text_of(delivery(typing, "failed")) == ""
