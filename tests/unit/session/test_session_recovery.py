"""A machine restored from the journal."""

from __future__ import annotations

from guestd.model import client_messages as m
from guestd.model import signals as s
from guestd.model.commands import Send
from guestd.model.journal import SavedCommand, SavedSession, SessionRecord
from guestd.session import inputs as i
from guestd.session.states import State


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
