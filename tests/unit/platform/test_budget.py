"""HTTP-1: one budget for all callers, whenever they come."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from daemon.model.errors import BudgetSpent
from daemon.platform.pace import Budget, Pace


class Street:
    """Callers that come one after the other; who has to wait does so without holding up time."""

    def __init__(self, per_minute: int) -> None:
        self.now = 0.0
        self.waited = 0.0
        self.budget = Budget(per_minute, Pace(lambda: self.now, self._wait))

    async def _wait(self, seconds: float) -> None:
        self.waited = seconds

    def come(self, patience_s: float) -> float | None:
        """When this caller's turn is; None if it was told that there is none."""
        self.waited = 0.0
        try:
            self.budget.spend(self.now + patience_s).send(None)  # it never waits for a loop
        except StopIteration:
            return self.now + self.waited
        except BudgetSpent as error:
            assert error.retry_after_s is not None and error.retry_after_s >= patience_s
            return None
        raise AssertionError("it waited for something else")


@given(
    st.integers(1, 5),
    st.lists(st.tuples(st.floats(0.0, 40.0), st.floats(0.0, 200.0)), max_size=25),
)
def test_http_1_never_too_many_in_any_minute_and_first_come_first_served(per_minute, callers):
    street, turns = Street(per_minute), []
    for gap_s, patience_s in callers:
        street.now += gap_s
        turn = street.come(patience_s)
        if turn is not None:
            assert street.now <= turn <= street.now + patience_s
            turns.append(turn)
    assert all(later >= earlier - 1e-6 for earlier, later in pairwise(turns))
    for first, one_too_many in zip(turns, turns[per_minute:], strict=False):
        assert one_too_many >= first + 60.0 - 1e-6


def test_http_1_who_is_refused_takes_no_turn():
    street = Street(1)
    assert street.come(1.0) == 0.0
    assert [street.come(30.0) for _ in range(5)] == [None] * 5
    assert street.come(90.0) == 60.0
    assert street.come(150.0) == 120.0
