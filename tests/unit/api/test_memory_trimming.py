"""When memory is given back, and that it is."""

from __future__ import annotations

import gc
import weakref

from guestd.api.memory_trimming import GONE_MIN, PAUSE_S, MemoryTrimmer, trim_memory


def gone(trimmer: MemoryTrimmer, count: int) -> None:
    for _ in range(count):
        trimmer.gone()


def test_it_is_given_back_after_many_have_gone_and_rarely():
    times: list[float] = []
    now = 100.0
    trimmer = MemoryTrimmer(lambda: times.append(now))
    gone(trimmer, GONE_MIN - 1)
    trimmer.trim_if_due(now)
    assert not trimmer.is_due
    for second in range(100):
        now = 100.0 + second
        gone(trimmer, 1000)
        trimmer.trim_if_due(now)
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
        trim_memory()
        assert circle() is None
    finally:
        if is_enabled:
            gc.enable()
