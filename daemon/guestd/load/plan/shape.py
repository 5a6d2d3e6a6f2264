"""The shape of a load over time: a level that moves in straight lines from stage to stage."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, inf, sqrt

from ..scenario.file import LoadModel, Stage

#: Sums of lengths and levels are not exact; a whole number that is missed by less is meant.
_NEARLY = 1e-9


@dataclass(slots=True, frozen=True)
class _Line:
    """From `from_s` to `to_s` the level goes from `low` to `high`. `before`: the level summed over
    all the time before, which is how many have arrived if it is arrivals a second."""

    from_s: float
    to_s: float
    low: float
    high: float
    before: float

    def level(self, t_s: float) -> float:
        if self.high == self.low:
            return self.low
        return self.low + (self.high - self.low) * (t_s - self.from_s) / (self.to_s - self.from_s)

    def sum_to(self, t_s: float) -> float:
        """Of all the time until `t_s`."""
        return self.before + (t_s - self.from_s) * (self.low + self.level(t_s)) / 2

    def reached(self, total: float) -> float:
        """When the sum is `total`: the root of a square equation, in the form that is exact for
        a level that hardly moves."""
        missing = total - self.before
        if missing <= 0:
            return self.from_s
        if self.high == self.low:
            return self.from_s + missing / self.low
        slope = (self.high - self.low) / (self.to_s - self.from_s)
        root = sqrt(max(self.low * self.low + 2 * slope * missing, 0.0))
        return min(self.from_s + 2 * missing / (self.low + root), self.to_s)


class LoadShape:
    """Times are seconds since the run's start. The level is guests at a time, or arrivals a
    second; it is 0 before the start and after the end. `length_s` is infinite where nothing ends
    the run."""

    __slots__ = ("_lines", "length_s")

    def __init__(self, stages: tuple[Stage, ...], from_level: float = 0.0) -> None:
        lines: list[_Line] = []
        at_s, level, total = 0.0, from_level, 0.0
        for stage in stages:
            if at_s + stage.length_s > at_s:
                line = _Line(at_s, at_s + stage.length_s, level, stage.at_end, total)
                lines.append(line)
                at_s = line.to_s
                total = inf if at_s == inf else line.sum_to(at_s)
            level = stage.at_end
        self._lines = tuple(lines)
        self.length_s = at_s

    def level(self, t_s: float) -> float:
        line = self._at(t_s)
        return 0.0 if line is None else line.level(t_s)

    def whole_level(self, t_s: float) -> int:
        """Rounded down: half a guest is none."""
        return int(self.level(t_s) + _NEARLY)

    def arrived(self, t_s: float) -> int:
        """How many have arrived at `t_s`, if they arrive evenly and the first as soon as the level
        is not 0: those of `arrival_s(0)`, `arrival_s(1)`, … until then."""
        line = self._at(t_s)
        if line is None:
            return int(self._arrivals_max()) if t_s > 0 else 0
        so_far = line.sum_to(t_s) + _NEARLY
        has_begun = so_far > 2 * _NEARLY or line.low > 0 or line.high > 0
        return int(min(so_far // 1 + 1, self._arrivals_max())) if has_begun else 0

    def _arrivals_max(self) -> float:
        last = self._lines[-1] if self._lines else None
        if last is None:
            return 0
        if last.to_s == inf:
            return inf if last.high > 0 else ceil(last.before - _NEARLY)
        return ceil(last.sum_to(last.to_s) - _NEARLY)

    def arrival_s(self, total: float) -> float | None:
        """When the level has summed up to `total`; None if it never does, before the end."""
        for line in self._lines:
            if line.to_s == inf:
                return line.reached(total) if line.low > 0 else None
            if total < line.sum_to(line.to_s) - _NEARLY:
                return line.reached(total)
        return None

    def _at(self, t_s: float) -> _Line | None:
        for line in self._lines:
            if line.from_s <= t_s < line.to_s:
                return line
        return None


def guests_wanted(model: LoadModel, at_s: float) -> int | None:
    """How many there should be at a time; None where they arrive, whatever becomes of those
    before."""
    if model.kind == "open":
        return None
    return shape_of(model).whole_level(at_s) if model.kind == "closed" else model.users


def shape_of(model: LoadModel) -> LoadShape:
    """`closed` without stages grows by `spawn_rate` a second (0: at once) to `users`, and stays so
    for the rest of `run_time_s` (0: without end). `open` without stages: `spawn_rate` arrivals a
    second, or `users` where that is 0, for `run_time_s`. `once`: `users` arrivals at `spawn_rate`;
    0 has them all at once, which is no shape."""
    if model.kind != "once" and model.stages:
        return LoadShape(model.stages)
    run_s = model.run_time_s or inf
    if model.kind == "closed":
        grow_s = min(model.users / model.spawn_rate, run_s) if model.spawn_rate > 0 else 0.0
        top = model.spawn_rate * grow_s if grow_s == run_s else float(model.users)
        return LoadShape((Stage(grow_s, top), Stage(run_s - grow_s, top)))
    rate = model.spawn_rate or (float(model.users) if model.kind == "open" else 0.0)
    if model.kind == "once":
        run_s = model.users / rate if rate > 0 else 0.0
    return LoadShape((Stage(run_s, rate),), from_level=rate)
