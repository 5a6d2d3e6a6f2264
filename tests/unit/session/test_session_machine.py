"""One guest session's life, input by input."""

from __future__ import annotations

import pytest

from guestd.model import client_messages as m
from guestd.model import effects as e
from guestd.model import signals as s
from guestd.model.commands import Context, End, Reply, Send, Typing
from guestd.model.effects import SessionCounter
from guestd.model.endings import Cause, Ending
from guestd.model.journal import SavedCommand, SavedSession, SessionRecord
from guestd.session import inputs as i
from guestd.session.states import LEGAL, IllegalInput, State


def test_an_open_socket_is_not_ready_until_the_platform_says_so(table):
    table.to(State.JOINING)
    assert table.said(m.Hello) and table.machine.state is State.JOINING
    table.feed(s.Joined(new_session=True))
    assert table.machine.state is State.LIVE
    assert [event.state for event in table.events("session")] == ["live"]


def test_messages_get_a_seq_without_holes_and_are_recorded_once(table, make_text):
    table.to(State.LIVE)
    table.feed(make_text(1), make_text(2), make_text(2), make_text(3))
    assert table.texts() == ["text 1", "text 2", "text 3"]
    assert [event.seq for event in table.events()] == [1, 2, 3, 4]
    assert table.count(SessionCounter.DUPLICATE) == 1


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("kind", list(LEGAL))
def test_our_own_illegal_inputs_raise_and_legal_ones_do_not(new_table, state, kind):
    table = new_table()
    if state is not State.WAITING:
        table.to(state)
    samples = {
        i.DialFailed: lambda: i.DialFailed(Ending(Cause.UNREACHABLE)),
        i.ConnectionEnded: lambda: i.ConnectionEnded(Ending(Cause.LOST, 1006)),
        i.CommandGiven: lambda: i.CommandGiven(Send("c", "hello")),
        i.IntentDurable: lambda: i.IntentDurable("c"),
        i.EventDurable: lambda: i.EventDurable(1),
        i.HistoryRead: lambda: i.HistoryRead([], 1, 1, 0),
        i.HistoryUnread: lambda: i.HistoryUnread("no", True),
        i.PutEnded: lambda: i.PutEnded("a"),
    }
    given = samples.get(kind, kind)()
    if state in LEGAL[kind]:
        table.feed(given)
    else:
        with pytest.raises(IllegalInput):
            table.feed(given)


class TestReconnect:
    def test_a_lost_link_rests_within_sock_2_and_asks_admission_again(self, table, make_lost):
        table.to(State.LIVE).feed(make_lost())
        assert table.machine.state is State.RESTING
        assert 1.0 <= table.machine.wake_at - table.now <= 2.0
        table.pass_time(2.0)
        assert table.machine.state is State.WAITING
        assert isinstance(table.effects[-1], e.AskAdmission)

    def test_the_count_is_reset_by_the_acknowledgement_not_by_the_socket(self, table, make_lost):
        table.to(State.LIVE).feed(make_lost())
        for attempt in range(1, 5):
            table.pass_time(table.machine.wake_at - table.now)
            table.feed(i.Admitted(), i.ConnectionOpened(), make_lost())
            rest_s = table.machine.wake_at - table.now
            assert min(2.0**attempt, 30.0) <= rest_s <= min(2.0**attempt + 1.0, 30.0)
        table.rejoin(new_session=True)
        table.feed(make_lost())
        assert table.machine.wake_at - table.now <= 2.0

    def test_after_ten_tries_it_ends(self, table):
        table.to(State.DIALING)
        for _ in range(10):
            table.feed(i.DialFailed(Ending(Cause.UNREACHABLE)))
            table.pass_time(table.machine.wake_at - table.now)
            table.feed(i.Admitted())
        table.feed(i.DialFailed(Ending(Cause.UNREACHABLE)))
        assert table.machine.state is State.ENDED
        assert table.last(e.Finish).ending.cause is Cause.ATTEMPTS_EXHAUSTED

    @pytest.mark.parametrize("code", [1001, 1006, 1011, 1012, 1013])
    def test_these_close_codes_come_back(self, table, code):
        table.to(State.LIVE).feed(i.ConnectionEnded(Ending(Cause.CLOSED_BY_PEER, code)))
        assert table.machine.state is State.RESTING

    @pytest.mark.parametrize(
        "ending", [Ending(Cause.CLOSED_BY_PEER, 1000), Ending(Cause.CLOSED_BY_PEER, 4003)]
    )
    def test_other_close_codes_are_final(self, table, ending):
        table.to(State.LIVE).feed(i.ConnectionEnded(ending))
        assert table.machine.state is State.ENDED

    def test_access_denied_is_final(self, table):
        table.to(State.DIALING).feed(i.DialFailed(Ending(Cause.ACCESS_DENIED, 403)))
        assert table.last(e.Finish).ending.cause is Cause.ACCESS_DENIED

    def test_the_servers_retry_after_wins(self, table):
        table.to(State.DIALING).feed(
            i.DialFailed(Ending(Cause.UPGRADE_REFUSED, 503, retry_after_s=17.0))
        )
        assert table.machine.wake_at == table.now + 17.0

    @pytest.mark.parametrize("retry_after_s", [30.1, 86_400.0, 1e9, 1e308, float("inf")])
    def test_no_retry_after_keeps_a_guest_away_for_longer_than_our_bound(
        self, new_table, retry_after_s
    ):
        refused = new_table().to(State.DIALING)
        refused.feed(i.DialFailed(Ending(Cause.UPGRADE_REFUSED, 503, retry_after_s=retry_after_s)))
        assert refused.machine.wake_at == refused.now + 30.0
        throttled = new_table().to(State.JOINING)
        throttled.feed(s.Throttled(retry_after_s))
        assert throttled.machine.wake_at == throttled.now + 30.0

    def test_a_hello_without_answer_is_a_lost_link(self, table):
        table.to(State.JOINING)
        wanted = table.pass_time(10.0)
        assert any(isinstance(effect, e.Drop) for effect in wanted)
        assert table.machine.state is State.RESTING

    def test_a_refused_hello_is_final_and_a_failing_platform_is_not(self, new_table):
        refused = new_table().to(State.JOINING)
        refused.feed(s.Refused(400, "Request failed."))
        assert refused.last(e.Finish).ending.cause is Cause.SESSION_REFUSED
        failing = new_table().to(State.JOINING)
        failing.feed(s.Refused(503, "try later"))
        assert failing.machine.state is State.RESTING

    def test_a_throttled_hello_waits_as_told(self, table):
        table.to(State.JOINING).feed(s.Throttled(9.0))
        assert table.machine.wake_at == table.now + 9.0


def answer_platform(table, effects, history):
    """Answer heartbeats and questions for a JWT as a healthy platform does, and every page asked
    for with `history`, an input or what makes one of a page's number."""
    for effect in effects:
        if isinstance(effect, e.Ping):
            table.feed(i.PongArrived())
        elif isinstance(effect, e.FetchHistory):
            given = history(effect.page_number) if callable(history) else history
            answer_platform(table, table.feed(given), history)
        elif isinstance(effect, e.Say) and isinstance(effect.message, m.Beat):
            table.feed(s.HeartbeatAnswered())
        elif isinstance(effect, e.Say) and isinstance(effect.message, m.AskJwt):
            answer_platform(table, table.feed(s.JwtGranted("jwt", 0.0)), history)


class TestHeartbeat:
    def test_echo_and_ping_take_turns_and_echo_stays_within_two_a_minute(self, table):
        table.to(State.LIVE)
        echoes = []
        for _ in range(60):
            for effect in table.pass_time(8.0):
                if isinstance(effect, e.Say) and isinstance(effect.message, m.Beat):
                    echoes.append(table.now)
                    table.feed(s.HeartbeatAnswered())
                elif isinstance(effect, e.Ping):
                    table.feed(i.PongArrived())
        assert table.machine.state is State.LIVE
        assert len(echoes) >= 7
        assert all(third - first > 60.0 for first, third in zip(echoes, echoes[2:], strict=False))

    def test_an_unanswered_heartbeat_is_a_lost_link(self, table):
        table.to(State.LIVE).pass_time(30.0 + 10.0)
        assert table.machine.state in (State.RESTING, State.WAITING)
        assert table.count(SessionCounter.HEARTBEAT_LOST) == 1
        assert isinstance(table.last(e.Drop), e.Drop)

    def test_messages_that_keep_arriving_are_a_sign_of_life(self, table, make_text):
        """In a flood the answer to our beat waits its turn behind the rest."""
        table.to(State.LIVE)
        for n in range(1, 200):
            table.pass_time(0.5)
            table.feed(make_text(n))
        assert table.machine.state is State.LIVE
        assert (
            table.count(SessionCounter.HEARTBEAT_SENT) > 1
            and table.count(SessionCounter.HEARTBEAT_LOST) == 0
        )

    def test_phases_differ(self, new_table):
        phases = {
            round(new_table(seed=seed).to(State.LIVE).machine.wake_at, 3) for seed in range(20)
        }
        assert len(phases) > 8
        assert all(phase == int(phase) for phase in phases), (
            "on whole seconds, so that a fleet wakes once a second"
        )

    def test_the_shortest_interval_keeps_the_platforms_two_echoes_a_minute(self, new_table):
        table = new_table(heartbeat_interval_s=16.0).to(State.LIVE)
        echoes = []
        for _ in range(3000):
            for effect in table.pass_time(0.05):
                if isinstance(effect, e.Say) and isinstance(effect.message, m.Beat):
                    echoes.append(table.now)
                table.feed(i.PongArrived())
        assert len(echoes) >= 4
        assert all(third - first > 60.0 for first, third in zip(echoes, echoes[2:], strict=False))


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


class TestCommands:
    def test_nothing_is_sent_before_the_intent_is_durable(self, table):
        table.to(State.LIVE).feed(i.CommandGiven(Send("c1", "hello")))
        assert table.events("accepted") and not table.said(m.SayText) and not table.answers()
        table.feed(i.IntentDurable("c1"))
        assert [request.text for request in table.said(m.SayText)] == ["hello"]
        assert [answer.accepted for answer in table.answers()] == [True]

    def test_an_echo_confirms(self, table, make_text):
        table.to(State.LIVE).send("hello")
        trace = table.said(m.SayText)[0].tracing_id
        table.feed(make_text(1, direction=s.INBOUND, tracing_id=trace))
        assert [event.status for event in table.events("delivery")] == ["confirmed"]
        assert [event.command_id for event in table.events("message")] == ["c1"]

    def test_one_message_is_under_way_at_a_time_and_pacing_holds(self, table, make_text):
        table.to(State.LIVE)
        for n in range(4):
            table.send(f"text {n}", f"c{n}")
        sent_at = []
        for n in range(4):
            said = table.said(m.SayText)
            assert len(said) == n + 1
            sent_at.append(table.now)
            table.feed(make_text(n, direction=s.INBOUND, tracing_id=said[-1].tracing_id))
            table.pass_time(0.25)
        assert [request.text for request in table.said(m.SayText)] == [
            f"text {n}" for n in range(4)
        ]

    def test_the_same_command_id_gets_the_same_answer_and_is_sent_once(self, table):
        table.to(State.LIVE).send("hello")
        table.send("hello")
        assert [answer.seq for answer in table.answers()] == [2, 2]
        assert len(table.said(m.SayText)) == 1

    def test_an_error_frame_fails_its_message_and_the_lane_goes_on(self, table):
        table.to(State.LIVE).send("one", "c1")
        table.send("two", "c2")
        trace = table.said(m.SayText)[0].tracing_id
        table.feed(s.Refused(4011, "Message length 5000 is larger than 4096", trace))
        table.pass_time(1.0)
        assert [(d.command_id, d.status) for d in table.events("delivery")] == [("c1", "failed")]
        assert table.said(m.SayText)[-1].text == "two"

    @pytest.mark.parametrize("named", [True, False])
    def test_a_throttled_message_waits_no_longer_than_our_bound(self, table, named):
        table.to(State.LIVE).send("one")
        [first] = table.said(m.SayText)
        table.feed(s.Throttled(1e9, "too fast", first.tracing_id if named else ""))
        table.send("two", "c2")
        for _ in range(8):
            answer_platform(table, table.pass_time(5.0), i.HistoryRead([], 1, 1, 0))
        assert len(table.said(m.SayText)) >= 2, table.machine

    def test_a_throttled_message_is_sent_again_after_retry_after_in_order(self, table):
        table.to(State.LIVE).send("one", "c1")
        table.send("two", "c2")
        first = table.said(m.SayText)[0]
        table.feed(s.Throttled(3.0, "too fast", first.tracing_id))
        table.pass_time(2.9)
        assert len(table.said(m.SayText)) == 1
        table.pass_time(0.2)
        assert table.said(m.SayText)[1] == first

    def test_unconfirmed_after_a_lost_link_and_found_in_history_is_not_resent(
        self, table, make_text, make_lost
    ):
        table.to(State.LIVE).send("hello")
        trace = table.said(m.SayText)[0].tracing_id
        table.feed(make_lost())
        table.rejoin()
        table.answer_history([make_text(1, direction=s.INBOUND, marker=trace)])
        table.pass_time(5.0)
        assert len(table.said(m.SayText)) == 1
        assert [event.status for event in table.events("delivery")] == ["confirmed"]

    def test_unconfirmed_and_not_in_history_is_resent_with_the_same_tracing_id(
        self, table, make_text, make_lost
    ):
        table.to(State.LIVE).feed(make_text(1))
        table.send("hello")
        table.feed(make_lost())
        table.rejoin()
        table.answer_history([make_text(1)])
        table.pass_time(1.0)
        first, second = table.said(m.SayText)
        assert first == second and table.count(SessionCounter.RESENT) == 1

    def test_what_cannot_be_known_is_uncertain_and_never_resent(self, new_table, make_lost):
        table = new_table(history_attempts_max=1).to(State.LIVE)
        table.send("hello")
        table.feed(make_lost())
        table.rejoin()
        table.feed(s.JwtGranted("jwt", 0.0), i.HistoryUnread("refused", False))
        table.pass_time(9.0)
        assert [event.status for event in table.events("delivery")] == ["uncertain"]
        assert len(table.said(m.SayText)) == 1

    def test_a_message_sent_while_the_history_is_read_is_not_taken_for_missing(
        self, table, make_text
    ):
        table.to(State.LIVE).feed(make_text(1), s.Garbage("x"), s.JwtGranted("jwt", 0.0))
        table.send("hello")
        table.feed(i.HistoryRead([make_text(1)], 1, 1, 1))
        table.pass_time(2.0)
        assert len(table.said(m.SayText)) == 1

    def test_an_echo_that_never_comes_makes_us_ask_the_history(self, table, make_text):
        table.to(State.LIVE).feed(make_text(1))
        table.send("hello")
        trace = table.said(m.SayText)[0].tracing_id
        table.pass_time(10.0)
        table.feed(i.PongArrived())
        assert table.said(m.AskJwt)
        table.answer_history([make_text(1), make_text(2, direction=s.INBOUND, marker=trace)])
        assert [event.status for event in table.events("delivery")] == ["confirmed"]
        assert len(table.said(m.SayText)) == 1

    @pytest.mark.parametrize(
        ("command", "code", "field"),
        [
            (Send("c", ""), "invalid", "text"),
            (Send("c", "ä" * 2049), "too_long", "text"),
            (Send("", "x"), "invalid", "command_id"),
            (Send("c", "x", {"k": "v" * 2048}), "too_long", "attributes"),
            (Reply("c", "Nonsense", (("a", "b"),)), "invalid", "type"),
            (Reply("c", "QuickReply", ()), "invalid", "choices"),
            (Context("c", {"k": "v" * 3000}), "too_long", "data"),
        ],
    )
    def test_bad_commands_are_refused_before_anything_is_journaled(
        self, table, command, code, field
    ):
        table.to(State.LIVE).feed(i.CommandGiven(command))
        (answer,) = table.answers()
        assert (answer.error.code, answer.error.field) == (code, field)
        assert not table.events("accepted")

    def test_text_of_exactly_the_limit_is_accepted(self, table):
        table.to(State.LIVE).send("x" * 4096)
        assert table.answers()[0].accepted

    def test_not_ready_or_queued_when_the_link_is_down(self, new_table, make_lost):
        rejecting = new_table().to(State.RESTING)
        rejecting.send("hello")
        assert rejecting.answers()[0].error.code == "not_ready"
        queueing = new_table(when_down="queue").to(State.RESTING)
        queueing.send("hello")
        assert queueing.answers()[0].accepted
        queueing.rejoin(new_session=True)
        assert [request.text for request in queueing.said(m.SayText)] == ["hello"]

    def test_a_full_lane_is_overloaded(self, new_table):
        table = new_table(outbox_commands_max=3).to(State.LIVE)
        for n in range(4):
            table.send("x", f"c{n}")
        assert table.answers()[-1].error.code == "overloaded"

    def test_typing_is_passed_on_once_in_five_seconds(self, table):
        table.to(State.LIVE)
        for n in range(10):
            table.feed(i.CommandGiven(Typing(f"t{n}")))
            table.pass_time(1.0)
        assert len(table.said(m.ShowTyping)) == 2
        assert all(answer.accepted for answer in table.answers())

    def test_context_is_a_frame_in_webchat_and_sent_again_after_a_reconnect(
        self, webchat, make_lost
    ):
        webchat.to(State.LIVE).feed(
            i.CommandGiven(Context("k", {"cartValue": 3})), i.IntentDurable("k")
        )
        webchat.feed(make_lost())
        webchat.rejoin()
        assert [request.context for request in webchat.said(m.SetContext)] == [{"cartValue": 3}] * 2

    def test_context_rides_on_the_next_message_in_webmessaging(self, table, make_text):
        table.to(State.LIVE).feed(
            i.CommandGiven(Context("k", {"cartValue": 3, "page": "/x"})), i.IntentDurable("k")
        )
        table.send("one", "c1")
        first = table.said(m.SayText)[0]
        assert first.attributes == {"cartValue": "3", "page": "/x"}
        table.feed(make_text(1, direction=s.INBOUND, tracing_id=first.tracing_id))
        table.pass_time(1.0)
        table.send("two", "c2")
        assert table.said(m.SayText)[1].attributes is None

    def test_a_read_only_conversation_takes_no_message(self, table):
        table.to(State.LIVE)
        table.feed(
            s.MessageArrived(
                "p1", s.OUTBOUND, "Presence", presence="Disconnect", read_only=True, time="t"
            )
        )
        table.send("hello")
        assert table.answers()[0].error.code == "read_only"


class TestEnding:
    def test_closing_is_said_and_confirmed(self, table):
        table.to(State.LIVE).feed(i.CommandGiven(End("e")), i.IntentDurable("e"))
        assert table.said(m.CloseSession) and table.machine.state is State.LEAVING
        table.feed(s.Left())
        assert table.machine.state is State.ENDED
        assert table.last(e.Finish).ending.cause is Cause.FINISHED
        assert isinstance(table.last(e.HangUp), e.HangUp)

    def test_clear_where_the_deployment_allows_it_and_close_where_it_is_refused_after_all(
        self, new_table
    ):
        table = new_table(conversation_clear=True).to(State.LIVE)
        table.feed(i.LeaveAsked())
        clear = table.said(m.Clear)[0]
        table.feed(
            s.Refused(403, "Presence events Conversation Clear are not supported", clear.tracing_id)
        )
        assert table.said(m.CloseSession)
        table.feed(s.Left())
        assert table.machine.state is State.ENDED

    def test_messages_on_the_lane_are_delivered_before_the_goodbye(self, table, make_text):
        table.to(State.LIVE).send("last words")
        table.feed(i.LeaveAsked())
        assert not table.said(m.CloseSession)
        table.feed(
            make_text(1, direction=s.INBOUND, tracing_id=table.said(m.SayText)[0].tracing_id)
        )
        assert table.said(m.CloseSession)

    def test_without_a_link_it_comes_back_to_say_goodbye(self, table, make_text, make_lost):
        table.to(State.LIVE).feed(make_text(1), make_lost(), i.LeaveAsked())
        table.rejoin()
        table.answer_history([make_text(1)])
        assert table.said(m.CloseSession)

    def test_a_goodbye_whose_answer_is_lost_is_said_again(self, table, make_text, make_lost):
        table.to(State.LIVE).feed(make_text(1), i.LeaveAsked(), make_lost())
        table.rejoin()
        table.answer_history([make_text(1)])
        assert len(table.said(m.CloseSession)) == 2

    def test_a_session_the_platform_never_heard_of_ends_at_once(self, table):
        table.to(State.WAITING).feed(i.LeaveAsked())
        assert table.machine.state is State.ENDED
        assert any(isinstance(effect, e.CancelAdmission) for effect in table.effects)

    def test_an_unconfirmed_goodbye_is_given_up_in_time(self, table):
        table.to(State.LIVE).feed(i.LeaveAsked())
        for _ in range(20):
            table.pass_time(1.0)
            table.feed(s.HeartbeatAnswered())
        assert table.last(e.Finish).ending.cause is Cause.LEAVE_TIMEOUT

    def test_duration_ends_it_in_an_orderly_way(self, new_table):
        table = new_table(duration_s=5.0).to(State.LIVE)
        table.pass_time(5.0)
        assert table.said(m.CloseSession)
        table.feed(s.Left())
        assert table.last(e.Finish).ending.cause is Cause.DURATION_REACHED

    @pytest.mark.parametrize(
        ("signals", "cause"),
        [
            ([s.SessionExpired()], Cause.SESSION_EXPIRED),
            ([s.LoggedOut()], Cause.LOGGED_OUT),
            ([s.ConnectionClosed()], Cause.DISPLACED),
            ([s.ConnectionClosed("signedIn")], Cause.SIGNED_IN_ELSEWHERE),
            ([s.SessionCleared(), s.ConnectionClosed()], Cause.SESSION_CLEARED),
            ([s.Refused(4007, "Session not found")], Cause.SESSION_UNKNOWN),
        ],
    )
    def test_the_platform_ends_it(self, table, signals, cause):
        table.to(State.LIVE).feed(*signals)
        assert table.last(e.Finish).ending.cause is cause
        assert table.events("session")[-1].state == "ended"

    def test_commands_left_on_the_lane_are_told_of(self, table):
        table.to(State.LIVE).send("one", "c1")
        table.send("two", "c2")
        table.feed(s.LoggedOut())
        assert [(d.command_id, d.status) for d in table.events("delivery")] == [
            ("c1", "uncertain"),
            ("c2", "failed"),
        ]

    def test_nothing_is_left_to_wake_for(self, table):
        table.to(State.ENDED)
        assert table.machine.wake_at == float("inf")


def test_repr_is_a_line_for_a_log_and_holds_no_token(table):
    table.to(State.LIVE)
    assert repr(table.machine) == "<guest g1 live seq=1 held=0 out=0 attempt=0>"


class TestRestart:
    """The journal's word, and what the machine makes of it."""

    def saved(self, *commands, seq=9, joined=True, read_only=False):
        record = SessionRecord("g1", "ana", "token", "", {}, {}, 0, 0)
        return SavedSession(record, seq, joined, read_only, commands)

    def command(self, n, settled=False, action="send"):
        intent = {"action": action, "trace": f"trace{n}", "text": f"said {n}", "attributes": None}
        return SavedCommand(f"c{n}", n, intent, settled)

    def recovered(self, table, saved, known=()):
        table.machine.restore(saved, table.now)
        table.machine.conversation.inbound.preload_seen(known)
        table.feed(i.Opened(), i.Admitted(), i.ConnectionOpened(), s.Joined())
        return table

    def echo(self, n):
        return s.MessageArrived(
            f"e{n}",
            s.INBOUND,
            "Text",
            text=f"said {n}",
            time=f"2027-05-31T09:00:0{n}.000Z",
            marker=f"trace{n}",
        )

    def test_its_seq_goes_on_and_known_messages_are_not_shown_again(self, table, make_text):
        self.recovered(table, self.saved(), [("m1", make_text(1).time)])
        table.answer_history([make_text(1), make_text(2)])
        assert table.texts() == ["text 2"]
        assert [(event.seq, event.kind) for event in table.events()] == [
            (10, "session"),  # resting: the connection of the life before is gone
            (11, "session"),
            (12, "message"),
        ]

    def test_what_may_have_been_sent_is_looked_up_and_the_rest_sent_in_order(self, table):
        self.recovered(table, self.saved(self.command(1), self.command(2), self.command(3)))
        assert table.said(m.SayText) == [], "nothing moves before the history has told"
        table.answer_history([self.echo(1), self.echo(2)])
        assert [event.command_id for event in table.events("delivery")] == ["c1", "c2"]
        assert [one.text for one in table.said(m.SayText)] == ["said 3"]
        assert table.said(m.SayText)[0].tracing_id == "trace3"

    def test_a_settled_command_is_answered_again_and_not_sent_again(self, table):
        self.recovered(table, self.saved(self.command(4, settled=True)))
        table.answer_history([])
        table.feed(i.CommandGiven(Send("c4", "said 4")))
        assert [(answer.command_id, answer.seq) for answer in table.answers()] == [("c4", 4)]
        assert table.said(m.SayText) == []

    def test_never_joined_means_never_sent(self, table):
        self.recovered(table, self.saved(self.command(1), joined=False))
        assert [one.text for one in table.said(m.SayText)] == ["said 1"]

    def test_a_platform_that_forgot_the_session_makes_it_uncertain(self, table):
        table.machine.restore(self.saved(self.command(1), self.command(2)), table.now)
        table.feed(i.Opened(), i.Admitted(), i.ConnectionOpened(), s.Joined(new_session=True))
        assert [(event.command_id, event.status) for event in table.events("delivery")] == [
            ("c1", "uncertain"),
            ("c2", "uncertain"),
        ]

    def test_webchat_cannot_know(self, webchat):
        webchat.machine.restore(self.saved(self.command(1)), webchat.now)
        webchat.feed(i.Opened())
        assert [event.status for event in webchat.events("delivery")] == ["uncertain"]

    def test_an_end_that_was_asked_for_is_carried_out(self, table):
        end = SavedCommand("e1", 5, {"action": "end"}, False)
        self.recovered(table, self.saved(end))
        table.answer_history([])
        assert table.said(m.CloseSession) and table.machine.state is State.LEAVING

    def test_a_choice_and_a_context_come_back_too(self, table):
        choice = {
            "action": "reply",
            "trace": "t1",
            "type": "QuickReply",
            "choices": [["Yes", "Y"]],
            "in_reply_to": "m",
            "attributes": None,
        }
        context = SavedCommand("x1", 4, {"action": "context", "context": {"page": "/help"}}, False)
        self.recovered(
            table, self.saved(context, SavedCommand("c1", 5, choice, False), joined=False)
        )
        (said,) = table.said(m.SayReply)
        assert said.choices == (("Yes", "Y"),) and said.attributes == {"page": "/help"}
