"""What was seen beside what is recorded: planted faults are found, each once, and nothing else."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestd.load.measure.reconcile import (
    LEAVING_MS,
    GuestView,
    MessageOnRecord,
    OwnMessage,
    SeenMessage,
    reconcile,
    reconcile_all,
)
from guestd.load.results import TranscriptEntry

START_MS = 1_000_000


def bot(number: int, time_ms: int | None = None) -> MessageOnRecord:
    at = START_MS + 1000 * number if time_ms is None else time_ms
    return MessageOnRecord(f"b{number}", "Outbound", f"answer {number}", at)


def mine(number: int, text: str = "") -> MessageOnRecord:
    at = START_MS + 1000 * number + 500
    return MessageOnRecord(f"g{number}", "Inbound", text or f"question {number}", at)


def seen(number: int, late: bool = False) -> SeenMessage:
    return SeenMessage(f"b{number}", f"answer {number}", float(number), late)


def sent(number: int, status: str = "confirmed", text: str = "", id: str = "") -> OwnMessage:
    known = f"g{number}" if status == "confirmed" and not id else id
    return OwnMessage(f"c{number}", text or f"question {number}", number + 0.5, status, known)


def found(shown, given, record, left_ms=None) -> list[tuple[str, bool, str]]:
    view = GuestView("parcel-1", "parcel", "conversation", shown, given, left_ms)
    findings = reconcile(view, record, START_MS).findings
    return [(one.kind, one.own, one.text) for one in findings]


def test_what_is_as_recorded_is_no_finding():
    assert found([seen(1), seen(2)], [sent(1)], [bot(1), mine(1), bot(2)]) == []
    assert found([], [], []) == []


def test_a_message_that_was_not_shown_is_lost():
    view = GuestView("parcel-1", "parcel", "conversation", [seen(1), seen(3)], [])
    findings = reconcile(view, [bot(1), bot(2), bot(3)], START_MS)
    (lost,) = findings.findings
    assert (lost.kind, lost.own, lost.text, lost.at_s) == ("lost", False, "answer 2", 2.0)
    assert lost.what == "lost: “answer 2” is in the platform's record, but not shown"
    assert findings.why == "lost"
    (entry,) = findings.entries()
    assert (entry.kind, entry.at_s, entry.text) == ("lost", 2.0, lost.what)


def test_what_was_written_while_the_guest_was_leaving_is_not_lost():
    left_ms = START_MS + 3500
    record = [bot(1), bot(2), bot(3), bot(9)]
    assert found([seen(1)], [], record, left_ms) == [("lost", False, "answer 2")]
    assert found([seen(1), seen(2)], [], [bot(1), bot(2)], START_MS + LEAVING_MS) == []


def test_an_own_message_that_was_under_way_at_the_reading_is_no_loss():
    def under_way(number, status):
        return replace(sent(number, status), under_way=True)

    given = [under_way(1, "confirmed"), under_way(2, "failed"), under_way(3, "uncertain")]
    assert found([], given, []) == [("uncertain", True, "question 3")]
    assert found([], [under_way(1, "confirmed")], [mine(1)]) == []
    assert found([], [sent(1), under_way(2, "confirmed")], [mine(2)]) == [
        ("lost", True, "question 1")
    ]


def test_a_message_that_was_shown_again_is_doubled_once_for_each_time():
    shown = [seen(1), seen(1), seen(2), seen(1)]
    assert found(shown, [], [bot(1), bot(2)]) == [("doubled", False, "answer 1")] * 2


@pytest.mark.parametrize(
    ("shown", "moved"),
    [
        ([2, 1, 3], ["answer 2"]),
        ([2, 3, 1], ["answer 1"]),
        ([3, 1, 2], ["answer 3"]),
        ([2, 1, 4, 3], ["answer 2", "answer 4"]),
        ([1, 2, 3, 4], []),
        ([1, 3, 4], []),
    ],
)
def test_the_fewest_messages_are_called_reordered(shown, moved):
    record = [bot(number) for number in shown]
    record.sort(key=lambda message: message.time_ms)
    findings = found([seen(number) for number in shown], [], record)
    assert sorted(findings) == [("reordered", False, text) for text in moved]


def test_messages_of_the_same_millisecond_have_no_order():
    record = [bot(1, START_MS), bot(2, START_MS)]
    assert found([seen(2), seen(1)], [], record) == []


def test_a_message_marked_as_late_is_told_so():
    view = GuestView("g", "s", "c", [seen(2), seen(3), seen(1, late=True)], [])
    (one,) = reconcile(view, [bot(1), bot(2), bot(3)], START_MS).findings
    assert one.what == "reordered: “answer 1” was shown out of its place, and marked as late"


def test_what_the_record_does_not_have_yet_was_shown_is_no_finding():
    assert found([seen(1), seen(7)], [], [bot(1)]) == []


def test_an_own_message_that_was_confirmed_but_is_not_recorded_is_lost():
    assert found([], [sent(1), sent(2)], [mine(1)]) == [("lost", True, "question 2")]


def test_an_own_message_that_is_recorded_once_more_is_doubled():
    record = [mine(1), mine(2, "question 1")]
    assert found([], [sent(1)], record) == [("doubled", True, "question 1")]


def test_the_same_text_given_twice_is_not_doubled():
    record = [mine(1, "yes"), mine(2, "yes")]
    assert found([], [sent(1, text="yes"), sent(2, text="yes")], record) == []
    assert found([], [sent(1, text="yes"), sent(2, text="yes")], record[:1]) == [
        ("lost", True, "yes")
    ]


def test_ids_that_the_history_words_otherwise_are_found_by_their_text():
    assert found([], [sent(1, id="other")], [mine(1)]) == []


def test_what_is_recorded_besides_and_was_never_given_is_no_double():
    assert found([], [sent(1)], [mine(1), mine(2, "a presence event")]) == []


@pytest.mark.parametrize("status", ["uncertain", ""])
def test_what_became_of_an_uncertain_message_is_told(status):
    view = GuestView("g", "s", "c", [], [sent(1, status), sent(2, status)])
    taken, not_taken = reconcile(view, [mine(1)], START_MS).findings
    assert taken.kind == not_taken.kind == "uncertain"
    assert taken.what.endswith("the platform has it")
    assert not_taken.what.endswith("the platform does not have it")


def test_a_message_reported_as_failed_that_was_taken_is_uncertain():
    assert found([], [sent(1, "failed")], [mine(1)]) == [("uncertain", True, "question 1")]
    assert found([], [sent(1, "failed")], []) == []


def test_confirmed_messages_take_the_recorded_text_before_uncertain_ones():
    given = [sent(1, "uncertain", text="yes"), sent(2, text="yes", id="other")]
    (one,) = reconcile(GuestView("g", "s", "c", [], given), [mine(1, "yes")], START_MS).findings
    assert one.kind == "uncertain" and one.what.endswith("does not have it")


def test_a_long_text_is_cut_in_the_words():
    long = MessageOnRecord("b1", "Outbound", "x" * 500, START_MS)
    (lost,) = reconcile(GuestView("g", "s", "c", [], []), [long], START_MS).findings
    assert len(lost.what) < 150


def test_a_conversation_is_reported_with_what_was_found_in_its_place():
    view = GuestView("parcel-1", "parcel", "conversation", [seen(1), seen(1), seen(3)], [])
    findings = reconcile(view, [bot(1), bot(2), bot(3)], START_MS)
    lines = [TranscriptEntry(at_s=at_s, who="bot", text="…") for at_s in (0.5, 1.5, 3.0)]
    report = findings.report("passed", lines)
    assert (report.guest, report.why, report.outcome) == ("parcel-1", "lost", "passed")
    assert report.what.startswith("lost: “answer 2”")
    assert [line.kind for line in report.transcript] == ["text", "doubled", "text", "lost", "text"]


def conversation(draw_lost: int, draw_doubled: int, swaps: int, number: int):
    """Ten messages each way of which so many are lost, doubled and swapped, none of them twice."""
    places = list(range(1, 21, 2))
    random.Random(number).shuffle(places)
    shown = [seen(place) for place in range(1, 22)]
    taken = iter(places)
    lost = {next(taken) for _ in range(draw_lost)}
    doubled = {next(taken) for _ in range(draw_doubled)}
    swapped = {next(taken) for _ in range(swaps)}
    told: list[SeenMessage] = []
    for message in shown:
        place = int(message.message_id[1:])
        told += [message] * (0 if place in lost else 2 if place in doubled else 1)
    for place in swapped:
        at = told.index(seen(place))
        told[at], told[at + 1] = told[at + 1], told[at]
    view = GuestView(f"guest-{number}", "s", f"c{number}", told, [sent(1)])
    return view, [mine(1), *(bot(place) for place in range(1, 22))]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3)), max_size=5))
def test_planted_faults_are_counted_exactly(planted):
    run = reconcile_all(
        [conversation(*faults, number) for number, faults in enumerate(planted)], START_MS
    )
    assert run.conversations == len(planted)
    assert run.messages == 22 * len(planted)
    for place, kind in enumerate(("lost", "doubled", "reordered")):
        assert run.counts[kind] == sum(faults[place] for faults in planted)
    assert run.counts["uncertain"] == 0
    with_faults = [f"guest-{number}" for number, faults in enumerate(planted) if any(faults)]
    assert [one.guest for one in run.listed] == with_faults
