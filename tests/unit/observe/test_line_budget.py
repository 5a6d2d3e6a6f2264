"""A flood of lines of one kind: the first few, then how many more."""

from __future__ import annotations

from guestd.observe.line_budget import LineBudget


def test_the_first_lines_of_a_window_are_written_and_the_rest_is_counted():
    budget = LineBudget(lines_max=2, window_s=10.0)
    assert [budget.take("lost", 100.0 + n) for n in range(5)] == [True, True, False, False, False]
    assert budget.take("ended", 101.0), "another kind has its own budget"
    assert budget.next_at() == 110.0 and budget.ended(109.9) == []
    assert budget.ended(110.0) == [("lost", 3)]
    assert budget.next_at() is None
    assert budget.take("lost", 110.0), "a new window begins"


def test_a_window_that_left_nothing_out_says_nothing():
    budget = LineBudget(lines_max=2, window_s=10.0)
    assert budget.take("lost", 0.0)
    assert budget.next_at() is None and budget.ended(60.0) == []
