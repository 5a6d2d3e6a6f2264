"""Distributions: echo latency by percentile as it was corrected and as it was sent, the time to the
first reply in columns, and a table of every latency."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..results import Latencies, Percentiles, Summary
from .distribution import Distribution, distribution
from .html_parts import Column, data_table, heading, table
from .html_time import axis_ms, figure
from .markup import Child, Markup, h, joined
from .plots import (
    LEFT,
    WIDE_RIGHT,
    PlotFrame,
    PlotLine,
    PlotMark,
    columns_plot,
    lines_plot,
)
from .scales import AxisScale, decades, linear, nice_step
from .texts import count, duration, some, value
from .words import LATENCIES, is_measured, limit_on

_TOP, _BOTTOM, _RIGHT = 12.0, 166.0, 512.0
_PARTS = 24
_CURVE_POINTS = 121
#: Below it a curve runs along the edge: no clock in a loop of events is that exact.
_LEAST_MS = 0.1
_NINES = ((0.0, "0"), (1.0, "90 %"), (2.0, "99 %"), (3.0, "99.9 %"), (4.0, "99.99 %"))


def distributions(summary: Summary) -> Markup:
    latencies = summary.latency_ms
    corrected, as_sent = distribution(latencies.echo), distribution(latencies.echo_as_sent)
    first = distribution(latencies.first_reply)
    figures = []
    if corrected.total:
        figures.append(_echo(summary, corrected, as_sent))
    if first.total:
        figures.append(_first_reply(summary, first))
    return joined(
        heading("Distributions"),
        h("div", {"class": "plots"}, figures) if figures else None,
        _meaning(latencies) if corrected.total else None,
        h("h3", {"class": "lead"}, "All latencies"),
        _all(latencies),
    )


def by_percentile(
    label: str, curves: Sequence[tuple[str, str, Distribution, bool]], marks: Sequence[PlotMark]
) -> Markup:
    """Curves (name, kind, distribution, dashed) over the share of all, by log(1 / (1 - share))."""
    known = [one for one in curves if one[2].total]
    nines = min(max(math.log10(max(one[2].total for one in known)), 2.0), 4.5)
    at = [nines * n / (_CURVE_POINTS - 1) for n in range(_CURVE_POINTS)]
    lines = [
        PlotLine(name, kind, [found.at(_share(one)) for one in at], dashed=dashed)
        for name, kind, found, dashed in known
    ]
    values = [v for one in lines for v in one.values if v is not None]
    ticks = decades([max(one, _LEAST_MS) for one in (*values, *(mark.at for mark in marks))])
    frame = PlotFrame(
        label=label,
        at=at,
        x=AxisScale(0.0, nines, LEFT, _RIGHT),
        y=AxisScale(ticks[0], ticks[-1], _BOTTOM, _TOP, log=True),
        x_ticks=[one for one in _NINES if one[0] <= nines + 0.01],
        y_ticks=[(one, axis_ms(one)) for one in ticks],
        told=lambda _, ms: duration(ms),
        x_told=lambda one: f"{_share(one) * 100:.4g} %",
        marks=marks,
        vertical_grid=True,
    )
    return lines_plot(frame, lines)


def _share(nines: float) -> float:
    return 1 - 10**-nines


def _echo(summary: Summary, corrected: Distribution, as_sent: Distribution) -> Markup:
    found = limit_on(summary, "echo")
    marks = [PlotMark(found[0].limit, value(found[0].limit, "ms"))] if found else []
    curves = [("corrected", "a", corrected, False), ("as sent", "n", as_sent, True)]
    rows = [
        [name, duration(corrected.at(share)), duration(as_sent.at(share)) if as_sent.total else "–"]
        for share, name in (
            (0.5, "50 %"), (0.75, "75 %"), (0.9, "90 %"), (0.95, "95 %"), (0.99, "99 %"),
            (0.999, "99.9 %"), (0.9999, "99.99 %"), (1.0, "100 %"),
        )
    ]  # fmt: skip
    return figure(
        "Echo latency by percentile",
        f"whole run, {some(corrected.total, 'message')}",
        by_percentile("Echo latency by percentile, corrected and as sent", curves, marks),
        data_table("percentiles", ["share", "corrected", "as sent"], rows),
    )


def edges_for(found: Sequence[Distribution], least_ms: float) -> list[float]:
    """Of columns that hold all but the last two of a thousand, from 0."""
    most = max([least_ms, *(one.at(0.998) for one in found if one.total)])
    step = nice_step(most, _PARTS)
    return [step * n for n in range(max(math.ceil(most / step - 1e-9), 4) + 1)]


def columns_frame(label: str, edges: Sequence[float], heights: Sequence[int],
    marks: Sequence[PlotMark]) -> PlotFrame:  # fmt: skip
    ticks = linear(heights, 3)
    x_step = nice_step(edges[-1], 6)
    x_ticks = [x_step * n for n in range(int(edges[-1] / x_step + 0.001) + 1)]
    return PlotFrame(
        label=label,
        at=[],
        x=AxisScale(0.0, edges[-1], LEFT, WIDE_RIGHT),
        y=AxisScale(0.0, ticks[-1], _BOTTOM, _TOP),
        x_ticks=[(one, duration(one) if one else "0") for one in x_ticks],
        y_ticks=[(one, count(one)) for one in ticks],
        told=lambda _, number: count(number),
        x_told=lambda ms: duration(ms) if ms else "0",
        marks=marks,
    )


def _first_reply(summary: Summary, first: Distribution) -> Markup:
    found = limit_on(summary, "first_reply")
    limit = found[0].limit if found else None
    edges = edges_for([first], limit or 0.0)
    heights = first.columns(edges)
    marks = [PlotMark(first.at(share), f"{name} {duration(first.at(share))}", is_limit=False)
        for share, name in ((0.5, "p50"), (0.95, "p95"))]  # fmt: skip
    if limit is not None:
        marks.append(PlotMark(limit, f"limit {duration(limit)}"))
    rows = [
        [f"{duration(low) if low else '0'} to {duration(high)}", count(number)]
        for low, high, number in zip(edges[:-1], edges[1:], heights, strict=True)
    ]
    label = "Time to the first reply: how many conversations waited how long"
    return figure(
        "Time to the first reply",
        f"{some(first.total, 'conversation')}; the last column and above",
        columns_plot(columns_frame(label, edges, heights, marks), edges, heights, limit),
        data_table("waiting times", ["waited", "conversations"], rows),
    )


def _meaning(latencies: Latencies) -> Markup:
    hidden, told = latencies.echo_as_sent.p99, latencies.echo.p99
    more = ""
    if hidden and told:
        more = " Here nothing had to wait, so “as sent” is the same."
        if told > hidden * 1.1:
            more = f" “As sent” hides that: its p99 would be {duration(hidden)}."
    return h(
        "p",
        {"class": "dim after"},
        "Corrected: a message is measured from when the plan meant it to be sent, so those that had"
        f" to wait count with their waiting.{more}",
    )


def _all(latencies: Latencies) -> Markup:
    columns = [
        Column("Latency"), Column("Count", number=True),
        *(Column(name, number=True, optional=name not in ("p95", "p99"))
            for name in ("min", "p50", "p90", "p95", "p99", "p99.9", "max", "mean")),
    ]  # fmt: skip
    return table(columns, [_row(latencies, *one) for one in LATENCIES])


def _row(latencies: Latencies, field: str, name: str, meaning: str) -> list[Child]:
    found: Percentiles = getattr(latencies, field)
    if not is_measured(found):
        return [name, count(found.count), *["–"] * 8]
    values = (found.min, found.p50, found.p90, found.p95, found.p99)
    told = [" ", h("span", {"class": "place"}, meaning)] if meaning else None
    return [
        [name, told],
        count(found.count),
        *map(duration, (*values, found.p999, found.max, found.mean)),
    ]
