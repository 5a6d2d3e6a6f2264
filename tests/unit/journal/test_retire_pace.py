"""As many rows go as come, twice as many while there is a backlog, and no commit waits long for
it."""

from __future__ import annotations

import pytest

from guestd.journal.retire_pace import BATCH_ROWS, CATCH_UP, LOOK_S, RetirePace, Swept


def turn(pace: RetirePace, backlog: int, now_s: float) -> int:
    """What goes in one turn of the writer, where `backlog` rows have had their time."""
    gone = 0
    while pace.is_due(now_s):
        rows = min(BATCH_ROWS, backlog - gone)
        gone += rows
        pace.swept(Swept(rows, backlog > gone), now_s)
    return gone


@pytest.mark.parametrize("rows", [1, 50, 500, 5_000, 20_000])
def test_a_backlog_shrinks_by_a_row_for_each_that_comes(rows):
    pace, backlog, written = RetirePace(), 10**9, 0
    for n in range(200):
        pace.written(rows)
        written += rows
        backlog -= turn(pace, backlog, n * 0.001)
    gone = 10**9 - backlog
    assert CATCH_UP * written - BATCH_ROWS <= gone <= CATCH_UP * written + BATCH_ROWS


@pytest.mark.parametrize("rows", [1, 500, 20_000])
def test_a_turn_takes_one_batch_or_twice_what_was_just_written(rows):
    pace = RetirePace()
    pace.written(100_000)
    turn(pace, 10, 0.0)
    pace.written(100_000)  # within the second without a look
    assert turn(pace, 10**9, LOOK_S / 2) == 0
    pace.written(rows)
    assert turn(pace, 10**9, LOOK_S) <= max(BATCH_ROWS, CATCH_UP * rows)


def test_where_little_is_written_a_batch_a_second_goes_all_the_same():
    pace, gone = RetirePace(), 0
    for n in range(101):
        pace.written(1)
        gone += turn(pace, 10**9, n * 0.1)
    assert gone == 11 * BATCH_ROWS


def test_where_nothing_is_due_nobody_looks_more_than_once_a_second():
    pace, looks = RetirePace(), 0
    for n in range(1000):
        pace.written(5000)
        while pace.is_due(n * 0.01):
            looks += 1
            pace.swept(Swept(0, False), n * 0.01)
    assert looks == 10
