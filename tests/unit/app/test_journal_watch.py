"""When the journal's disk is taken for stalled, and for hung."""

from __future__ import annotations

from guestd.app.journal_watch import HUNG_S, STALLED_S, JournalWatch


def test_a_stall_begins_becomes_a_hang_and_ends_with_one_line_each(caplog):
    watch = JournalWatch()
    for wait_s in (0.0, STALLED_S - 0.1, STALLED_S, STALLED_S + 1.0, HUNG_S, HUNG_S + 1.0):
        watch.look(wait_s)
    assert (watch.is_stalled, watch.is_hung) == (True, True)
    watch.look(0.0)
    watch.look(0.0)
    assert (watch.is_stalled, watch.is_hung) == (False, False)
    reported = [record.getMessage() for record in caplog.records]
    assert (
        len(reported) == 3
        and "does not answer" in reported[0]
        and "hangs" in reported[1]
        and "answers again" in reported[2]
    )
    assert [record.fields["event"] for record in caplog.records] == [
        "journal_stalled",
        "journal_hung",
        "journal_stalled_over",
    ]
