"""A command that could not be journaled or sent is refused by the machine, whatever let it
through."""

from __future__ import annotations

import pytest

from guestd.model import commands as c
from guestd.session import inputs as i
from guestd.session.states import State

HALF = "\ud800"

COMMANDS = [
    (c.Send(HALF, "x"), "command_id"),
    (c.Send("c1", HALF), "text"),
    (c.Send("c1", "x", {HALF: "a"}), "attributes"),
    (c.Send("c1", "x", {"a": HALF}), "attributes"),
    (c.Reply("c1", HALF, (("a", "b"),)), "reply_type"),
    (c.Reply("c1", "QuickReply", (("a", HALF),)), "choices"),
    (c.Reply("c1", "QuickReply", (("a", "b"),), HALF), "originating_message_id"),
    (c.Typing(HALF), "command_id"),
    (c.Context("c1", {"a": 2**64}), "context"),
    (c.Context("c1", {"a": float("inf")}), "context"),
    (c.End(HALF), "command_id"),
    (c.Attach("c1", HALF, "image/png", 1, "/x"), "filename"),
    (c.Attach("c1", "a.png", HALF, 1, "/x"), "content_type"),
    (c.Attach("c1", "a.png", "image/png", 1, "/x", HALF), "caption"),
    (c.Withdraw("c1", HALF), "target"),
    (c.RenewDownloadLink("c1", HALF), "attachment_id"),
]


@pytest.mark.parametrize(("command", "field"), COMMANDS)
def test_it_is_refused_with_its_field_and_leaves_no_event(table, command, field):
    table.to(State.LIVE)
    before = table.machine.seq
    table.feed(i.CommandGiven(command))
    (answer,) = table.answers()
    assert (answer.error.code, answer.error.field) == ("invalid", field)
    assert table.machine.seq == before


def test_an_id_that_cannot_be_written_is_not_looked_for_in_the_journal(new_table):
    table = new_table(answers_kept_max=1).to(State.LIVE)
    for n in range(3):
        table.send("x", f"c{n}")
    commands = table.machine.conversation.outbound.commands
    assert commands.may_have_forgotten("other") and not commands.may_have_forgotten(HALF)
