"""Uploads over a lost connection and over a restart."""

from __future__ import annotations

from guestd.model import client_messages as m
from guestd.model import effects as e
from guestd.model import signals as s
from guestd.model.journal import SavedCommand, SavedSession, SessionRecord
from guestd.session import inputs as i
from guestd.session.states import State

from .upload_story import bill, deliveries, discarded, echo, give, grant, statuses, upload, uploads


class TestLinksThatBreak:
    def test_a_question_nobody_answers_any_more_is_asked_again_for_nothing(
        self, new_table, make_lost
    ):
        table = new_table(upload_attempts_max=1).to(State.LIVE)
        give(table, bill())
        table.feed(make_lost())
        table.rejoin()
        table.answer_history([])
        assert len(table.said(m.AskSlot)) == 2 and not deliveries(table)

    def test_a_put_goes_on_without_the_link_and_the_platform_is_asked_what_came_of_it(
        self, table, make_lost
    ):
        give(table.to(State.LIVE), bill())
        attachment_id = grant(table)
        table.feed(make_lost(), i.PutEnded(attachment_id, 200))
        table.rejoin()
        (question,) = table.said(m.AskDownload)
        assert question.attachment_id == attachment_id
        table.feed(s.SlotGranted(attachment_id, "https://d", {}, tracing_id=question.tracing_id))
        assert statuses(table) == ["asked", "uploading", "uploaded"] and len(uploads(table)) == 1

    def test_not_there_yet_is_no_failure_because_the_event_is_still_to_come(self, table, make_lost):
        give(table.to(State.LIVE), bill())
        attachment_id = grant(table)
        table.feed(make_lost(), i.PutEnded(attachment_id, 200))
        table.rejoin()
        table.feed(
            s.Refused(4009, "Attachment not found", table.said(m.AskDownload)[-1].tracing_id)
        )
        assert statuses(table) == ["asked", "uploading"]
        table.feed(s.UploadSucceeded(attachment_id, "https://d"))
        assert statuses(table) == ["asked", "uploading", "uploaded"]

    def test_a_new_session_knows_nothing_of_our_places(self, table, make_lost):
        give(table.to(State.LIVE), bill())
        old = grant(table)
        table.feed(make_lost())
        table.rejoin(new_session=True)
        assert any(
            isinstance(one, e.CancelUpload) and one.attachment_id == old for one in table.effects
        )
        assert len(table.said(m.AskSlot)) == 2

    def test_the_end_fails_it_and_drops_the_copy(self, table):
        give(table.to(State.LIVE), bill())
        grant(table)
        table.feed(s.LoggedOut())
        assert deliveries(table) == [("f1", "failed")] and discarded(table) == ["/s/f1"]
        table.feed(i.CommandGiven(bill("f2")))
        assert discarded(table) == ["/s/f1", "/s/f2"]


class TestRestart:
    def restored(self, new_table, intents, settled=(), joined=True, **more):
        table = new_table(**more)
        commands = [
            SavedCommand(key, seq, intent, key in settled)
            for seq, (key, intent) in enumerate(intents, 2)
        ]
        record = SessionRecord("g1", "ana", "token", "", {}, {}, 0, 10**12)
        table.machine.restore(SavedSession(record, 10, joined, False, commands), table.now)
        table.feed(i.Opened(), i.Admitted(), i.ConnectionOpened(), s.Joined())
        return table

    def intent_of(self, new_table, command):
        table = new_table().to(State.LIVE)
        table.feed(i.CommandGiven(command))
        return table.intent(command.command_id)

    def test_what_the_history_does_not_hold_begins_anew(self, new_table):
        intent = self.intent_of(new_table, bill(caption="see"))
        table = self.restored(new_table, [("f1", intent)])
        assert not table.said(m.AskSlot), "it may have been sent: first the history"
        assert table.machine.conversation.outbound.paths() == ["/s/f1"]
        table.answer_history([])
        table.pass_time(3.0)
        table.answer_history([])
        upload(table)
        (said,) = table.said(m.SayText)
        assert (said.text, said.marker) == ("see", intent["trace"])
        table.feed(echo(table))
        assert deliveries(table) == [("f1", "confirmed")] and discarded(table) == ["/s/f1"]

    def test_what_the_history_holds_is_confirmed_and_never_uploaded_again(self, new_table):
        intent = self.intent_of(new_table, bill())
        table = self.restored(new_table, [("f1", intent)])
        there = s.MessageArrived(
            "m1", s.INBOUND, "Text", time="2027-05-31T09:00:00.000Z", marker=intent["trace"]
        )
        table.answer_history([there])
        assert deliveries(table) == [("f1", "confirmed")] and discarded(table) == ["/s/f1"]
        assert not table.said(m.AskSlot)

    def test_a_session_that_never_joined_cannot_have_sent_it(self, new_table):
        table = self.restored(new_table, [("f1", self.intent_of(new_table, bill()))], joined=False)
        table.answer_history([])
        table.pass_time(3.0)
        table.answer_history([])
        assert table.said(m.AskSlot)

    def test_what_was_taken_back_stays_taken_back(self, new_table):
        intents = [
            ("f1", self.intent_of(new_table, bill())),
            ("w1", {"action": "withdraw", "target": "f1"}),
        ]
        table = self.restored(new_table, intents)
        table.answer_history([])
        table.pass_time(3.0)
        table.answer_history([])
        assert deliveries(table) == [("f1", "failed")] and not table.said(m.AskSlot)

    def test_the_same_command_again_gets_the_same_answer_and_its_second_copy_is_dropped(
        self, new_table
    ):
        table = self.restored(new_table, [("f1", self.intent_of(new_table, bill()))])
        table.feed(i.CommandGiven(bill(path="/s/again")))
        assert table.answers()[-1].seq == 2 and discarded(table) == ["/s/again"]
