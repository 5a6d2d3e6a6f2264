"""A gap after a lost connection is closed from the history, or stated."""

from __future__ import annotations

import pytest

from guestd.model import client_messages as m
from guestd.model import effects as e
from guestd.model import signals as s
from guestd.model.effects import SessionCounter
from guestd.session import inputs as i
from guestd.session.states import State

from .platform_answers import answer_platform


class TestGap:
    def test_what_arrived_while_we_were_away_is_put_in_its_place(self, table, make_text, make_lost):
        table.to(State.LIVE).feed(make_text(1), make_lost())
        table.rejoin()
        table.feed(make_text(4))
        assert table.texts() == ["text 1"]
        table.answer_history([make_text(n) for n in (1, 2, 3, 4)])
        assert table.texts() == ["text 1", "text 2", "text 3", "text 4"]
        assert table.count(SessionCounter.GAP_FILLED) == 2
        assert not any(event.late for event in table.events("message"))

    def test_what_came_before_the_connection_was_lost_is_shown_at_once(
        self, new_table, make_text, make_lost
    ):
        """It is held for the first distrust only, and the outage may be long."""
        table = new_table(hold_initial_ms=100.0)
        table.to(State.LIVE).answer_history([])
        table.feed(make_text(1), make_text(2))
        assert table.texts() == [], "held for a moment"
        table.feed(make_lost())
        assert table.texts() == ["text 1", "text 2"]
        table.rejoin()
        table.answer_history([make_text(n) for n in (1, 2, 3)])
        assert table.texts() == ["text 1", "text 2", "text 3"]
        assert not any(event.late for event in table.events("message"))

    def test_an_earlier_one_that_the_outage_took_is_still_found_and_is_late(
        self, new_table, make_text, make_lost
    ):
        """What was shown at the loss does not end the reading before the gap is reached."""
        table = new_table(hold_initial_ms=100.0)
        table.to(State.LIVE).answer_history([])
        table.feed(make_text(3), make_lost())
        assert table.texts() == ["text 3"]
        table.rejoin()
        table.feed(s.JwtGranted("jwt", 0.0))
        table.feed(i.HistoryRead([make_text(4), make_text(3)], 1, 2, 4, frozenset({"m3"})))
        assert table.last(e.FetchHistory).page_number == 2
        table.feed(i.HistoryRead([make_text(2), make_text(1)], 2, 2, 4))
        assert table.texts() == ["text 3", "text 1", "text 2", "text 4"]
        assert [event.late for event in table.events("message")] == [False, True, True, False]

    @pytest.mark.parametrize("figures", [{"hold_min_ms": 50.0}, {}], ids=["bought", "seen"])
    def test_where_order_is_in_doubt_it_waits_for_the_history(
        self, new_table, make_text, make_lost, figures
    ):
        table = new_table(hold_initial_ms=100.0, **figures)
        table.to(State.LIVE).answer_history([])
        if not figures:
            table.feed(make_text(2), make_text(1))
            table.pass_time(1.0)
        shown = table.texts()
        table.feed(make_text(4), make_lost())
        assert table.texts() == shown

    def test_pages_are_read_until_one_ends_in_something_known(self, table, make_text, make_lost):
        table.to(State.LIVE).feed(make_text(1), make_lost())
        table.rejoin()
        table.feed(s.JwtGranted("jwt", 0.0))
        table.feed(i.HistoryRead([make_text(5), make_text(4)], 1, 3, 5))
        assert table.last(e.FetchHistory).page_number == 2
        table.feed(i.HistoryRead([make_text(3), make_text(2)], 2, 3, 5))
        table.feed(i.HistoryRead([make_text(1)], 3, 3, 5))
        assert table.texts() == [f"text {n}" for n in range(1, 6)]

    def test_an_empty_page_is_not_believed(self, table, make_text, make_lost):
        table.to(State.LIVE).feed(make_text(1), make_lost())
        table.rejoin()
        table.feed(s.JwtGranted("jwt", 0.0), i.HistoryRead([], 1, 0, 0))
        table.feed(make_text(3))
        assert table.texts() == ["text 1"]
        table.pass_time(2.0)
        table.feed(i.HistoryRead([make_text(3), make_text(2), make_text(1)], 1, 1, 3))
        assert table.texts() == ["text 1", "text 2", "text 3"]

    def test_a_history_that_cannot_be_read_states_the_gap(self, new_table, make_text, make_lost):
        table = new_table(history_attempts_max=2)
        table.to(State.LIVE).feed(make_text(1), make_lost())
        table.rejoin()
        table.feed(make_text(3), s.JwtGranted("jwt", 0.0), i.HistoryUnread("503", True, 1.0))
        table.pass_time(2.0)
        table.feed(i.HistoryUnread("503", True))
        assert [event.kind for event in table.events()][-2:] == ["gap", "message"]
        assert table.texts() == ["text 1", "text 3"]

    @pytest.mark.parametrize("retry_after_s", [60.0, 3600.0, 1e9, 1e308, float("inf")])
    def test_one_retry_after_delays_the_history_by_our_own_patience_only(
        self, table, make_text, make_lost, retry_after_s
    ):
        table.to(State.LIVE).feed(make_text(1), make_lost())
        table.rejoin()
        began = table.now
        table.feed(s.JwtGranted("jwt", 0.0), i.HistoryUnread("503", True, retry_after_s))
        answer = i.HistoryRead([make_text(2), make_text(1)], 1, 1, 2)
        while len(table.texts()) < 2:
            assert table.now - began <= 30.0, "still mute"
            answer_platform(table, table.pass_time(0.5), answer)
        assert table.texts() == ["text 1", "text 2"]

    def test_a_history_without_an_end_is_read_up_to_our_bound_and_the_gap_stated(
        self, table, make_text, make_lost
    ):
        table.to(State.LIVE).feed(make_text(1), make_lost())
        table.rejoin()

        def endless(page_number):
            return i.HistoryRead([make_text(100_000 - page_number)], page_number, 10**9, 10**18)

        answer_platform(table, table.feed(s.JwtGranted("jwt", 0.0)), endless)
        for _ in range(600):
            answer_platform(table, table.pass_time(1.0), endless)
        assert len([one for one in table.effects if isinstance(one, e.FetchHistory)]) == 50
        assert len(table.texts()) == 51, "what was read is shown"
        assert len(table.events("gap")) == 1

    def test_a_history_that_always_asks_for_an_hour_states_the_gap_within_our_patience(
        self, table, make_text, make_lost
    ):
        table.to(State.LIVE).feed(make_text(1), make_lost())
        table.rejoin()
        table.feed(make_text(3), s.JwtGranted("jwt", 0.0), i.HistoryUnread("503", True, 3600.0))
        began = table.now
        while not table.events("gap"):
            assert table.now - began <= 30.0, "still mute"
            answer_platform(table, table.pass_time(0.5), i.HistoryUnread("503", True, 3600.0))
        assert table.texts() == ["text 1", "text 3"]

    def test_a_frame_that_cannot_be_read_makes_us_ask_the_history_at_once(self, table, make_text):
        table.to(State.LIVE).feed(make_text(1), s.Garbage("not JSON"), make_text(3))
        assert table.texts() == ["text 1"]
        table.answer_history([make_text(1), make_text(2), make_text(3)])
        assert table.texts() == ["text 1", "text 2", "text 3"]

    def test_what_arrived_since_the_gap_does_not_end_the_reading(self, table, make_text):
        """A page of messages arrived while the history was away: the first page holds nothing
        else."""
        table.to(State.LIVE).feed(make_text(1), s.Garbage("a"), s.JwtGranted("jwt", 0.0))
        table.feed(make_text(3), make_text(4))
        table.feed(i.HistoryRead([make_text(4), make_text(3)], 1, 2, 4))
        assert table.last(e.FetchHistory).page_number == 2
        table.feed(i.HistoryRead([make_text(2), make_text(1)], 2, 2, 4))
        assert table.texts() == ["text 1", "text 2", "text 3", "text 4"]

    def test_what_was_held_when_the_link_was_lost_does_not_end_the_reading(
        self, new_table, make_text, make_lost
    ):
        table = new_table(hold_min_ms=100.0).to(State.LIVE)
        table.feed(make_text(1))
        table.pass_time(1.0)
        table.feed(make_text(3), make_lost())
        table.rejoin()
        table.feed(s.JwtGranted("jwt", 0.0), i.HistoryRead([make_text(3)], 1, 3, 3))
        assert table.last(e.FetchHistory).page_number == 2
        table.feed(i.HistoryRead([make_text(2), make_text(1)], 2, 2, 3))
        assert table.texts() == ["text 1", "text 2", "text 3"]

    def test_garbage_while_filling_asks_once_more(self, table, make_text):
        table.to(State.LIVE).feed(
            make_text(1), s.Garbage("a"), s.JwtGranted("jwt", 0.0), s.Garbage("b")
        )
        table.feed(i.HistoryRead([make_text(1)], 1, 1, 1))
        table.feed(i.HistoryRead([make_text(2), make_text(1)], 1, 1, 2))
        assert table.texts() == ["text 1", "text 2"]

    def test_what_a_second_garbage_frame_was_comes_before_what_follows_it(self, table, make_text):
        """The first reading cannot hold it; nothing is shown before the second one has told."""
        table.to(State.LIVE).feed(
            make_text(1), s.Garbage("a"), s.JwtGranted("jwt", 0.0), s.Garbage("b"), make_text(3, 20)
        )
        table.feed(i.HistoryRead([make_text(1)], 1, 1, 1))
        table.feed(i.HistoryRead([make_text(3, 20), make_text(2, 20), make_text(1)], 1, 1, 3))
        assert table.texts() == ["text 1", "text 2", "text 3"]

    def test_endless_garbage_does_not_hold_messages_for_ever(self, table, make_text):
        table.to(State.LIVE).feed(
            make_text(1), s.Garbage("a"), s.JwtGranted("jwt", 0.0), make_text(2)
        )
        for _ in range(20):
            table.feed(s.Garbage("more"), i.HistoryRead([make_text(1)], 1, 1, 1))
        assert table.texts() == ["text 1", "text 2"]

    def test_history_reads_stay_within_ten_a_minute(self, table, make_text):
        table.to(State.LIVE).feed(make_text(1))
        reads = []
        for _ in range(300):
            seen = len(table.effects)
            table.pass_time(0.5)
            table.feed(s.Garbage("x"))
            if any(
                isinstance(effect, e.Say) and isinstance(effect.message, m.AskJwt)
                for effect in table.effects[seen:]
            ):
                table.feed(s.JwtGranted("jwt", 0.0))
            if any(isinstance(effect, e.FetchHistory) for effect in table.effects[seen:]):
                reads.append(table.now)
                table.feed(i.HistoryRead([make_text(1)], 1, 1, 1))
            if table.beat_asked():
                table.feed(i.PongArrived())
        assert table.machine.state is State.LIVE
        assert len(reads) >= 20
        assert all(later - first >= 60.0 for first, later in zip(reads, reads[10:], strict=False))

    def test_a_new_session_has_no_gap(self, table, make_text, make_lost):
        table.to(State.LIVE).feed(make_text(1), make_lost())
        table.rejoin(new_session=True)
        table.feed(make_text(2))
        assert table.texts() == ["text 1", "text 2"]
