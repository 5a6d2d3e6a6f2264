"""How heartbeats share a budget that is too small (SESS-5)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestd.policy.stretch import HEARTBEAT_SHARE, Stretch


@given(st.lists(st.floats(1.0, 30.0), min_size=1, max_size=50), st.integers(1, 1000))
def test_sess_5_stretched_intervals_want_no_more_than_their_share(intervals_s, per_minute):
    stretch = Stretch(lambda: per_minute)
    for key, interval_s in enumerate(intervals_s):
        stretch.join(key, interval_s)
    wanted = sum(60.0 / (interval_s * stretch.factor) for interval_s in intervals_s)
    assert wanted <= HEARTBEAT_SHARE * per_minute * 1.001 or stretch.factor == 1.0
    assert wanted == pytest.approx(min(stretch.wanted_per_minute, HEARTBEAT_SHARE * per_minute))


def test_sess_5_500_sessions_at_the_defaults():
    stretch = Stretch(lambda: 300)
    for key in range(500):
        stretch.join(key, 30.0)
    assert (stretch.wanted_per_minute, round(30.0 * stretch.factor, 1)) == (1000.0, 133.3)


def test_sess_5_who_leaves_makes_room_and_leaving_twice_is_leaving_once():
    stretch = Stretch(lambda: 4)
    for key in (1, 2, 2):
        stretch.join(key, 10.0)
    assert stretch.factor == 4.0
    stretch.leave(1)
    stretch.leave(1)
    assert stretch.factor == 2.0
    stretch.leave(2)
    assert (stretch.factor, stretch.wanted_per_minute) == (1.0, 0.0)
