"""The rows of a run as CSV, for spreadsheets and notebooks: the points over time, and the steps.

Every figure has a column of its own, in the unit of its name; what was not measured is empty."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from ..results import Percentiles, Point, StepFigures, Summary
from .texts import cut

_STATES = ("waiting", "opening", "live", "resting", "leaving")
_COUNTS = (
    "sent", "confirmed", "received", "opened", "ended", "steps_failed", "lost_connections",
    "throttled", "cpu", "lag_ms",
)  # fmt: skip
_FIGURES = ("count", "min", "p50", "p90", "p95", "p99", "p999", "max", "mean")
#: A spreadsheet would compute what begins with one of these.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def points_csv(summary: Summary) -> str:
    """One row for each part of the run."""
    header = [
        "at_s", "length_s", *(f"guests_{state}" for state in _STATES), *_COUNTS,
        *_names("echo"), *_names("first_reply"),
    ]  # fmt: skip
    return _csv(header, map(_point, summary.points))


def steps_csv(summary: Summary) -> str:
    """One row for each step of each scenario; `failures` as kind=count, separated by blanks."""
    header = ["scenario", "step", "label", "place", "run", "failed", "failures", *_names("took")]
    return _csv(header, map(_step, summary.steps))


def _csv(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(header)
    writer.writerows(rows)
    return out.getvalue()


def _names(measure: str) -> list[str]:
    return [f"{measure}_count", *(f"{measure}_{name}_ms" for name in _FIGURES[1:])]


def _point(one: Point) -> list[str]:
    return [
        _number(one.at_s),
        _number(one.length_s),
        *(_number(one.guests.get(state, 0)) for state in _STATES),
        *(_number(getattr(one, name)) for name in _COUNTS),
        *_percentiles(one.echo_ms),
        *_percentiles(one.first_reply_ms),
    ]


def _step(one: StepFigures) -> list[str]:
    kinds = " ".join(f"{kind}={number}" for kind, number in sorted(one.failures.items()))
    counts = [_number(one.run), _number(one.failed), _text(kinds)]
    names = [_text(one.scenario), _number(one.step), _text(one.label), _text(one.place)]
    return [*names, *counts, *_percentiles(one.took_ms)]


def _percentiles(found: Percentiles) -> list[str]:
    return [_number(getattr(found, name)) for name in _FIGURES]


def _number(number: float | None) -> str:
    if number is None:
        return ""
    return str(int(number)) if float(number).is_integer() else f"{number:.6g}"


def _text(text: str) -> str:
    shown = " ".join(cut(text, 2000).split())
    return f"'{shown}" if shown.startswith(_FORMULA) else shown
