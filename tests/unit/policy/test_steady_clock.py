"""A wall clock that jumps ahead is not believed before it has stood."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from guestd.policy.steady_clock import STANDS_S, STEP_S_MAX, SteadyClock

START_MS = 1_800_000_000_000
YEAR_MS = 365 * 86_400_000


def jumped_ms(now_s: float) -> int:
    """A wall clock that runs, a year ahead."""
    return START_MS + YEAR_MS + int(now_s * 1000)


def test_it_follows_a_clock_that_runs_and_one_that_is_corrected_by_a_little():
    clock = SteadyClock()
    assert clock.epoch_ms(100.0, START_MS) == START_MS
    assert clock.epoch_ms(200.0, START_MS + 100_000) == START_MS + 100_000
    assert clock.epoch_ms(300.0, START_MS + 230_000) == START_MS + 230_000
    assert not clock.is_in_doubt


def test_a_jump_ahead_is_believed_after_it_has_stood_and_time_goes_on_meanwhile():
    clock = SteadyClock()
    clock.epoch_ms(0.0, START_MS)
    assert clock.epoch_ms(1.0, START_MS + 1_000 + YEAR_MS) == START_MS + 1_000
    assert clock.is_in_doubt
    just_before_s = 1.0 + STANDS_S - 0.5
    assert clock.epoch_ms(just_before_s, jumped_ms(just_before_s)) == START_MS + int(
        just_before_s * 1000
    )
    assert clock.epoch_ms(1.0 + STANDS_S, jumped_ms(1.0 + STANDS_S)) == jumped_ms(1.0 + STANDS_S)
    assert not clock.is_in_doubt


def test_a_jump_that_goes_back_in_time_was_never_believed():
    clock = SteadyClock()
    clock.epoch_ms(0.0, START_MS)
    clock.epoch_ms(1.0, START_MS + YEAR_MS)
    assert clock.epoch_ms(300.0, START_MS + 300_000) == START_MS + 300_000
    assert clock.epoch_ms(301.0, START_MS + YEAR_MS) == START_MS + 301_000
    assert clock.epoch_ms(900.0, START_MS + YEAR_MS + 599_000) == START_MS + 900_000, (
        "it stands since 301 only"
    )


def test_a_second_jump_while_the_first_is_in_doubt_begins_the_wait_again():
    clock = SteadyClock()
    clock.epoch_ms(0.0, START_MS)
    clock.epoch_ms(1.0, START_MS + YEAR_MS)
    clock.epoch_ms(500.0, START_MS + 2 * YEAR_MS)
    assert clock.epoch_ms(700.0, START_MS + 2 * YEAR_MS) == START_MS + 700_000


def test_a_step_back_is_believed_at_once():
    clock = SteadyClock()
    clock.epoch_ms(0.0, START_MS)
    assert clock.epoch_ms(1.0, START_MS - YEAR_MS) == START_MS - YEAR_MS


def test_the_first_look_is_not_believed_either_where_an_earlier_time_is_known():
    clock = SteadyClock(known_ms=START_MS)
    assert clock.epoch_ms(50.0, jumped_ms(50.0)) == START_MS
    assert clock.epoch_ms(60.0, jumped_ms(60.0)) == START_MS + 10_000
    assert clock.epoch_ms(50.0 + STANDS_S, jumped_ms(50.0 + STANDS_S)) == jumped_ms(50.0 + STANDS_S)


def test_a_known_time_ahead_of_the_clock_changes_nothing():
    assert SteadyClock(known_ms=START_MS + YEAR_MS).epoch_ms(50.0, START_MS) == START_MS


@given(st.lists(st.tuples(st.floats(0.0, 400.0), st.integers(-YEAR_MS, YEAR_MS)), max_size=30))
def test_it_is_never_ahead_of_the_wall_clock_nor_steps_further_than_allowed_before_a_wait(looks):
    clock, now_s, believed, stepped_at_s = SteadyClock(known_ms=START_MS), 0.0, START_MS, 0.0
    for passed_s, error_ms in [(0.0, 0), *looks]:
        now_s += passed_s
        wall_ms = START_MS + int(now_s * 1000) + error_ms
        found = clock.epoch_ms(now_s, wall_ms)
        assert found <= wall_ms
        if found - believed > int(passed_s * 1000) + STEP_S_MAX * 1000 + 1:
            assert now_s - stepped_at_s >= STANDS_S
            stepped_at_s = now_s
        believed = found
