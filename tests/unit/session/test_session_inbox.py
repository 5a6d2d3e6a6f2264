"""The inbox puts any mess into order: hole-free, each once, in bounded memory."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guestd.model.effects import SessionCounter
from guestd.model.signals import OUTBOUND, MessageArrived
from guestd.policy.reorder_delay import ReorderDelay
from guestd.session.inbox import NEVER, ByTime
from guestd.session.inbox_by_sequence import BySequence
from tests.thoroughness import examples


def item(n: int, ms: int) -> MessageArrived:
    return MessageArrived(
        f"m{n}",
        OUTBOUND,
        "Text",
        text=str(n),
        time=f"2027-05-31T09:00:{ms // 1000:02d}.{ms % 1000:03d}Z",
    )


def numbered(sequence: str) -> MessageArrived:
    return MessageArrived(sequence, OUTBOUND, "Text", text=sequence, sequence=sequence)


def drain(inbox: ByTime | BySequence, now: float) -> list[MessageArrived]:
    shown = []
    while inbox.wake_at < NEVER:
        now = max(now, inbox.wake_at)
        shown += [placed.item for placed in inbox.release(now).placed]
    return shown


class TestByTime:
    def test_in_order_traffic_waits_for_nothing(self):
        inbox = ByTime(ReorderDelay(0.0, 0.0, 2000.0), 16, 64)
        assert all(inbox.accept_in_order(item(n, n), float(n)) for n in range(10))

    def test_equal_times_are_two_messages_in_the_order_of_their_arrival(self):
        inbox = ByTime(ReorderDelay(50.0, 50.0, 2000.0), 16, 64)
        for n in range(4):
            inbox.arrive(item(n, 7), 0.0)
        assert [shown.text for shown in drain(inbox, 0.0)] == ["0", "1", "2", "3"]

    def test_a_late_item_is_shown_marked_and_never_dropped(self):
        inbox = ByTime(ReorderDelay(0.0, 0.0, 2000.0), 16, 64)
        inbox.arrive(item(2, 20), 0.0)
        outcome = inbox.arrive(item(1, 10), 0.03)
        placed = outcome.placed or inbox.release(10.0).placed
        assert [(one.item.text, one.late) for one in placed] == [("1", True)]

    def test_a_displacement_seen_once_is_waited_for_from_then_on(self):
        hold = ReorderDelay(0.0, 0.0, 2000.0)
        inbox = ByTime(hold, 16, 64)
        inbox.arrive(item(2, 20), 0.0)
        inbox.arrive(item(1, 10), 0.03)
        drain(inbox, 0.03)
        assert hold.hold_ms >= 60.0
        inbox.arrive(item(4, 40), 1.0)
        inbox.arrive(item(3, 30), 1.03)
        assert [shown.text for shown in drain(inbox, 1.03)] == ["3", "4"]

    def test_a_full_inbox_releases_its_oldest(self):
        inbox = ByTime(ReorderDelay(1000.0, 1000.0, 2000.0), 4, 64)
        shown = [
            placed.item.text for n in range(10) for placed in inbox.arrive(item(n, n), 0.0).placed
        ]
        assert shown == ["0", "1", "2", "3", "4", "5"] and inbox.held == 4

    def test_forgotten_identities_are_not_taken_for_new(self):
        inbox = ByTime(ReorderDelay(0.0, 0.0, 2000.0), 16, 8)
        for n in range(40):
            inbox.accept_in_order(item(n, n * 10), float(n)) or inbox.arrive(
                item(n, n * 10), float(n)
            )
        inbox.begin_backfill()
        history = [item(n, n * 10) for n in range(45)]
        shown = {one.identity for one in history[:40] if inbox.may_have_shown(one)}
        assert shown == {one.identity for one in history[:32]}
        inbox.note_shown(history, shown)
        outcome = inbox.merge(history, 50.0)
        assert [placed.item.text for placed in outcome.placed] == ["40", "41", "42", "43", "44"]

    def test_history_is_the_spine_for_equal_times(self):
        inbox = ByTime(ReorderDelay(0.0, 0.0, 2000.0), 16, 64)
        inbox.begin_backfill()
        for n in (3, 1):
            inbox.arrive(item(n, 5), 0.0)
        outcome = inbox.merge([item(0, 5), item(1, 5), item(2, 5), item(3, 5)], 1.0)
        assert [placed.item.text for placed in outcome.placed] == ["0", "1", "2", "3"]

    @settings(max_examples=examples(150))
    @given(seed=st.integers(0, 2**32), count=st.integers(1, 60), ties=st.booleans())
    def test_any_reordering_within_the_hold_comes_out_in_order_each_once(self, seed, count, ties):
        rng = Random(seed)
        inbox = ByTime(ReorderDelay(100.0, 100.0, 2000.0), 256, 1024)
        items = [item(n, (n // 2 if ties else n) * 20) for n in range(count)]
        arrivals = [(n * 0.02 + rng.random() * 0.09 * (not ties), n) for n in range(count)]
        arrivals += [(at + rng.random(), n) for at, n in arrivals if rng.random() < 0.3]
        shown = []
        for at, n in sorted(arrivals):
            while inbox.wake_at <= at:
                shown += inbox.release(inbox.wake_at).placed
            shown += inbox.arrive(items[n], at).placed
        texts = [placed.item.text for placed in shown] + [one.text for one in drain(inbox, 1000.0)]
        assert texts == [str(n) for n in range(count)]

    def test_the_history_tells_that_one_of_equal_time_belongs_before_what_was_shown(self):
        """Time alone does not tell: the guest's own echo was lost, the agent's answer of the same
        time was shown."""
        inbox = ByTime(ReorderDelay(0.0, 0.0, 2000.0), 16, 64)
        inbox.arrive(item(1, 7), 0.0)
        inbox.begin_backfill()
        outcome = inbox.merge([item(0, 7), item(1, 7), item(2, 7)], 1.0)
        assert [(one.item.text, one.late) for one in outcome.placed] == [("0", True), ("2", False)]

    def test_more_than_is_remembered_arrives_while_a_gap_is_filled(self):
        """What arrived since the gap does not make what is missing from it as old as what was
        forgotten."""
        inbox = ByTime(ReorderDelay(0.0, 0.0, 2000.0), 8, 8)
        inbox.arrive(item(1, 10), 0.0)
        inbox.begin_backfill()
        shown = [one for n in range(3, 40) for one in inbox.arrive(item(n, n * 10), 0.5).placed]
        history = [item(n, n * 10) for n in range(1, 40)]
        assert [one.text for one in history if inbox.may_have_shown(one)] == ["1"]
        inbox.note_shown(history, {"m1"})
        assert not inbox.closes_gap(item(3, 30)) and inbox.closes_gap(item(1, 10))
        shown += inbox.merge(history, 1.0).placed
        assert sorted(int(one.item.text) for one in shown) == list(range(2, 40))
        assert [one.item.text for one in shown if one.late] == ["2"]
        inbox.begin_backfill()
        inbox.note_shown(history, {one.identity for one in history if inbox.may_have_shown(one)})
        assert inbox.merge(history, 2.0).placed == []

    def test_one_of_equal_time_found_after_a_restart_is_late(self):
        inbox = ByTime(ReorderDelay(0.0, 0.0, 2000.0), 16, 64)
        inbox.restore([(item(1, 7).identity, item(1, 7).time)])
        inbox.begin_backfill()
        outcome = inbox.merge([item(0, 7), item(1, 7)], 1.0)
        assert [(one.item.text, one.late) for one in outcome.placed] == [("0", True)]

    def test_after_a_restart_there_may_be_more_than_is_remembered(self):
        items = [item(n, n * 10) for n in range(1, 12)]
        inbox = ByTime(ReorderDelay(0.0, 0.0, 2000.0), 16, 4)
        inbox.restore([(one.identity, one.time) for one in items[6:10]])
        assert inbox.may_have_shown(items[2]) and inbox.may_have_shown(item(99, 70))
        assert not inbox.may_have_shown(items[7]) and not inbox.may_have_shown(items[10])
        whole = ByTime(ReorderDelay(0.0, 0.0, 2000.0), 16, 5)
        whole.restore([(one.identity, one.time) for one in items[6:10]])
        assert not whole.may_have_shown(item(99, 70))

    def test_what_was_held_and_belongs_before_what_was_shown_is_late(self):
        inbox = ByTime(ReorderDelay(0.0, 0.0, 2000.0), 16, 64)
        inbox.arrive(item(1, 7), 0.0)
        inbox.begin_backfill()
        inbox.arrive(item(0, 7), 0.5)
        outcome = inbox.merge([item(0, 7), item(1, 7)], 1.0)
        assert [(one.item.text, one.late) for one in outcome.placed] == [("0", True)]
        assert (SessionCounter.LATE, 1) in outcome.counts

    def test_one_without_a_time_at_the_end_of_the_history_is_not_late(self):
        inbox = ByTime(ReorderDelay(0.0, 0.0, 2000.0), 16, 64)
        inbox.arrive(item(1, 7), 0.0)
        inbox.begin_backfill()
        untimed = MessageArrived("m2", OUTBOUND, "Text", text="2")
        outcome = inbox.merge([item(1, 7), untimed], 1.0)
        assert [(one.item.text, one.late) for one in outcome.placed] == [("2", False)]

    @settings(max_examples=examples(150))
    @given(seed=st.integers(0, 2**32))
    def test_any_mess_with_gaps_and_fills_shows_each_item_once_and_stays_bounded(self, seed):
        rng = Random(seed)
        inbox = ByTime(ReorderDelay(rng.choice([0.0, 30.0]), 0.0, 200.0), 16, 256)
        items = [item(n, rng.choice([n, n // 3]) * 10) for n in range(80)]
        items.sort(key=lambda one: one.time)
        shown: list[str] = []
        lost: set[int] = set()
        now = 0.0
        for n in range(80):
            now += rng.random() * 0.05
            if rng.random() < 0.2:
                lost.add(n)
                inbox.begin_backfill()
                continue
            for _ in range(rng.choice([1, 1, 2])):
                shown += [placed.item.text for placed in inbox.arrive(items[n], now).placed]
            assert inbox.held <= 17
            if rng.random() < 0.2:
                shown += [
                    placed.item.text
                    for placed in inbox.merge(items[max(0, n - 40) : n + 1], now).placed
                ]
        shown += [placed.item.text for placed in inbox.merge(items, now).placed]
        shown += [one.text for one in drain(inbox, now)]
        assert sorted(shown) == sorted(one.text for one in items)


class TestBySequence:
    def test_numbers_compare_as_numbers(self):
        inbox = BySequence(2.0, 16, 64)
        inbox.arrive(numbered("msg-9"), 0.0)
        assert [p.item.text for p in inbox.arrive(numbered("msg-10"), 0.0).placed] == ["msg-10"]

    def test_a_gap_is_waited_for_then_stated(self):
        inbox = BySequence(2.0, 16, 64)
        inbox.arrive(numbered("1"), 0.0)
        assert not inbox.arrive(numbered("3"), 1.0).placed
        assert inbox.wake_at == 3.0
        (placed,) = inbox.release(3.0).placed
        assert placed.gap == ("1", "3")

    def test_a_gap_that_closes_in_time_is_no_gap(self):
        inbox = BySequence(2.0, 16, 64)
        inbox.arrive(numbered("1"), 0.0)
        inbox.arrive(numbered("3"), 0.1)
        placed = inbox.arrive(numbered("2"), 0.2).placed
        assert [(p.item.text, p.gap) for p in placed] == [("2", None), ("3", None)]

    def test_late_is_marked_and_duplicates_are_dropped(self):
        inbox = BySequence(0.0, 16, 64)
        for sequence in ("5", "7"):
            inbox.arrive(numbered(sequence), 0.0)
        late = inbox.arrive(numbered("6"), 1.0)
        assert [(p.item.text, p.late) for p in late.placed] == [("6", True)]
        assert inbox.arrive(numbered("6"), 1.0).counts == [(SessionCounter.DUPLICATE, 1)]

    @staticmethod
    def waits(inbox: BySequence, sequences: list[str], now: float) -> list[tuple[float, object]]:
        """How long each number was held, and the gap that was told before it."""
        found = []
        for sequence in sequences:
            placed = inbox.arrive(numbered(sequence), now).placed
            began = now
            if not placed:
                now = inbox.wake_at
                placed = inbox.release(now).placed
            (one,) = placed
            found.append((round(now - began, 3), one.gap))
        return found

    def test_sock_5_each_gap_is_told_and_waited_for_half_as_long_as_the_one_before(self):
        """Numbers that jump by nature: a true gap each time, but no long waits."""
        inbox = BySequence(2.0, 16, 64)
        jumps = [str(n) for n in range(10, 100, 10)]
        gaps = list(pairwise(jumps))
        held_s = [2.0, 1.0, 0.5, 0.25, 0.125, 0.1, 0.1, 0.1]
        waits = self.waits(inbox, jumps, 5.0)
        inbox.arrive(numbered("95"), 100.0)
        wake_at = [inbox.wake_at]
        placed = inbox.arrive(numbered("91"), 100.05).placed
        wake_at.append(inbox.wake_at)  # there is disorder again, so it is waited for again
        found = [(p.item.text, p.gap, p.late) for p in placed]
        assert (waits, wake_at, found) == (
            [(0.0, None), *zip(held_s, gaps, strict=True)],
            pytest.approx([100.1, 102.0]),
            [("91", None, False)],
        )

    @pytest.mark.parametrize("way", ["in order", "late", "connection"])
    def test_sock_5_the_whole_wait_comes_back(self, way):
        """After some messages in order, one that came after all, or with a new connection."""
        inbox = BySequence(2.0, 16, 64)
        self.waits(inbox, ["10", "20", "30"], 0.0)
        if way == "in order":
            self.waits(inbox, ["31", "32", "33", "34"], 10.0)
            found = self.waits(inbox, ["40"], 20.0)
            self.waits(inbox, ["41", "42", "43", "44", "45"], 30.0)
        elif way == "late":
            found = [one.late for one in inbox.arrive(numbered("25"), 10.0).placed]
        else:
            found = inbox.connection_lost()
        ((wait_s, _),) = self.waits(inbox, ["50"], 40.0)
        expected = {"in order": [(0.5, ("34", "40"))], "late": [True], "connection": None}
        assert (found, wait_s) == (expected[way], 2.0)

    def test_sock_5_before_the_first_number_is_known_messages_wait_for_those_before_them(self):
        """In one burst: 3, 1, 2. Nothing tells that the first is not the first."""
        inbox = BySequence(2.0, 16, 64, ReorderDelay(100.0, 0.0, 2000.0))
        at_once = [
            *inbox.arrive(numbered("3"), 0.0).placed,
            *inbox.arrive(numbered("1"), 0.01).placed,
            *inbox.arrive(numbered("2"), 0.02).placed,
        ]
        then = inbox.release(0.1).placed + inbox.arrive(numbered("4"), 0.2).placed
        found = at_once, [(one.item.text, one.late, one.gap) for one in then]
        assert found == ([], [(text, False, None) for text in "1234"])

    def test_sock_5_the_first_message_waits_no_longer_than_the_hold(self):
        """However many come before it, each within the time of the one that came last; and no
        longer than there is room."""
        inbox = BySequence(2.0, 16, 64, ReorderDelay(100.0, 0.0, 2000.0))
        for n in range(9):
            inbox.arrive(numbered(f"{90 - n}"), n * 0.012)
        small = BySequence(2.0, 2, 64, ReorderDelay(100.0, 0.0, 2000.0))
        of_small = [len(small.arrive(numbered(f"{n}"), 0.0).placed) for n in (9, 8, 7)]
        assert (len(inbox.release(0.1).placed), of_small) == (9, [0, 0, 3])

    def test_sock_5_the_first_message_does_not_wait_where_traffic_is_in_order(self):
        seen = ReorderDelay(100.0, 0.0, 2000.0, trust_after=20)
        before = BySequence(2.0, 16, 64, seen)
        for n in range(1, 25):
            before.arrive(numbered(str(n)), float(n))
        assert BySequence(2.0, 16, 64, seen).arrive(numbered("1"), 30.0).placed
        before.arrive(numbered("26"), 31.0)
        before.arrive(numbered("25"), 31.2)
        inbox = BySequence(2.0, 16, 64, seen)
        assert not inbox.arrive(numbered("2"), 40.0).placed
        assert inbox.wake_at == pytest.approx(40.41), "twice what was seen"

    def test_no_gap_is_told_before_the_first_message(self):
        inbox = BySequence(0.0, 16, 64, ReorderDelay(100.0, 0.0, 2000.0))
        assert not inbox.arrive(numbered("3"), 0.0).placed
        assert [(p.item.text, p.gap) for p in inbox.release(0.1).placed] == [("3", None)]

    def test_sock_5_a_number_used_while_the_first_message_waits_is_not_missing(self):
        inbox = BySequence(2.0, 16, 64, ReorderDelay(100.0, 0.0, 2000.0))
        inbox.arrive(numbered("3"), 0.0)
        inbox.arrive(numbered("1"), 0.01)
        inbox.use("2", 0.02)
        assert [p.item.text for p in inbox.release(0.1).placed] == ["1", "3"]

    def test_sock_5_numbers_of_any_length_follow_one_another(self):
        found = set()
        for digits in (1, 18, 19, 20, 40, 250):
            for before in (int("9" * digits), 10 ** (digits - 1), int("8" * digits)):
                inbox = BySequence(2.0, 16, 64)
                numbers = (before, before + 1, before + 3)
                shown = [len(inbox.arrive(numbered(f"m-{n}"), 0.0).placed) for n in numbers]
                found.add(tuple(shown))
        assert found == {(1, 1, 0)}

    def test_after_a_restart_the_journal_is_asked_for_what_is_not_remembered(self):
        inbox = BySequence(2.0, 16, 3)
        inbox.restore([(str(n), "") for n in (7, 8, 9)])
        assert inbox.may_have_shown(numbered("6"))
        assert not inbox.may_have_shown(numbered("8")) and not inbox.may_have_shown(numbered("10"))

    def test_messages_without_a_sequence_pass(self):
        inbox = BySequence(2.0, 16, 64)
        assert len(inbox.arrive(numbered(""), 0.0).placed) == 1
        assert len(inbox.arrive(numbered(""), 0.0).placed) == 1

    @settings(max_examples=examples(150))
    @given(seed=st.integers(0, 2**32), count=st.integers(1, 50))
    def test_any_interleaving_shows_each_once_and_in_order_where_nothing_is_late(self, seed, count):
        rng = Random(seed)
        inbox = BySequence(0.5, 64, 256)
        arrivals = [(n * 0.02 + rng.random() * 0.3, n) for n in range(count)]
        missing = {n for n in range(1, count) if rng.random() < 0.1}
        arrivals = [(at, n) for at, n in arrivals if n not in missing] + [
            (at + 0.1, n) for at, n in arrivals if n not in missing and rng.random() < 0.3
        ]
        shown = []
        for at, n in sorted(arrivals):
            while inbox.wake_at <= at:
                shown += inbox.release(inbox.wake_at).placed
            shown += inbox.arrive(numbered(f"msg-{n + 8}"), at).placed
            assert inbox.held <= 65
        while inbox.wake_at < NEVER:
            shown += inbox.release(inbox.wake_at).placed
        order = [int(p.item.text[4:]) - 8 for p in shown]
        assert sorted(order) == sorted({n for _, n in arrivals})
        in_place = [p for p in shown if not p.late]
        for before, p in pairwise(in_place):
            pair = before.item.sequence, p.item.sequence
            is_next = int(pair[1][4:]) == int(pair[0][4:]) + 1
            assert p.gap == (None if is_next else pair), "each gap is told, and nothing else is"
        on_time = [n for n, p in zip(order, shown, strict=True) if not p.late]
        assert on_time == sorted(on_time)
