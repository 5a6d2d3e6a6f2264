"""Two runs on one page: what changed and how sure that is, with both curves in the same plots."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from ..measure.compare import CountComparison, MeasureComparison, RunComparison
from ..results import Point, Summary
from .distribution import distribution
from .html import page
from .html_distribution import by_percentile
from .html_overview import title
from .html_parts import Cell, Column, data_table, facts, heading, table
from .html_time import axis_ms, figure
from .markup import Child, Markup, h, joined
from .plots import LEFT, RIGHT, TOP, PlotFrame, PlotLine, lines_plot
from .scales import AxisScale, decades, linear, time_ticks
from .texts import clock, count, duration, line, percent, period, some
from .words import LATENCIES, verdict

WARNINGS_MAX = 20
_BOTTOM = 116.0
_POINTS_MAX = 200
_NAMES = {field: name for field, name, _ in LATENCIES}
_KINDS = {"slower": "bad", "more": "bad", "mixed": "warn", "faster": "ok", "fewer": "ok"}
_SIGNS = {"ok": "✓", "bad": "×", "warn": "!"}


def compare_html(a: Summary, b: Summary, comparison: RunComparison) -> str:
    """The whole file. `a` is the earlier run, `b` the one that is judged."""
    return page(
        f"{line(comparison.verdict, 160)} · {title(a)} and {title(b)} · guestd load compare",
        _head(a, b, comparison),
        _warnings(comparison),
        _runs(a, b),
        _measures(comparison),
        _counts(comparison),
        _over_time(a, b),
        _distributions(a, b),
    )


def comparison_kind(comparison: RunComparison) -> Literal["ok", "warn", "bad"]:
    """ok, warn or bad, by the worst of all verdicts; what cannot be compared is a warning."""
    found: list[str] = [one.verdict for one in comparison.counts]
    found += [one.verdict for one in comparison.measures if one.name != "echo_as_sent"]
    if not comparison.comparable:  # then only what was lost or failed can be worse
        return "bad" if "more" in found else "warn"
    kinds = {_KINDS[one] for one in found if one in _KINDS}
    if "bad" in kinds:
        return "bad"
    return "warn" if "warn" in kinds or comparison.warnings else "ok"


def _head(a: Summary, b: Summary, comparison: RunComparison) -> Markup:
    kind = comparison_kind(comparison)
    words = line(comparison.verdict, 300)
    names = title(a) if title(a) == title(b) else f"{title(a)}, and {title(b)}"
    return h(
        "header",
        {"class": "top"},
        h("h1", {}, names),
        h(
            "p",
            {"class": f"verdict {kind}"},
            h("i", {"aria-hidden": "true"}, _SIGNS[kind]),
            f"{words[:1].upper()}{words[1:]}",
        ),
        h("p", {"class": "dim"}, "Two runs: the first in grey, the second in blue."),
    )


def _warnings(comparison: RunComparison) -> Markup | None:
    if not comparison.warnings:
        return None
    listed = "; ".join(line(one) for one in comparison.warnings[:WARNINGS_MAX])
    return h("p", {"class": "note warn"}, h("b", {}, "They may not be comparable:"), f" {listed}.")


def _runs(a: Summary, b: Summary) -> Markup:
    pairs = [(f"{name} run", _run(run)) for name, run in (("First", a), ("Second", b))]
    return joined(heading("Runs"), facts("env", pairs))


def _run(run: Summary) -> str:
    target = line(run.environment.target, 80)
    guests = some(run.sessions.planned or run.sessions.opened, "guest")
    version = f", guestd {line(run.environment.guestd, 40)}" if run.environment.guestd else ""
    return (
        f"{period(run.started_at, run.ended_at)}: {verdict(run).words.lower()}; {guests}"
        f" against {target or 'no target'}, seed {run.seed}{version}"
    )


def _measures(comparison: RunComparison) -> Markup:
    columns = [
        Column("Latency"), Column("Verdict"), Column("p50", number=True, optional=True),
        Column("p95", number=True, optional=True), Column("p99", number=True),
        Column("Change", optional=True),
    ]  # fmt: skip
    rows = [_measure(one) for one in comparison.measures]
    return joined(
        heading("Latencies", "first run → second run; changes are told when 99 % sure"),
        table(columns, rows) if rows else h("p", {"class": "dim"}, "None were measured in both."),
    )


def _measure(one: MeasureComparison) -> list[Child | Cell]:
    by_name = {quantile.name: quantile for quantile in one.quantiles}
    cells: list[Child | Cell] = []
    for name in ("p50", "p95", "p99"):
        quantile = by_name.get(name)
        if quantile is None:
            cells.append("–")
            continue
        text = f"{duration(quantile.a_ms)} → {duration(quantile.b_ms)}"
        kind = _KINDS.get(quantile.verdict, "")
        cells.append(Cell(text, f"pair {kind}".strip()))
    words = one.verdict.replace("_", " ")
    numbers = f"{count(one.count_a)} and {count(one.count_b)}"
    return [
        [_NAMES.get(one.name, one.name), " ", h("span", {"class": "place pair"}, numbers)],
        Cell(words, f"word {_KINDS.get(one.verdict, 'dim')}"),
        *cells,
        Cell(line(one.sentence), "dim"),
    ]


def _counts(comparison: RunComparison) -> Markup | None:
    if not comparison.counts:
        return None
    columns = [
        Column("Count"), Column("Verdict"), Column("First", number=True),
        Column("Second", number=True), Column("Share", number=True, optional=True),
        Column("Change", optional=True),
    ]  # fmt: skip
    return joined(heading("Counts"), table(columns, map(_count, comparison.counts)))


def _count(one: CountComparison) -> list[Child | Cell]:
    share = f"{_share(one.count_a, one.of_a)} → {_share(one.count_b, one.of_b)}"
    return [
        line(one.name, 80),
        Cell(one.verdict, f"word {_KINDS.get(one.verdict, 'dim')}"),
        count(one.count_a),
        count(one.count_b),
        share,
        Cell(line(one.sentence), "dim"),
    ]


def _share(part: int, whole: int) -> str:
    return percent(part / whole) if whole else "–"


def _over_time(a: Summary, b: Summary) -> Markup | None:
    if not a.points or not b.points:
        return None
    figures = [
        _plot("Guests live", "", a, b, lambda one: float(one.guests.get("live", 0)), counted),
        _plot("Messages sent per second", "", a, b, _sent, counted),
        _plot("Echo latency, p99", "from the intended time", a, b,
            lambda one: one.echo_ms.p99, timed, log=True),
        _plot("First reply, p95", "from the guest’s first message", a, b,
            lambda one: one.first_reply_ms.p95, timed),
        _plot("Failed steps", "", a, b, lambda one: float(one.steps_failed), counted),
        _plot("CPU of the load generator", "percent of a core", a, b,
            lambda one: one.cpu * 100, counted),
    ]  # fmt: skip
    return joined(heading("Over time", "since each start"), h("div", {"class": "plots"}, figures))


def _sent(point: Point) -> float:
    return point.sent / max(point.length_s, 1e-3)


def counted(number: float) -> str:
    return count(round(number, 1))


def timed(ms: float) -> str:
    return duration(ms)


def _plot(
    name: str,
    more: str,
    a: Summary,
    b: Summary,
    of: Callable[[Point], float | None],
    told: Callable[[float], str],
    log: bool = False,
) -> Markup:
    """Both runs on one axis of time: each value stands where its part of the run was."""
    length_s = max(*(run.points[-1].at_s + run.points[-1].length_s for run in (a, b)), 1.0)
    at, first, second = _together(a.points[:_POINTS_MAX], b.points[:_POINTS_MAX], of)
    values = [one for one in (*first, *second) if one is not None]
    ticks = decades([one for one in values if one]) if log else linear(values)
    names = axis_ms if told is timed else counted
    frame = PlotFrame(
        label=f"{name} of both runs over time",
        at=at,
        x=AxisScale(0.0, length_s, LEFT, RIGHT),
        y=AxisScale(ticks[0], ticks[-1], _BOTTOM, TOP, log),
        x_ticks=time_ticks(length_s),
        y_ticks=[(one, names(one)) for one in ticks],
        told=lambda _, number: told(number),
        x_told=clock,
    )
    lines = [PlotLine("first", "n", first), PlotLine("second", "a", second)]
    rows = [
        [clock(when), *("–" if one is None else told(one) for one in pair)]
        for when, *pair in zip(at, first, second, strict=True)
    ]
    data = data_table(name, ["at", "first", "second"], rows)
    return figure(name, more, lines_plot(frame, lines), data)


def _together(
    a: Sequence[Point], b: Sequence[Point], of: Callable[[Point], float | None]
) -> tuple[list[float], list[float | None], list[float | None]]:
    """Values of both at the middles of the longer run's rows, each from the row that covers it."""
    longer = max((a, b), key=lambda one: (one[-1].at_s, len(one)))
    at = [one.at_s + one.length_s / 2 for one in longer]
    return at, [_value(a, one, of) for one in at], [_value(b, one, of) for one in at]


def _value(
    points: Sequence[Point], at_s: float, of: Callable[[Point], float | None]
) -> float | None:
    covering = (one for one in points if one.at_s <= at_s < one.at_s + one.length_s)
    found = next(covering, None)
    return None if found is None else of(found)


def _distributions(a: Summary, b: Summary) -> Markup | None:
    figures = []
    for field, name, meaning in LATENCIES:
        of_a = distribution(getattr(a.latency_ms, field))
        of_b = distribution(getattr(b.latency_ms, field))
        if not of_a.total or not of_b.total:
            continue
        curves = [("first", "n", of_a, False), ("second", "a", of_b, False)]
        label = f"{name} of both runs by percentile"
        rows = [
            [told, duration(of_a.at(share)), duration(of_b.at(share))]
            for share, told in ((0.5, "50 %"), (0.9, "90 %"), (0.95, "95 %"), (0.99, "99 %"),
                (0.999, "99.9 %"), (1.0, "100 %"))
        ]  # fmt: skip
        plot = by_percentile(label, curves, [])
        data = data_table(f"{name} by percentile", ["share", "first", "second"], rows)
        figures.append(figure(name, meaning, plot, data))
    if not figures:
        return None
    return joined(heading("Distributions"), h("div", {"class": "plots"}, figures))
