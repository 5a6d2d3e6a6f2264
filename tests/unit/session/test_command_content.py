"""The same id with other content is refused, whoever remembers what was accepted: the machine, or
the journal alone."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest

from guestd.model.commands import (
    Attach,
    Context,
    End,
    RenewDownloadLink,
    Reply,
    Send,
    Typing,
    Withdraw,
)
from guestd.session import inputs as i
from guestd.session.accepted import Accepted, AcceptedCommands
from guestd.session.content import NO_DIGEST, content_of, digest_of, digest_of_intent
from guestd.session.states import State

SEND = Send("c1", "hello", {"tier": "gold"})
REPLY = Reply("c1", "QuickReply", (("Yes", "yes"),), "m1")
FILE = Attach("c1", "a.png", "image/png", 3, "/s/one", "look", sha256="ab" * 32)
CONTEXT = Context("c1", {"a": 1, "b": {"c": [1.5, None]}})

OTHERS = [
    (SEND, replace(SEND, text="hello again")),
    (SEND, replace(SEND, attributes=None)),
    (SEND, Typing("c1")),
    (REPLY, replace(REPLY, choices=(("Yes", "no"),))),
    (REPLY, Send("c1", "Yes")),
    (FILE, replace(FILE, sha256="cd" * 32)),
    (FILE, replace(FILE, caption="")),
    (CONTEXT, Context("c1", {"a": 2})),
    (CONTEXT, RenewDownloadLink("c1", "a1")),
    (Withdraw("c1", "x"), Withdraw("c1", "y")),
    (End("c1"), SEND),
]

SAME = [
    (SEND, replace(SEND, when_down="queue")),
    (FILE, replace(FILE, path="/s/another")),
    (CONTEXT, Context("c1", {"b": {"c": [1.5, None]}, "a": 1})),
]


@pytest.mark.parametrize(("first", "second"), OTHERS)
def test_other_content_has_another_digest(first, second):
    assert digest_of(first) != digest_of(second)


@pytest.mark.parametrize(("first", "second"), SAME)
def test_what_is_not_content_does_not_count(first, second):
    assert digest_of(first) == digest_of(second)


@pytest.mark.parametrize("command", [SEND, REPLY, FILE, CONTEXT, Withdraw("c1", "x"), End("c1")])
def test_the_journals_intent_has_the_commands_own_digest(command):
    intent = {"trace": "t", **content_of(command), "path": "/s/one"}
    assert digest_of_intent(orjson.loads(orjson.dumps(intent))) == digest_of(command)


def test_an_intent_that_does_not_tell_the_content_is_believed():
    assert digest_of_intent({}) == NO_DIGEST
    assert digest_of_intent({"action": "attach", "filename": "a.png"}) == NO_DIGEST


class TestTheMachine:
    def test_other_content_is_a_conflict_and_is_not_sent(self, table):
        table.to(State.LIVE)
        table.send("hello", "c1")
        table.send("something else", "c1")
        first, second = table.answers()
        assert first.accepted and second.error.code == "conflict"
        assert second.error.field == "command_id"
        assert len(table.events("accepted")) == 1

    def test_the_same_content_gets_the_same_answer(self, table):
        table.to(State.LIVE)
        table.send("hello", "c1")
        table.send("hello", "c1")
        first, second = table.answers()
        assert (second.error, second.seq) == (None, first.seq)

    def test_only_the_one_who_asked_for_something_else_is_refused(self, table):
        table.to(State.LIVE).feed(i.CommandGiven(Send("c1", "hello")))
        (refused,) = table.feed(i.CommandGiven(Send("c1", "something else")))
        assert refused.only_newest and refused.answer.error.code == "conflict"
        table.feed(i.IntentDurable("c1"))
        assert table.answers()[-1].accepted

    @pytest.mark.parametrize(("text", "code"), [("hello", None), ("something else", "conflict")])
    def test_what_only_the_journal_knows_counts_too(self, table, text, code):
        known = Accepted(7, durable=True, digest=digest_of(Send("c1", "hello")))
        table.to(State.LIVE).feed(i.CommandGiven(Send("c1", text), known))
        (answer,) = table.answers()
        assert (answer.error and answer.error.code) == code
        assert not table.events("accepted")

    def test_a_copy_that_came_with_other_content_is_discarded(self, table):
        table.to(State.LIVE).feed(i.CommandGiven(FILE), i.IntentDurable("c1"))
        other = replace(FILE, path="/s/two", sha256="cd" * 32)
        table.feed(i.CommandGiven(other))
        assert [effect.path for effect in table.effects if hasattr(effect, "path")][-1] == "/s/two"


def test_after_a_restart_the_journal_is_asked_for_the_content_of_a_settled_command():
    commands = AcceptedCommands()
    commands.add("settled", Accepted(1, durable=True, digest=digest_of_intent({})), 10)
    commands.add("waiting", Accepted(2, durable=True, digest=digest_of(SEND)), 10)
    asked = [commands.may_have_forgotten(one) for one in ("settled", "waiting", "unknown")]
    assert asked == [True, False, False]
