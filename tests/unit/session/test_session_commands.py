"""Commands: accepted once, sent in order, confirmed, or answered with what is known."""

from __future__ import annotations

import pytest

from guestd.model import client_messages as m
from guestd.model import signals as s
from guestd.model.commands import Context, Reply, Send, Typing
from guestd.model.effects import SessionCounter
from guestd.session import inputs as i
from guestd.session.states import State

from .platform_answers import answer_platform


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

    def test_a_confirmation_says_how_long_it_took_since_the_last_sending(self, table, make_text):
        table.to(State.LIVE).send("hello")
        table.pass_time(0.0425)
        trace = table.said(m.SayText)[0].tracing_id
        table.feed(make_text(1, direction=s.INBOUND, tracing_id=trace))
        table.send("refused", "c2")
        table.pass_time(1.0)
        table.feed(s.Refused(4011, "too long", table.said(m.SayText)[-1].tracing_id))
        assert [event.took_ms for event in table.events("delivery")] == [42.5, None]
        assert [event.attempts for event in table.events("delivery")] == [1, 1]

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


@pytest.mark.parametrize(
    ("text", "said"), [("", "is empty"), (" \n\u2003\t", "nothing but spaces")]
)
def test_a_text_without_anything_to_read_is_refused(table, text, said):
    table.to(State.LIVE).send(text)
    error = table.answers()[-1].error
    assert said in str(error) and error.field == "text"


def test_not_ready_says_what_is_not_and_why(table, make_lost):
    table.to(State.LIVE).feed(make_lost())
    table.send("hello")
    error = table.answers()[-1].error
    assert str(error).startswith("Genesys connection not ready: the guest session's connection to")
    assert "was lost (lost 1006" in str(error) and "is opened again in" in str(error)
