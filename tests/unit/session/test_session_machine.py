"""One guest session's life, input by input."""

from __future__ import annotations

import pytest

from guestd.model import client_messages as m
from guestd.model import effects as e
from guestd.model import signals as s
from guestd.model.commands import End, Send
from guestd.model.effects import SessionCounter
from guestd.model.endings import Cause, Ending
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

    @pytest.mark.parametrize("is_named", [True, False])
    def test_a_throttled_goodbye_is_said_again_when_the_platform_allows_it(self, table, is_named):
        table.to(State.LIVE).feed(i.LeaveAsked())
        trace = table.said(m.CloseSession)[0].tracing_id
        table.feed(s.Throttled(20.0, "slow down", trace if is_named else ""))
        table.pass_time(19.0)
        table.feed(s.HeartbeatAnswered())
        assert len(table.said(m.CloseSession)) == 1 and table.machine.state is State.LEAVING
        table.pass_time(1.0)
        assert len(table.said(m.CloseSession)) == 2
        table.feed(s.Left())
        assert table.last(e.Finish).ending.cause is Cause.FINISHED

    def test_a_goodbye_that_is_throttled_for_ever_is_given_up(self, table):
        table.to(State.LIVE).feed(i.LeaveAsked())
        for _ in range(60):
            if table.machine.state is State.LEAVING:
                table.feed(s.Throttled(1.0, "slow down", table.said(m.CloseSession)[-1].tracing_id))
                table.pass_time(1.0)
                table.feed(s.HeartbeatAnswered())
        assert table.last(e.Finish).ending.cause is Cause.LEAVE_TIMEOUT
        assert len(table.said(m.CloseSession)) == 6

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
