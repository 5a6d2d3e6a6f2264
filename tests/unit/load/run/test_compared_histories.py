"""Guests that are over, each compared with what was read before it left."""

from __future__ import annotations

from types import SimpleNamespace

from guestd.load.guest import actions as a
from guestd.load.guest import heard as h
from guestd.load.measure.reconcile import MessageOnRecord
from guestd.load.run import compared_histories as target
from guestd.load.run.compared_histories import ComparedHistories
from guestd.load.run.conversation_log import ConversationLog, ReadHistory
from guestd.load.run.histories import OVER

THERE = MessageOnRecord("m1", "Outbound", "hello", 3000)


def guest(name, *, history=None, not_read="", seen=()):
    log = ConversationLog()
    for one in seen:
        log.heard(h.MessageHeard(one, one), 1.0)
    log.history, log.not_read, log.left_ms = history, not_read, 3000
    return SimpleNamespace(guest=SimpleNamespace(planned=planned(name)), log=log)


def planned(name):
    return SimpleNamespace(name=name, scenario=0)


def read(*messages):
    return ReadHistory(messages, 0, frozenset())


def test_each_loss_is_listed_with_its_guest_and_the_history_is_let_go():
    compared = ComparedHistories(["Talk"])
    compared.started_ms = 1000
    lacks, has = guest("talk-1", history=read(THERE)), guest("talk-2", history=read(THERE))
    has.log.heard(h.MessageHeard("m1", "hello"), 1.0)
    for one in (lacks, has):
        compared.add(one)
    assert [(one.guest, one.scenario) for one in compared.findings.listed] == [("talk-1", "Talk")]
    assert compared.findings.listed[0].findings[0].at_s == 2.0
    assert lacks.log.has_findings and not has.log.has_findings
    assert lacks.log.history is has.log.history is None
    found = compared.reconciled()
    assert (found.by, found.messages, found.conversations) == ("history", 2, 2)


def test_what_was_not_read_is_counted_by_its_reason_unless_nothing_was_said():
    compared = ComparedHistories(["Talk"])
    for one in (
        guest("talk-1", history=read()),
        guest("talk-2", not_read="no turn", seen=["m1"]),
        guest("talk-3", seen=["m1"]),
        guest("talk-4"),
    ):
        compared.add(one)
    found = compared.reconciled()
    assert (found.by, found.conversations) == ("history", 1)
    assert found.not_compared == {"no turn": 1, OVER: 1}


def test_a_run_of_which_no_history_could_be_read_was_not_compared():
    compared = ComparedHistories(["Talk"])
    compared.add(guest("talk-1", not_read="refused", seen=["m1"]))
    found = compared.reconciled()
    assert not found.by and found.why_not == "no guest's history could be read: refused"


def test_without_its_history_a_guest_is_still_uncertain_of_its_messages():
    compared = ComparedHistories(["Talk"])
    one = guest("talk-1")
    for command, fate in (("c1", "uncertain"), ("c2", "confirmed"), ("c3", "failed")):
        one.log.sent(a.SendText(command, command), 1.0)
        one.log.heard(h.Settled(command, fate), 1.0)
    compared.add(one)
    assert compared.findings.counts["uncertain"] == 1 and compared.findings.counts["lost"] == 0


def test_there_are_not_more_reasons_than_a_person_reads(monkeypatch):
    monkeypatch.setattr(target, "REASONS_MAX", 2)
    compared = ComparedHistories(["Talk"])
    for why in "abcad":
        compared.add(guest(f"talk-{why}", not_read=why, seen=["m1"]))
    assert compared.reconciled().not_compared == {"a": 2, target.OTHER_REASONS: 2, "b": 1}
