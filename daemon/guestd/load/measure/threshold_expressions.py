"""A threshold as it is written: `echo_latency.p99 < 500ms`. Parsed, refused with the place and the
nearest name, and written again."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from .figures import FIGURES, STATISTICS, unit_of

OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}

_LENGTH_MAX = 300
_STEP = re.compile(r'step\s*\[\s*(?:"([^"]*)"|\'([^\']*)\')\s*\]')
_PATH = re.compile(r"[A-Za-z_]\w*(?:\.\w+|\.?\(\s*[\d.]+\s*\))*")
_OPERATOR = re.compile(r"[<>=!]+")
_NUMBER = re.compile(r"\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_UNIT = re.compile(r"[^\s\d]+")
_PERCENTILE = re.compile(r"p\(?\s*(\d+(?:\.\d+)?)\s*\)?")
_OF_A_STEP = (*STATISTICS, "failed", "failed.rate")


class ThresholdError(ValueError):
    """`position`: the character, from 1, where the expression is wrong."""

    def __init__(self, expression: str, position: int, what: str) -> None:
        shown = expression if len(expression) <= _LENGTH_MAX else expression[:_LENGTH_MAX] + "…"
        super().__init__(f"threshold {shown!r}, character {position}: {what}")
        self.position = position
        self.what = what


@dataclass(slots=True, frozen=True)
class Threshold:
    """`figure`: a name of `FIGURES`, or "step" with its `label`. `statistic`: avg, min, max, pN,
    count, rate; of a step failed and failed.rate too. `limit` is in `unit`."""

    figure: str
    statistic: str
    operator: str
    limit: float
    unit: Literal["ms", "count", "ratio", "per_s"]
    label: str = ""

    def __str__(self) -> str:
        quote = "'" if '"' in self.label else '"'
        name = f"step[{quote}{self.label}{quote}]" if self.figure == "step" else self.figure
        bare = self.statistic == "count" and self.counts
        shown = name if bare else f"{name}.{self.statistic}"
        return f"{shown} {self.operator} {self._limit_text()}"

    def holds(self, value: float) -> bool:
        return OPERATORS[self.operator](value, self.limit)

    @property
    def at_end(self) -> bool:
        """Whether it can be judged only when the run is over."""
        return self.figure != "step" and FIGURES[self.figure].at_end

    @property
    def quantile(self) -> float | None:
        """Of a percentile: its share, 0 … 1."""
        if self.statistic == "max":
            return 1.0
        return float(self.statistic[1:]) / 100 if self.statistic.startswith("p") else None

    @property
    def counts(self) -> bool:
        """Whether its figure is a number, and not a time."""
        return self.figure != "step" and FIGURES[self.figure].kind == "count"

    def _limit_text(self) -> str:
        if self.unit == "ratio":
            percent = _number_text(self.limit * 100)
            return f"{percent}%" if float(percent) / 100 == self.limit else repr(self.limit)
        return _number_text(self.limit) + ("ms" if self.unit == "ms" else "")


def _number_text(value: float) -> str:
    return str(int(value)) if value == int(value) and value < 1e15 else repr(value)


def parse(expression: str, labels: Iterable[str] | None = None) -> Threshold:
    """Raises ThresholdError. With the `labels` of a file's steps, `step["…"]` must be one."""
    return _Parser(expression).threshold(None if labels is None else list(labels))


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def threshold(self, labels: list[str] | None) -> Threshold:
        if len(self._text) > _LENGTH_MAX:
            raise self._error(f"longer than {_LENGTH_MAX} characters", 0)
        figure, label, statistic = self._left(labels)
        sign = self._operator()
        rate_of = "steps_run" if figure == "step" else FIGURES[figure].rate_of
        kind = "times" if figure == "step" else FIGURES[figure].kind
        unit = unit_of(kind, statistic, rate_of)
        limit = self._limit(unit)
        return Threshold(figure, statistic, sign, limit, unit, label)

    def _left(self, labels: list[str] | None) -> tuple[str, str, str]:
        """Figure, label and statistic."""
        self._space()
        step = _STEP.match(self._text, self._at)
        if step is not None:
            label = step[1] if step[1] is not None else step[2]
            if labels is not None and label not in labels:
                known = "the file's steps have other labels"
                raise self._error(f'no step is called "{label}"; {_near(label, labels) or known}')
            self._at = step.end()
            if not self._text.startswith(".", self._at):
                raise self._error('a step needs a statistic: step["…"].p95')
            self._at += 1
            return "step", label, self._statistic("step", self._path())
        start = self._at
        path = self._path()
        name = next((name for name in _prefixes(path) if name in FIGURES), None)
        if name is None:
            raise self._error(_unknown(path), start)
        rest = path[len(name) :].removeprefix(".")
        self._at = start + len(path) - len(rest)
        return name, "", self._statistic(name, rest)

    def _path(self) -> str:
        found = _PATH.match(self._text, self._at)
        if found is None:
            raise self._error("a figure is wanted, as in echo_latency.p99 < 500ms")
        self._at = found.end()
        return found[0]

    def _statistic(self, name: str, given: str) -> str:
        """Leaves the place behind it."""
        start = self._at if name != "step" else self._at - len(given)
        self._at = start + len(given)
        times = name == "step" or FIGURES[name].kind == "times"
        if not times:
            if given in ("", "count", "value"):
                return "count"
            if given == "rate":
                return given
            raise self._error(f'"{name}" has no "{given}": it has count and rate', start)
        if not given:
            raise self._error(f"{name} needs a statistic: {name}.p95, .avg, .med, .max, …", start)
        percentile = _PERCENTILE.fullmatch(given)
        if percentile is not None and float(percentile[1]) <= 100:
            return f"p{_number_text(float(percentile[1]))}"
        if given == "med":
            return "p50"
        known = [each for each in (_OF_A_STEP if name == "step" else STATISTICS) if each != "pN"]
        if given in known:
            return given
        near = _near(given, known) or f"there are {', '.join(known)} and p95, p99.9, p(95)"
        raise self._error(f'there is no statistic "{given}"; {near}', start)

    def _operator(self) -> str:
        self._space()
        found = _OPERATOR.match(self._text, self._at)
        if found is None or found[0] not in OPERATORS:
            got = f', not "{found[0]}"' if found else ""
            raise self._error(f"one of {' '.join(OPERATORS)} is wanted{got}")
        self._at = found.end()
        return found[0]

    def _limit(self, unit: str) -> float:
        self._space()
        number = _NUMBER.match(self._text, self._at)
        if number is None:
            raise self._error("a limit is wanted: 500ms, 8s, 1%, 20")
        self._at = number.end()
        self._space()
        start = self._at
        given = _UNIT.match(self._text, self._at)
        if given is not None:
            self._at = given.end()
        self._space()
        if self._at < len(self._text):
            raise self._error("nothing more is wanted here; one expression has one limit")
        limit = _in_unit(number[0], given[0] if given else "", unit)
        if limit is None:
            wanted = {"ms": "ms or s", "ratio": "% or none (0.01)"}.get(unit, "none")
            raise self._error(
                f'the unit "{given[0] if given else ""}" does not fit: {wanted}', start
            )
        if limit == float("inf"):
            raise self._error("too large a number", number.start())
        return limit

    def _space(self) -> None:
        while self._at < len(self._text) and self._text[self._at].isspace():
            self._at += 1

    def _error(self, what: str, at: int | None = None) -> ThresholdError:
        return ThresholdError(self._text, (self._at if at is None else at) + 1, what)


def _in_unit(number: str, given: str, unit: str) -> float | None:
    """None: `given` does not fit."""
    value = float(number)
    if unit == "ms" and given in ("", "ms", "s"):
        return value * 1000 if given == "s" else value
    if unit == "ratio" and given in ("", "%"):
        return value / 100 if given == "%" else value
    return value if given == "" else None


def _prefixes(path: str) -> list[str]:
    """`a.b.c`, `a.b`, `a`."""
    parts = path.split(".")
    return [".".join(parts[:end]) for end in range(len(parts), 0, -1)]


def _near(wanted: str, known: Iterable[str]) -> str:
    near = get_close_matches(wanted, list(known), n=1)
    return f'did you mean "{near[0]}"?' if near else ""


def _unknown(path: str) -> str:
    below = [name for name in FIGURES if name.startswith(f"{path}.")]
    below = below or [name for name in FIGURES if name.startswith(f"{path.split('.')[0]}_")]
    near = next(filter(None, (_near(prefix, FIGURES) for prefix in _prefixes(path))), "")
    if below or not near:
        near = f'there are {", ".join(below or FIGURES)} and step["…"]'
    return f'no figure is called "{path}"; {near}'
