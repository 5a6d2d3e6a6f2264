"""Two runs compared, for a terminal."""

from __future__ import annotations

from ..measure.compare import CountComparison, MeasureComparison, RunComparison
from ..results import Summary
from .compare_html import comparison_kind
from .terminal import Paint, Pen, left, shown, wrapped
from .texts import duration, line, period
from .words import LATENCIES, verdict

WIDTH, WIDTH_MIN = 80, 40
_FIRST = 19
_NAMES = {field: name.lower() for field, name, _ in LATENCIES}
_PAINTS: dict[str, Paint] = {
    "slower": "bad", "more": "bad", "mixed": "warn", "faster": "good", "fewer": "good",
    "ok": "good", "warn": "warn", "bad": "bad",
}  # fmt: skip


def compare_text(
    a: Summary, b: Summary, comparison: RunComparison, width: int = WIDTH, colour: bool = True
) -> str:
    """The verdict, then what it is made of; with a newline at its end."""
    pen, width = Pen(colour), max(width, WIDTH_MIN)
    lines = [
        pen(shown(comparison.verdict, width), _PAINTS[comparison_kind(comparison)]),
        *(_run(name, run, width, pen) for name, run in (("first", a), ("second", b))),
        *(pen(shown(f"warning: {one}", width), "warn") for one in comparison.warnings),
        "",
    ]
    for measure in comparison.measures:
        lines += _measure(measure, width, pen)
    lines.append("")
    lines += [_count(one, width, pen) for one in comparison.counts]
    return "\n".join(one.rstrip() for one in lines) + "\n"


def _run(name: str, run: Summary, width: int, pen: Pen) -> str:
    when = period(run.started_at, run.ended_at)
    words = f"{verdict(run).words.lower()}; {when}; {line(run.name, 60) or 'load run'}"
    return pen(left(name, 8), "dim") + shown(words, width - 8)


def _measure(one: MeasureComparison, width: int, pen: Pen) -> list[str]:
    name = _NAMES.get(one.name, one.name)
    figures = "  ".join(
        f"{quantile.name} {duration(quantile.a_ms)} → {duration(quantile.b_ms)}"
        for quantile in one.quantiles
    )
    found = [left(name, _FIRST) + pen(shown(figures, width - _FIRST), "dim")]
    if one.verdict != "same":
        paint = _PAINTS.get(one.verdict, "")
        told = wrapped(one.sentence, width - _FIRST)
        found += [" " * _FIRST + pen(words, paint) for words in told]
    return found


def _count(one: CountComparison, width: int, pen: Pen) -> str:
    words = shown(one.sentence, width - _FIRST)
    return left(one.name, _FIRST) + pen(words, _PAINTS.get(one.verdict, "dim"))
