"""Which guests there are, what each of them does and when: all of it follows from a seed.

**A guest is a number** from 0 (its name counts from 1). `guest(1187)` is the same in every
partition and however often it is asked for, so workers need not talk to each other: of W workers,
worker w has the numbers that leave w when they are divided by W, and its share of the users. What
they do adds up to what one would do alone.

**Which scenario** is not thrown with dice but dealt: guest n takes the place of n × 0.618… (the
golden ratio), less its whole part, among the weights laid side by side. Such places fill the range
more evenly than random ones: of n guests each scenario has its share, give or take a few, where
random choice would be off by √n. Where the sequence begins depends on the seed. In a model of
`once` the first guests take the scenarios in turn, so that each is run whatever its weight is;
in a functional run (`each_row`) each of them so often as it has cases.

**When** guests arrive in an open model: evenly by default, as k6 and Artillery have it, which is
also the easiest to read in a plot; or by a Poisson process (`spacing="random"`), as people who know
nothing of each other come, with the bunches that this means. Those of `once` arrive evenly."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from itertools import accumulate
from math import log1p
from typing import Literal

from ..scenario.file import LoadModel, Scenario, ScenarioFile
from .draws import SeededDraws, seed_of
from .guests import PlannedGuest
from .running import RunningState
from .shape import shape_of

Spacing = Literal["even", "random"]

_GOLDEN = 0.6180339887498949

#: Of a guest's name; the number follows.
SLUG_CHARS_MAX = 16


class Plan:
    """The part of one worker, `worker` from 0. `seed` decides everything that is drawn. The same
    arguments give the same plan in another process."""

    def __init__(
        self,
        file: ScenarioFile,
        model: LoadModel,
        seed: int,
        worker: int = 0,
        workers: int = 1,
        spacing: Spacing = "even",
    ) -> None:
        if not file.scenarios:
            raise ValueError("the file has no scenarios")
        if not 0 <= worker < workers:
            raise ValueError(f"worker must be from 0 to {workers - 1}")
        self.model, self.seed, self.spacing = model, seed, spacing
        self.worker, self.workers = worker, workers
        self.shape = shape_of(model)
        self._slugs = [slug(one.name) for one in file.scenarios]
        self._deck = _Deck(file.scenarios, seed, _in_turn(file.scenarios, model))
        self._rows = RunningState((0,) * len(file.scenarios), self._deck.count)
        self._arrivals = RunningState(self._gap(0.0, -1), self._gap)

    @property
    def length_s(self) -> float:
        """When the model ends; infinite where nothing ends it. In `once` the last guest arrives
        then, and the run ends with the last conversation."""
        return self.shape.length_s

    def guest(self, number: int) -> PlannedGuest:
        scenario = self._deck.scenario(number)
        return PlannedGuest(
            number,
            f"{self._slugs[scenario]}-{number + 1}",
            scenario,
            self._rows.before(number)[scenario],
            seed_of(self.seed, number),
            self._start_s(number),
        )

    def numbers(self) -> Iterator[int]:
        """Those of this worker, without end."""
        number = self.worker
        while True:
            yield number
            number += self.workers

    def wanted(self, t_s: float) -> int:
        """`closed`: how many guests this worker has at `t_s`, 0 after the end. `once` and `open`:
        how many of its guests have arrived until then (with random spacing: should have)."""
        if self.model.kind == "closed":
            return self._share(self.shape.whole_level(t_s))
        if self.model.kind == "once" and not self.shape.length_s:
            return self._share(self.model.users if t_s >= 0 else 0)
        return self._share(self.shape.arrived(t_s))

    def arrivals(self) -> Iterator[tuple[float, int]]:
        """`once` and `open`: when each guest of this worker starts, and its number. Without end if
        the model has none; `closed` has no arrivals."""
        if self.model.kind == "closed":
            return
        for number in self.numbers():
            start_s = self._start_s(number)
            if start_s is None:
                return
            yield start_s, number

    def _share(self, total: int) -> int:
        """How many of the numbers below `total` are this worker's."""
        return (total - self.worker + self.workers - 1) // self.workers

    def _start_s(self, number: int) -> float | None:
        """None: it does not arrive by itself."""
        if self.model.kind == "closed":
            return None
        if self.model.kind == "once":
            if number >= self.model.users:
                return None
            if not self.shape.length_s:
                return 0.0
        if self.spacing == "even" or self.model.kind == "once":
            return self.shape.arrival_s(float(number))
        return self.shape.arrival_s(self._arrivals.before(number))

    def _gap(self, arrived: float, number: int) -> float:
        """A Poisson process in the time in which one arrives per second."""
        draws = SeededDraws(seed_of(self.seed ^ 0xA221, number))
        return arrived - log1p(-draws.random())


def _in_turn(scenarios: tuple[Scenario, ...], model: LoadModel) -> tuple[int, ...]:
    """The scenarios of the first guests."""
    if model.kind != "once":
        return ()
    cases = (one.cases if model.each_row else 1 for one in scenarios)
    return tuple(scenario for scenario, many in enumerate(cases) for _ in range(many))


class _Deck:
    """Deals the scenarios by their weights. One of weight 0 is never dealt, but in turn."""

    __slots__ = ("_bounds", "_in_turn", "_offset")

    def __init__(
        self, scenarios: tuple[Scenario, ...], seed: int, in_turn: tuple[int, ...]
    ) -> None:
        weights = [max(one.weight, 0.0) for one in scenarios]
        if not any(weights):
            weights = [1.0] * len(scenarios)
        total = sum(weights)
        self._bounds = tuple(bound / total for bound in accumulate(weights))
        self._in_turn = in_turn
        self._offset = SeededDraws(seed).random()

    def scenario(self, number: int) -> int:
        if number < len(self._in_turn):
            return self._in_turn[number]
        if len(self._bounds) == 1:
            return 0
        place = (self._offset + number * _GOLDEN) % 1.0
        for scenario, bound in enumerate(self._bounds):
            if place < bound:
                return scenario
        return self._last()

    def _last(self) -> int:
        """A sum of shares may end just below 1."""
        return max(place for place, bound in enumerate(self._bounds)
                   if place == 0 or bound > self._bounds[place - 1])  # fmt: skip

    def count(self, counts: tuple[int, ...], number: int) -> tuple[int, ...]:
        """How often each was dealt, with that number."""
        scenario = self.scenario(number)
        return (*counts[:scenario], counts[scenario] + 1, *counts[scenario + 1 :])


def slug(name: str) -> str:
    """A scenario's name as a part of a guest's: "Überweisung prüfen" is `uberweisung-pruf`."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    found = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:SLUG_CHARS_MAX].rstrip("-")
    return found or "guest"
