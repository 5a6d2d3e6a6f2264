"""Where a value stands on an axis, and which values an axis names."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

_NICE = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(slots=True, frozen=True)
class AxisScale:
    """From `low` to `high` in values, from `start` to `end` in the picture. What is beyond stands
    at the edge."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def at(self, value: float) -> float:
        held = min(max(value, self.low), self.high)
        if self.log:
            part = math.log10(held / self.low) / math.log10(self.high / self.low)
        else:
            part = (held - self.low) / (self.high - self.low)
        return self.start + part * (self.end - self.start)


def nice_step(span: float, parts: int) -> float:
    """The smallest of 1, 2, 2.5, 5, 10, … that divides `span` into at most so many parts."""
    if span <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(span / parts))
    return next(
        (power * nice for nice in _NICE if power * nice * parts >= span * 0.999), power * 10
    )


def linear(values: Sequence[float], parts: int = 4, least: float = 1.0) -> list[float]:
    """Values to name on an axis from 0: up to the first that holds them all."""
    step = nice_step(max([least, *values]), parts)
    return [step * n for n in range(parts + 1)]


def decades(values: Sequence[float], least: int = 3, most: int = 6) -> list[float]:
    """Powers of ten to name on a logarithmic axis, that hold all the values above 0; what is below
    the lowest of so many stands at the edge."""
    known = [value for value in values if value > 0] or [1.0]
    top = math.ceil(math.log10(max(known)) - 1e-9)
    bottom = math.floor(math.log10(min(known)) + 1e-9)
    bottom = min(max(bottom, top - most), top - least)
    return [10.0**n for n in range(bottom, top + 1)]


_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)


def time_ticks(length_s: float, most: int = 6) -> list[tuple[float, str]]:
    """Times to name on an axis from 0, as 0, 2 min, 4, 6."""
    step = next((one for one in _STEPS_S if length_s / one <= most), _STEPS_S[-1])
    unit_s, unit = (1, "s") if step < 60 else (60, "min")
    if length_s > 7200:
        unit_s, unit = 3600, "h"
    times = [step * n for n in range(min(int(length_s / step + 0.01), 4 * most) + 1)]
    return [
        (float(at), f"{at / unit_s:g}" + (f" {unit}" if n == min(1, len(times) - 1) else ""))
        for n, at in enumerate(times)
    ]
