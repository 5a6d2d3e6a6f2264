"""When memory is given back, and that it is."""

from __future__ import annotations

import gc
import weakref

from guestd.api.housekeeping import GONE_MIN, PAUSE_S, Housekeeping, give_back_memory


def gone(housekeeping: Housekeeping, count: int) -> None:
    for _ in range(count):
        housekeeping.gone()


def test_it_is_given_back_after_many_have_gone_and_rarely():
    times: list[float] = []
    now = 100.0
    housekeeping = Housekeeping(lambda: times.append(now))
    gone(housekeeping, GONE_MIN - 1)
    housekeeping.tidy(now)
    assert not housekeeping.is_due
    for second in range(100):
        now = 100.0 + second
        gone(housekeeping, 1000)
        housekeeping.tidy(now)
    assert times == [100.0 + PAUSE_S * n for n in range(5)]


def test_what_refers_to_itself_is_given_back():
    class Circle:
        def __init__(self) -> None:
            self.own = self

    is_enabled = gc.isenabled()
    gc.disable()
    try:
        circle = weakref.ref(Circle())
        assert circle() is not None
        give_back_memory()
        assert circle() is None
    finally:
        if is_enabled:
            gc.enable()
