"""The simulation has teeth: the daemon with one safety taken out is caught within a few seeds."""

from __future__ import annotations

from collections import deque

import pytest

from guestd.model.events import AcceptedEvent
from guestd.session.inbound import Inbound
from guestd.session.inbox import ByTime, Remembered
from guestd.session.outbound import Outbound
from guestd.session.outbox import Outbox
from guestd.supervisor.commits import CommitBatcher
from guestd.supervisor.history_reader import HistoryReader
from tests.thoroughness import runs

from .story import answer_slowly, run

SEEDS = range(1, 25)
#: In a longer run a mutant that never comes to rest is looked at for most of the time.
SECONDS = 200.0


def drop_a_dedupe(monkeypatch):
    monkeypatch.setattr(Remembered, "take", lambda self, identity, time: True)
    monkeypatch.setattr(Remembered, "__contains__", lambda self, identity: False)


def skip_an_intent(monkeypatch):
    """Told and sent before it is durable."""
    record = CommitBatcher.record

    def hasty(self, owner, session_id, event, intent=b""):
        record(self, owner, session_id, event, intent)
        if type(event) is AcceptedEvent:
            self._batch.intents.pop()
            self._loop.call_soon(owner.intent_durable, event.command_id)

    monkeypatch.setattr(CommitBatcher, "record", hasty)


def resend_blindly_after_a_restart(monkeypatch):
    monkeypatch.setattr(Outbox, "doubt", lambda self, now, count: None)


def doubt_only_the_first(monkeypatch):
    """What this daemon did until seed 185 came: a confirmation that was not durable had let the
    next message go."""
    doubt = Outbox.doubt
    monkeypatch.setattr(Outbox, "doubt", lambda self, now, count: doubt(self, now, min(count, 1)))


def trust_all_that_was_accepted_before_the_connection_was_lost(monkeypatch):
    """Whatever is unsettled when the journal's last word is that there was no connection is sent
    without looking."""
    monkeypatch.setattr(
        Outbound, "_may_have_been_sent", lambda self, command, saved: saved.was_live
    )


def resend_blindly_after_a_lost_connection(monkeypatch):
    forget = Outbound.connection_lost

    def blind(self):
        forget(self)
        if self.outbox is not None and self.outbox.under_way is not None:
            self.outbox.put_back()

    monkeypatch.setattr(Outbound, "connection_lost", blind)


def forget_the_lanes_order(monkeypatch):
    put_back = Outbox.put_back

    def shuffled(self, until=float("-inf")):
        put_back(self, until)
        self._lane = deque([*list(self._lane)[1:], self._lane[0]])

    monkeypatch.setattr(Outbox, "put_back", shuffled)


def show_before_durable(monkeypatch):
    flush = CommitBatcher.flush

    def hasty(self):
        if self._batch is None:
            return
        self._hub.publish(self._batch.rows)
        rows, self._batch.rows = self._batch.rows, list(self._batch.rows)
        publish, self._hub.publish = self._hub.publish, lambda rows: None
        try:
            flush(self)
        finally:
            self._hub.publish = publish
        assert rows is not None

    monkeypatch.setattr(CommitBatcher, "flush", hasty)


def believe_an_empty_history(monkeypatch):
    monkeypatch.setattr(Inbound, "_is_suspicious", lambda self, given, backfill, in_doubt: False)


def forget_what_was_shown(monkeypatch):
    """A restart that does not remember the messages before it."""
    monkeypatch.setattr(Inbound, "preload_seen", lambda self, known: None)


def believe_the_history_of_a_lost_connection(monkeypatch):
    """A page that was asked for on the last connection is taken for the next connection's."""
    read = HistoryReader._read

    class NeverCut:
        is_cut = False

        def __init__(self, owner):
            self.history_answered = owner.feed

    monkeypatch.setattr(
        HistoryReader,
        "_read",
        lambda self, callbacks, *more: read(self, NeverCut(callbacks.owner), *more),
    )


def end_the_reading_at_what_came_since(monkeypatch):
    """A page whose oldest message arrived after the gap is taken for the last page needed."""
    monkeypatch.setattr(ByTime, "closes_gap", ByTime.knows)


@pytest.mark.parametrize(
    "mutate",
    [
        drop_a_dedupe,
        skip_an_intent,
        resend_blindly_after_a_restart,
        doubt_only_the_first,
        trust_all_that_was_accepted_before_the_connection_was_lost,
        resend_blindly_after_a_lost_connection,
        forget_the_lanes_order,
        show_before_durable,
        believe_an_empty_history,
        forget_what_was_shown,
    ],
    ids=lambda mutate: mutate.__name__,
)
def test_a_daemon_without_this_safety_is_caught(monkeypatch, mutate):
    mutate(monkeypatch)
    for seed in SEEDS:
        try:
            run(seed, SECONDS, pace_s=5.0, crash_every_s=30.0)
        except AssertionError:
            return
    pytest.fail("it was not noticed")


@pytest.mark.parametrize(
    "mutate",
    [believe_the_history_of_a_lost_connection, end_the_reading_at_what_came_since],
    ids=lambda mutate: mutate.__name__,
)
def test_a_daemon_without_this_safety_is_caught_by_a_slow_history(monkeypatch, mutate):
    mutate(monkeypatch)
    for seed in SEEDS:
        try:
            run(seed, SECONDS, pace_s=2.0, patches=[answer_slowly])
        except AssertionError:
            return
    pytest.fail("it was not noticed")


def test_the_same_runs_are_fine_with_all_safeties_in_place():
    for seed in range(1, 1 + runs(13)):
        run(seed, SECONDS, pace_s=5.0, crash_every_s=30.0)
