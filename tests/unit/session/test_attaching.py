"""A file's way, step by step, on a table: no file, no socket, no clock."""

from __future__ import annotations

from dataclasses import replace

import pytest

from guestd.model import client_messages as m
from guestd.model import effects as e
from guestd.model import signals as s
from guestd.model.commands import End, RenewDownloadLink, Send, Withdraw
from guestd.model.endings import Cause, Ending
from guestd.model.failures import UNAVAILABLE, PlatformFailure
from guestd.model.traits import ANY_FILE, FileRules
from guestd.session import inputs as i
from guestd.session.states import State
from guestd.session.uploads import file_refusal, pause_s, rules_of

from .upload_story import (
    URL,
    asked_for,
    bill,
    deliveries,
    discarded,
    echo,
    give,
    grant,
    statuses,
    upload,
    uploads,
)


class TestTheWay:
    def test_sock_6_asked_uploaded_confirmed_and_then_sent_with_its_id(self, table):
        give(table.to(State.LIVE), bill(caption="see"))
        (asked,) = table.said(m.AskSlot)
        assert (asked.file_name, asked.file_type, asked.file_bytes) == (
            "bill.pdf",
            "application/pdf",
            10,
        )
        attachment_id = grant(table)
        (put,) = uploads(table)
        assert (put.url, put.headers, put.path, put.attempt) == (
            URL,
            {"x-amz-tagging": "a=b"},
            "/s/f1",
            1,
        )
        assert "secret" not in repr(put)
        table.feed(i.PutEnded(attachment_id, 200))
        assert not table.said(m.SayText), "not before the platform has confirmed it"
        table.feed(s.UploadSucceeded(attachment_id, "https://d"))
        (said,) = table.said(m.SayText)
        assert (said.text, said.attachment_ids, said.marker) == (
            "see",
            (attachment_id,),
            said.tracing_id,
        )
        table.feed(echo(table))
        assert deliveries(table) == [("f1", "confirmed")]
        assert statuses(table) == ["asked", "uploading", "uploaded"]
        assert discarded(table) == ["/s/f1"]

    def test_nothing_is_asked_before_the_intent_is_durable(self, table):
        table.to(State.LIVE).feed(i.CommandGiven(bill()))
        assert not table.said(m.AskSlot) and not table.answers()
        table.feed(i.IntentDurable("f1"))
        assert table.said(m.AskSlot) and table.answers()[-1].accepted

    def test_the_platforms_word_ends_it_even_before_the_puts_answer(self, table):
        give(table.to(State.LIVE), bill())
        attachment_id = grant(table)
        table.feed(s.UploadSucceeded(attachment_id, "https://d"))
        assert table.said(m.SayText)
        table.feed(i.PutEnded(attachment_id, None, "the connection broke"))
        assert statuses(table) == ["asked", "uploading", "uploaded"]

    def test_the_platform_may_choose_another_id(self, table):
        give(table.to(State.LIVE), bill())
        asked = table.said(m.AskSlot)[-1]
        table.feed(s.SlotGranted("theirs", URL, {"h": "v"}, tracing_id=asked.tracing_id))
        table.feed(i.PutEnded("theirs", 200), s.UploadSucceeded("theirs", "https://d"))
        assert table.said(m.SayText)[-1].attachment_ids == ("theirs",)

    def test_texts_stay_behind_the_file_and_files_run_ahead_of_their_messages(self, table):
        table.to(State.LIVE)
        for command in (bill("f1"), Send("t1", "between"), bill("f2")):
            give(table, command)
        first, second = table.said(m.AskSlot)
        table.feed(
            s.SlotGranted(second.attachment_id, URL, {"h": "v"}),
            i.PutEnded(second.attachment_id, 200),
        )
        table.feed(s.UploadSucceeded(second.attachment_id, "https://d"))
        assert not table.said(m.SayText)
        table.feed(
            s.SlotGranted(first.attachment_id, URL, {"h": "v"}),
            i.PutEnded(first.attachment_id, 200),
        )
        table.feed(s.UploadSucceeded(first.attachment_id, "https://d"))
        for n in range(1, 4):
            table.pass_time(1.0)
            table.feed(echo(table, n))
        assert deliveries(table) == [("f1", "confirmed"), ("t1", "confirmed"), ("f2", "confirmed")]

    def test_only_so_many_at_once_per_session(self, new_table):
        table = new_table(uploads_per_session_max=2).to(State.LIVE)
        for n in range(4):
            give(table, bill(f"f{n}"))
        assert len(table.said(m.AskSlot)) == 2
        upload(table)
        assert len(table.said(m.AskSlot)) == 3

    def test_questions_keep_to_the_connections_budget(self, new_table):
        table = new_table(
            uploads_per_session_max=99, slot_timeout_s=600.0, heartbeat_interval_s=600.0
        )
        eight_are_kept_back = replace(table.machine._rules.traits, requests_per_minute=12)
        table.machine._rules.traits = eight_are_kept_back
        table.to(State.LIVE)
        for n in range(6):
            give(table, bill(f"f{n}"))
        assert len(table.said(m.AskSlot)) == 4
        table.pass_time(60.0)
        assert len(table.said(m.AskSlot)) >= 6


class TestWhatGoesWrong:
    @pytest.mark.parametrize(
        ("status", "rest_s"),
        [(403, 0.0), (404, 0.0), (408, 1.0), (429, 1.0), (500, 1.0), (503, 1.0), (None, 1.0)],
    )
    def test_a_dead_url_or_a_broken_put_gets_a_fresh_place_and_a_fresh_id(
        self, table, status, rest_s
    ):
        """At once where the URL is dead; what may be the storage's own trouble has a rest."""
        give(table.to(State.LIVE), bill())
        first = grant(table)
        table.feed(i.PutEnded(first, status, "it failed"))
        assert [one.attachment_id for one in table.said(m.DeleteAttachment)] == [first]
        table.pass_time(max(0.0, rest_s - 0.01))
        assert len(table.said(m.AskSlot)) == (1 if rest_s else 2)
        table.pass_time(0.6 * rest_s)
        assert len(table.said(m.AskSlot)) == 2
        assert upload(table) != first
        assert table.said(m.SayText)

    @pytest.mark.parametrize("status", [429, 503])
    def test_http_1_a_file_waits_as_long_as_the_storage_asks(self, table, status):
        """Longer than our own rest, and never beyond the bound."""
        give(table.to(State.LIVE), bill())
        table.feed(i.PutEnded(grant(table), status, "busy", retry_after_s=6.0))
        asked = []
        for rests_s in ((5.99, 0.02), (1.9, 1.2)):  # our own second rest is longer
            for rest_s in rests_s:
                table.pass_time(rest_s)
                asked.append(len(table.said(m.AskSlot)))
            table.feed(i.PutEnded(grant(table), status, "busy", retry_after_s=0.5))
        assert asked == [1, 2, 2, 3]

    @pytest.mark.parametrize(
        "status", [301, 307, 400, 401, 402, 405, 406, 409, 411, 412, 413, 415, 418, 422, 451, 501]
    )
    def test_http_1_a_put_that_was_refused_otherwise_is_final(self, table, status):
        """The other 4xx, a redirect, and 501 will be the same again."""
        give(table.to(State.LIVE), bill())
        table.feed(i.PutEnded(grant(table), status, f"the storage answered {status}"))
        assert deliveries(table) == [("f1", "failed")] and discarded(table) == ["/s/f1"]

    def test_attempts_are_bounded_and_rest_longer_each_time(self, new_table):
        table = new_table(upload_attempts_max=4, upload_retry_s=2.0).to(State.LIVE)
        give(table, bill())
        rests = []
        for n in range(1, 5):
            table.feed(i.PutEnded(grant(table), 403, "dead"))
            failed_at = table.now
            while len(table.said(m.AskSlot)) == n and not deliveries(table):
                table.pass_time(0.5)
            rests.append(table.now - failed_at)
        assert rests == [0.0, 2.0, 4.0, 0.0]
        assert deliveries(table) == [("f1", "failed")]
        assert table.events("delivery")[0].reason == "dead"
        assert len(table.said(m.DeleteAttachment)) == 4

    @pytest.mark.parametrize(
        ("code", "asked"), [(4001, 1), (4000, 1), (4102, 1), (503, 2), (5000, 2)]
    )
    def test_a_refused_place(self, table, code, asked):
        give(table.to(State.LIVE), bill())
        question = table.said(m.AskSlot)[-1]
        table.feed(s.SlotRefused(question.attachment_id, code, "no", question.tracing_id))
        assert len(table.said(m.AskSlot)) == 1, "what is asked again waits"
        table.pass_time(1.6)
        assert len(table.said(m.AskSlot)) == asked
        assert deliveries(table) == ([("f1", "failed")] if asked == 1 else [])

    @pytest.mark.parametrize(("code", "asked"), [(4003, 1), (503, 2)])
    def test_a_failure_event(self, table, code, asked):
        give(table.to(State.LIVE), bill())
        attachment_id = grant(table)
        table.feed(i.PutEnded(attachment_id, 200), s.UploadFailed(attachment_id, code, "no"))
        table.pass_time(1.6)
        assert len(table.said(m.AskSlot)) == asked

    def test_a_plain_error_frame_with_the_questions_tracing_id_counts_as_well(self, table):
        give(table.to(State.LIVE), bill())
        table.feed(s.Refused(400, "Request failed.", table.said(m.AskSlot)[-1].tracing_id))
        assert deliveries(table) == [("f1", "failed")]

    def test_a_throttled_question_waits_and_costs_no_attempt(self, new_table):
        table = new_table(upload_attempts_max=1).to(State.LIVE)
        give(table, bill())
        table.feed(s.Throttled(3.0, "slow down", table.said(m.AskSlot)[-1].tracing_id))
        table.pass_time(2.9)
        assert len(table.said(m.AskSlot)) == 1
        table.pass_time(0.2)
        assert len(table.said(m.AskSlot)) == 2
        upload(table)
        assert table.said(m.SayText)

    def test_silence_is_an_answer_after_a_while(self, new_table):
        table = new_table(
            slot_timeout_s=15.0, upload_confirm_timeout_s=30.0, heartbeat_interval_s=600.0
        )
        give(table.to(State.LIVE), bill())
        table.pass_time(15.0)
        assert len(table.said(m.AskSlot)) == 2
        table.feed(i.PutEnded(grant(table), 200))
        table.pass_time(30.0)
        assert statuses(table).count("retrying") == 2

    def test_a_put_has_no_limit_but_its_own(self, new_table):
        table = new_table(heartbeat_interval_s=10_000.0, duration_s=100_000.0)
        give(table.to(State.LIVE), bill())
        grant(table)
        table.pass_time(5000.0)
        assert statuses(table) == ["asked", "uploading"]

    @pytest.mark.parametrize("code", [4008, 4009, 4010])
    def test_a_message_whose_file_is_not_known_any_more_is_uploaded_anew(self, table, code):
        give(table.to(State.LIVE), bill())
        first = upload(table)
        table.feed(s.Refused(code, "Attachment", table.said(m.SayText)[-1].tracing_id))
        second = upload(table)
        table.pass_time(1.0)
        assert [one.attachment_ids for one in table.said(m.SayText)] == [(first,), (second,)]

    def test_a_file_of_ours_that_cannot_be_read_is_final(self, table):
        give(table.to(State.LIVE), bill())
        table.feed(
            i.PutEnded(grant(table), None, "our copy of the file is gone", is_file_lost=True)
        )
        assert deliveries(table) == [("f1", "failed")]

    def test_answers_to_an_attempt_given_up_are_nobodys(self, table):
        give(table.to(State.LIVE), bill())
        first = grant(table)
        table.feed(i.PutEnded(first, 403, "dead"))
        before = len(table.effects)
        table.feed(
            s.UploadSucceeded(first, "https://d"),
            i.PutEnded(first, 200),
            s.UploadFailed(first, 4003, "no"),
        )
        assert [one for one in table.effects[before:] if isinstance(one, e.Say)] == []


def places_told(table):
    """What the audit is told of places that were asked for."""
    notes = [one for one in table.effects if isinstance(one, e.Noted)]
    names = ("try", "latency_ms", "error_code", "error_status", "platform_code")
    return [
        (one.status, *(one.details.get(name) for name in names))
        for one in notes
        if one.action == "attachment.presign"
    ]


class TestThePlacesLines:
    """A line of the audit before each question on the guest socket, and one for its outcome."""

    def after(self, table, *given, pause_s=0.25):
        """All lines of the first question, answered so after a quarter of a second."""
        give(table.to(State.LIVE), bill())
        table.pass_time(pause_s)
        question = table.said(m.AskSlot)[-1]
        table.feed(*(one(question) if callable(one) else one for one in given))
        return places_told(table)[:2]

    def test_audit_1_a_place_asked_for_on_the_socket_has_two_lines(self, table):
        give(table.to(State.LIVE), bill())
        table.pass_time(0.25)
        attachment_id = grant(table)
        notes = [one for one in table.effects if isinstance(one, e.Noted)]
        ids = {(one.details["command_id"], one.details["attachment_id"]) for one in notes}
        traced = {one.details["tracing_id"] for one in notes}
        assert (places_told(table), ids, traced) == (
            [("attempt", 1, None, None, None, None), ("success", 1, 250.0, None, None, None)],
            {("f1", attachment_id)},
            {table.said(m.AskSlot)[0].tracing_id},
        )

    @pytest.mark.parametrize(
        ("answer", "codes"),
        [
            (
                lambda asked: s.SlotRefused(asked.attachment_id, 4001, "no", asked.tracing_id),
                ("platform_refused", None, "4001"),
            ),
            (
                lambda asked: s.Refused(400, "no", asked.tracing_id),
                ("platform_refused", None, "400"),
            ),
            (
                lambda asked: s.SlotGranted(asked.attachment_id, "", {}, asked.tracing_id),
                ("platform_refused", None, None),
            ),
            (
                lambda asked: s.Throttled(3.0, "slow down", asked.tracing_id),
                ("platform_unavailable", 429, None),
            ),
            (
                lambda asked: i.ConnectionEnded(Ending(Cause.LOST, 1006)),
                ("platform_unavailable", None, None),
            ),
        ],
        ids=["refused", "an error frame", "no URL", "429", "a lost connection"],
    )
    def test_audit_1_a_place_that_is_not_given_on_the_socket_has_its_outcome(
        self, table, answer, codes
    ):
        told = self.after(table, answer)
        assert told == [("attempt", 1, None, None, None, None), ("failed", 1, 250.0, *codes)]

    def test_audit_1_a_place_without_an_answer_has_its_outcome(self, new_table):
        table = new_table(slot_timeout_s=15.0, heartbeat_interval_s=600.0)
        told = self.after(table, pause_s=15.0)
        assert told == [
            ("attempt", 1, None, None, None, None),
            ("failed", 1, 15_000.0, "platform_unavailable", None, None),
        ]

    @pytest.mark.parametrize("given", [Withdraw("w", "f1"), End("e")], ids=["withdrawn", "ended"])
    def test_audit_1_a_place_that_is_not_wanted_any_more_has_its_outcome(self, table, given):
        self.after(table, i.CommandGiven(given), i.IntentDurable(given.command_id))
        table.pass_time(60.0)  # and no machine wakes for ever over a file, after its goodbye
        told = [one[0] for one in places_told(table)]
        assert told[:2] == ["attempt", "failed"] and told[::2].count("attempt") * 2 == len(told)


class TestTakingBack:
    def test_nothing_happens_before_it_is_durable(self, table):
        give(table.to(State.LIVE), bill())
        attachment_id = grant(table)
        table.feed(i.CommandGiven(Withdraw("w1", "f1")))
        assert not deliveries(table)
        assert table.intent("w1") == {"action": "withdraw", "target": "f1"}
        table.feed(i.IntentDurable("w1"))
        assert deliveries(table) == [("f1", "failed")] and table.answers()[-1].command_id == "w1"
        assert [one.attachment_id for one in table.said(m.DeleteAttachment)] == [attachment_id]
        assert statuses(table)[-1] == "withdrawn"

    def test_not_after_it_was_sent(self, table):
        give(table.to(State.LIVE), bill())
        upload(table)
        table.feed(i.CommandGiven(Withdraw("w1", "f1")))
        assert table.answers()[-1].error.code == "too_late"

    def test_only_files(self, table):
        table.to(State.LIVE)
        give(table, bill())
        give(table, Send("t1", "hi"))
        table.feed(i.CommandGiven(Withdraw("w1", "t1")))
        assert table.answers()[-1].error.code == "not_found"


class TestRenewedLinks:
    def test_it_is_told_and_written_nowhere(self, table):
        table.to(State.LIVE).feed(i.CommandGiven(RenewDownloadLink("l1", "a1")))
        before = len(table.events())
        question = table.said(m.AskDownload)[-1]
        table.feed(
            s.SlotGranted("a1", URL, {}, "bill.pdf", 10, "application/pdf", question.tracing_id)
        )
        answer = table.answers()[-1]
        assert answer.result["url"] == URL and "secret" not in repr(answer)
        assert len(table.events()) == before

    def test_silence_a_lost_link_and_too_many_are_told(self, new_table, make_lost):
        table = new_table(slot_timeout_s=5.0).to(State.LIVE)
        table.feed(i.CommandGiven(RenewDownloadLink("l1", "a1")))
        table.pass_time(5.0)
        assert table.answers()[-1].error.code == "timeout"
        for n in range(17):
            table.feed(i.CommandGiven(RenewDownloadLink(f"m{n}", "a1")))
        assert table.answers()[-1].error.code == "overloaded"
        told = len(table.answers())
        table.feed(make_lost())
        assert [one.error.code for one in table.answers()[told:]] == ["not_ready"] * 16
        table.feed(i.CommandGiven(RenewDownloadLink("l2", "a1")))
        assert table.answers()[-1].error.code == "not_ready"


class TestRules:
    @pytest.mark.parametrize(
        ("file", "rules", "code"),
        [
            ({}, ANY_FILE, None),
            ({}, FileRules(("application/*",)), None),
            ({"content_type": "Application/PDF; q=1"}, FileRules(("application/pdf",)), None),
            ({}, FileRules(("image/*",)), "type"),
            ({"content_type": ""}, ANY_FILE, None),
            ({"content_type": "pdf"}, FileRules(("image/*", "pdf/*")), "type"),
            ({}, FileRules(()), "unavailable"),
            ({"size_bytes": 0}, ANY_FILE, "invalid"),
            ({"size_bytes": 11}, FileRules(bytes_max=10), "too_large"),
            ({"filename": "bill.PDF"}, FileRules(blocked_extensions=(".pdf",)), "type"),
            ({"filename": "bill"}, ANY_FILE, "invalid"),
            ({"filename": ".pdf"}, ANY_FILE, "invalid"),
            ({"filename": "bill"}, FileRules(needs_extension=False), None),
            ({"filename": " "}, FileRules(needs_extension=False), "invalid"),
            (
                {"filename": "pdf"},
                FileRules(blocked_extensions=(".pdf",), needs_extension=False),
                None,
            ),
            ({"filename": "a\r\nb.pdf"}, ANY_FILE, "invalid"),
            ({"filename": "a\\b.pdf"}, ANY_FILE, "invalid"),
        ],
        ids=str,
    )
    def test_sock_7_what_may_be_attached(self, file, rules, code):
        refused = file_refusal(bill(**file), rules)
        assert (refused.code if refused is not None else None) == (
            code if file != {"content_type": ""} else "type"
        )

    def test_the_same_profile_is_the_same_object(self):
        assert rules_of(("a/b",), 1, (".c",)) is rules_of(("a/b",), 1, (".c",))

    def test_our_own_bound_is_below_the_platforms(self, new_table):
        table = new_table(file_bytes_max=5).to(State.LIVE)
        table.feed(i.CommandGiven(bill()))
        assert table.answers()[-1].error.code == "too_large"

    def test_the_largest_file_is_told_no_larger_than_it_will_be(self, new_table):
        table = new_table(file_bytes_max=104_857_600).to(State.JOINING)
        assert table.machine.conversation.files.bytes_max == 10_485_760
        joined = s.Joined(new_session=True, file_types=("image/*",), file_bytes_max=20_971_520)
        table.feed(joined)
        assert table.machine.conversation.files.bytes_max == 20_971_520

    def test_what_was_accepted_without_a_profile_is_checked_when_there_is_one(self, new_table):
        table = new_table(when_down="queue").to(State.JOINING)
        give(table, bill())
        assert table.answers()[-1].accepted
        table.feed(s.Joined(new_session=True, file_types=("image/*",), file_bytes_max=100))
        assert deliveries(table) == [("f1", "failed")] and not table.said(m.AskSlot)

    def test_pauses(self):
        assert [pause_s(n, 1.0) for n in range(1, 10)] == [
            0.0,
            1.0,
            2.0,
            4.0,
            8.0,
            16.0,
            32.0,
            60.0,
            60.0,
        ]


class TestWebchat:
    def test_it_asks_over_rest_and_sends_the_metadata(self, new_table, webchat_traits):
        traits = replace(webchat_traits, slot_by_rest=True)
        table = new_table(traits).to(State.LIVE)
        give(table, bill(caption="see"))
        asked = table.last(e.AskPresigned)
        assert (asked.filename, asked.content_type, asked.size_bytes) == (
            "bill.pdf",
            "application/pdf",
            10,
        )
        table.feed(s.SlotGranted(asked.attachment_id, URL, metadata={"id": "x"}))
        table.feed(i.PutEnded(asked.attachment_id, 200))
        (said,) = table.said(m.SayAttachments)
        assert (said.attachments, said.caption) == (({"id": "x"},), "see")
        assert deliveries(table) == [("f1", "sent")] and not table.said(m.DeleteAttachment)

    def test_http_3_a_refused_place_carries_the_codes(self, new_table, webchat_traits):
        """Of a place that is asked for again as of one that is not, and of the message that its
        file was for: our own word, and the platform's status, code and correlation id."""
        table = new_table(replace(webchat_traits, slot_by_rest=True)).to(State.LIVE)
        give(table, bill())
        for code, word in ((503, "platform_unavailable"), (408, "platform_refused")):
            asked = table.last(e.AskPresigned)
            failure = PlatformFailure(word, code, f"word-{code}", f"corr-{code}")
            table.feed(s.SlotRefused(asked.attachment_id, code, "no", failure=failure))
            table.pass_time(1.6)
        events = [*table.events("attachment"), *table.events("delivery")]
        assert [
            (one.kind, one.status, one.reason, one.code, one.platform_status, one.platform_code)
            for one in events
            if one.status != "asked" and one.correlation_id == f"corr-{one.platform_status}"
        ] == [
            ("attachment", "retrying", "no", "platform_unavailable", 503, "word-503"),
            ("attachment", "failed", "no", "platform_refused", 408, "word-408"),
            ("delivery", "failed", "no", "platform_refused", 408, "word-408"),
        ]

    def test_http_1_a_place_is_never_asked_for_again_without_a_rest(
        self, new_table, webchat_traits
    ):
        """The rests double, and are at least what the platform asks for; a call under way has its
        own time limits and is not asked again beside them."""
        traits = replace(webchat_traits, slot_by_rest=True)
        table = new_table(
            traits,
            upload_attempts_max=4,
            upload_retry_s=1.0,
            slot_timeout_s=2.0,
            heartbeat_interval_s=600.0,
        )
        give(table.to(State.LIVE), bill())
        rests, attempts = [], []
        for n, retry_after_s in ((1, 0.0), (2, 9.0), (3, 0.0)):
            table.pass_time(60.0)
            asked = table.last(e.AskPresigned)
            attempts.append((len(asked_for(table)), asked.attempt))
            table.feed(s.SlotRefused(asked.attachment_id, 503, "no", retry_after_s=retry_after_s))
            failed_at = table.now
            while len(asked_for(table)) == n:
                table.pass_time(0.1)
            rests.append(table.now - failed_at)
        table.feed(s.SlotRefused(table.last(e.AskPresigned).attachment_id, 503, "no"))
        in_time = [1.0 <= rests[0] <= 1.6, 9.0 <= rests[1] <= 9.2, 4.0 <= rests[2] <= 6.1]
        assert (attempts, in_time, deliveries(table)) == (
            [(1, 1), (2, 2), (3, 3)],
            [True] * 3,
            [("f1", "failed")],
        )

    def test_http_3_the_refusal_of_a_message_says_what_to_do(self, table):
        """The number is the platform's; what follows it is its reason, and ours what to do."""
        table.to(State.LIVE)
        told = []
        for n, code in enumerate((4011, 4013, 409, 4999)):
            table.feed(i.CommandGiven(Send(f"t{n}", "hello")), i.IntentDurable(f"t{n}"))
            table.pass_time(1.0)
            table.feed(s.Refused(code, "No", table.said(m.SayText)[-1].tracing_id))
            told.append(table.events("delivery")[-1].reason)
        assert told == [
            "4011 No; send a shorter message",
            "4013 No; send fewer or shorter attributes",
            "409 No; the conversation is read-only; begin a new one",
            "4999 No; send it again; if it stays, tell the platform's support",
        ]

    def test_http_2_a_place_is_asked_for_with_one_key_until_it_is_given(
        self, new_table, webchat_traits
    ):
        """The key is in the intent, which is durable before. What was given and came to nothing is
        over, and so is an answer without a place: the next question is another one."""
        traits = replace(webchat_traits, slot_by_rest=True)
        table = new_table(traits, upload_attempts_max=9, heartbeat_interval_s=600.0)
        give(table.to(State.LIVE), bill())
        answers = (
            lambda asked: s.SlotRefused(asked, 503, "no", failure=UNAVAILABLE),
            lambda asked: s.SlotRefused(asked, 503, "no", failure=UNAVAILABLE),
            lambda asked: s.SlotGranted(asked, URL, metadata={"id": "x"}),
            lambda asked: s.SlotRefused(asked, 503, "", failure=UNAVAILABLE, is_answered=True),
            lambda asked: s.SlotGranted(asked, URL, metadata={"id": "y"}),
        )
        for answer in answers:
            table.feed(answer(table.last(e.AskPresigned).attachment_id))
            table.feed(i.PutEnded(table.last(e.AskPresigned).attachment_id, 403, "no"))
            table.pass_time(30.0)
        trace = table.intent("f1")["trace"]
        slots = [one.key.removeprefix(trace) for one in asked_for(table)]
        assert slots == ["-slot-1"] * 3 + ["-slot-2", "-slot-3", "-slot-4"]

    def test_without_a_client_to_ask_with_it_is_refused(self, new_table, webchat_traits):
        table = new_table(replace(webchat_traits, slot_by_rest=True, can_attach=False)).to(
            State.LIVE
        )
        table.feed(i.CommandGiven(bill()))
        assert table.answers()[-1].error.code == "not_configured"
