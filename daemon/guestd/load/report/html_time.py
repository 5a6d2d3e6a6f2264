"""Plots over time: six on one axis, with the same bands, and the figures behind each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..results import Point, Summary
from .html_parts import data_table, heading
from .markup import Markup, h, joined
from .plots import (
    LEFT,
    RIGHT,
    TOP,
    PlotBand,
    PlotFrame,
    PlotLine,
    PlotMark,
    lines_plot,
)
from .scales import AxisScale, decades, linear, time_ticks
from .texts import clock, count, duration, line, percent, value
from .words import limit_on

POINTS_MAX = 200
BANDS_MAX = 50
_BOTTOM = 116.0
_STATES = (("live", "a"), ("opening", "w"), ("resting", "r"), ("waiting", "n"), ("leaving", "b"))
_LAG_SHOWN_MS = 200.0


@dataclass(slots=True, frozen=True)
class _Time:
    """What all plots of a run share."""

    points: Sequence[Point]
    length_s: float
    bands: Sequence[PlotBand]

    def frame(
        self,
        label: str,
        y_ticks: Sequence[tuple[float, str]],
        told: Callable[[str, float], str],
        *,
        log: bool = False,
        marks: Sequence[PlotMark] = (),
        name_bands: bool = False,
    ) -> PlotFrame:
        return PlotFrame(
            label=label,
            at=[_middle(point) for point in self.points],
            x=AxisScale(0.0, self.length_s, LEFT, RIGHT),
            y=AxisScale(y_ticks[0][0], y_ticks[-1][0], _BOTTOM, TOP, log),
            x_ticks=time_ticks(self.length_s),
            y_ticks=y_ticks,
            told=told,
            x_told=clock,
            bands=self.bands,
            marks=marks,
            name_bands=name_bands,
        )


def _middle(point: Point) -> float:
    return point.at_s + point.length_s / 2


def over_time(summary: Summary) -> Markup:
    points = summary.points[:POINTS_MAX]
    if not points:
        return joined(
            heading("Over time"), h("p", {"class": "dim"}, "No rows over time were kept.")
        )
    last = points[-1]
    bands = [
        PlotBand(one.from_s, one.to_s, line(one.label, 24), shaded=one.kind == "fault")
        for one in summary.bands[:BANDS_MAX]
    ]
    time = _Time(points, max(last.at_s + last.length_s, 1.0), bands)
    shaded = sorted({band.name for band in bands if band.shaded})
    more = "since the start" + (f"; shaded: {', '.join(shaded[:3])}" if shaded else "")
    figures = [
        _guests(summary, time),
        _messages(time),
        _echo(summary, time),
        _first_reply(summary, time),
        _trouble(time),
        _overhead(summary, time),
    ]
    return joined(heading("Over time", more), h("div", {"class": "plots"}, figures))


def figure(name: str, more: str, *parts: Markup) -> Markup:
    return h("figure", {}, h("figcaption", {}, name, " ", h("small", {}, more)), parts)


def _counted(ticks: Sequence[float]) -> list[tuple[float, str]]:
    return [(one, count(one)) for one in ticks]


def _timed(ticks: Sequence[float]) -> list[tuple[float, str]]:
    return [(one, axis_ms(one)) for one in ticks]


def axis_ms(ms: float) -> str:
    """For an axis: 1, 10, 100, 1 s."""
    return f"{ms / 1000:,g} s" if ms >= 1000 else f"{ms:g}"


def _plain(_name: str, number: float) -> str:
    return count(number)


def _rate(_name: str, number: float) -> str:
    return f"{number:,.1f}"


def _ms(_name: str, number: float) -> str:
    return duration(number)


def _guests(summary: Summary, time: _Time) -> Markup:
    states = [
        (state, kind)
        for state, kind in _STATES
        if state == "live" or any(point.guests.get(state) for point in time.points)
    ]
    lines = [
        PlotLine(state, kind, [float(point.guests.get(state, 0)) for point in time.points],
            filled=state == "live")
        for state, kind in states
    ]  # fmt: skip
    highest = [max((v or 0.0 for v in one.values), default=0.0) for one in lines]
    frame = time.frame("Guests by state over time", _counted(linear(highest, least=4)), _plain,
        name_bands=True)  # fmt: skip
    rows = [[clock(point.at_s), *(count(point.guests.get(state, 0)) for state, _ in states)]
        for point in time.points]  # fmt: skip
    return figure(
        "Guests",
        f"most {count(summary.sessions.most_at_once)}",
        lines_plot(frame, lines),
        data_table("guests", ["from", *(state for state, _ in states)], rows),
    )


def _messages(time: _Time) -> Markup:
    lines = [
        PlotLine("received", "n", [p.received / _length(p) for p in time.points]),
        PlotLine("sent", "a", [p.sent / _length(p) for p in time.points]),
    ]
    values = [v for one in lines for v in one.values if v is not None]
    frame = time.frame("Messages sent and received per second", _counted(linear(values)), _rate)
    rows = [
        [clock(p.at_s), *map(count, (p.sent, p.confirmed, p.received, p.opened, p.ended))]
        for p in time.points
    ]
    most = max((v for v in lines[1].values if v is not None), default=0.0)
    names = ["from", "sent", "confirmed", "received", "guests opened", "ended"]
    return figure(
        "Messages per second",
        f"most {count(round(most, 1))} sent",
        lines_plot(frame, lines),
        data_table("messages", names, rows),
    )


def _length(point: Point) -> float:
    return max(point.length_s, 1e-3)


def _echo(summary: Summary, time: _Time) -> Markup:
    found = [point.echo_ms for point in time.points]
    lines = [
        PlotLine("p50", "c", [one.p50 for one in found]),
        PlotLine("p95", "b", [one.p95 for one in found]),
        PlotLine("p99", "a", [one.p99 for one in found]),
    ]
    marks = _limits(summary, "echo")
    values = [v for one in lines for v in one.values if v] + [mark.at for mark in marks]
    frame = time.frame("Echo latency percentiles over time, logarithmic",
        _timed(decades(values)), _ms, log=True, marks=marks)  # fmt: skip
    rows = [
        [clock(p.at_s), count(p.echo_ms.count), *map(duration,
            (p.echo_ms.p50, p.echo_ms.p95, p.echo_ms.p99, p.echo_ms.max))]
        for p in time.points
    ]  # fmt: skip
    return figure(
        "Echo latency",
        "from the intended time",
        lines_plot(frame, lines),
        data_table("echo latency", ["from", "count", "p50", "p95", "p99", "max"], rows),
    )


def _limits(summary: Summary, measure: str) -> list[PlotMark]:
    found = limit_on(summary, measure)
    if found is None:
        return []
    one, name = found
    return [PlotMark(one.limit, f"{name} limit {value(one.limit, 'ms')}, whole run")]


def _first_reply(summary: Summary, time: _Time) -> Markup:
    found = [point.first_reply_ms for point in time.points]
    lines = [
        PlotLine("p50", "c", [one.p50 for one in found]),
        PlotLine("p95", "a", [one.p95 for one in found]),
    ]
    marks = _limits(summary, "first_reply")
    values = [v for one in lines for v in one.values if v] + [mark.at * 1.1 for mark in marks]
    frame = time.frame("Time to the first reply over time", _timed(linear(values, 3)), _ms,
        marks=marks)  # fmt: skip
    rows = [
        [clock(p.at_s), count(p.first_reply_ms.count), *map(duration,
            (p.first_reply_ms.p50, p.first_reply_ms.p95, p.first_reply_ms.p99))]
        for p in time.points
    ]  # fmt: skip
    return figure(
        "First reply",
        "from the guest’s first message",
        lines_plot(frame, lines),
        data_table("first replies", ["from", "count", "p50", "p95", "p99"], rows),
    )


def _trouble(time: _Time) -> Markup:
    lines = [
        PlotLine("429", "w", [float(p.throttled) for p in time.points]),
        PlotLine("failed", "r", [float(p.steps_failed) for p in time.points]),
        PlotLine("lost", "a", [float(p.lost_connections) for p in time.points]),
    ]
    values = [v for one in lines for v in one.values if v is not None]
    frame = time.frame("Lost connections, answers 429 and failed steps over time",
        _counted(linear(values, least=4)), _plain)  # fmt: skip
    rows = [
        [clock(p.at_s), *map(count, (p.lost_connections, p.throttled, p.steps_failed))]
        for p in time.points
    ]
    each = duration(_length(time.points[0]) * 1000)
    return figure(
        "Lost connections, 429, failed steps",
        f"per {each}",
        lines_plot(frame, lines),
        data_table("errors", ["from", "lost connections", "429", "failed steps"], rows),
    )


def _overhead(summary: Summary, time: _Time) -> Markup:
    mine = summary.overhead
    lag_most = max((p.lag_ms for p in time.points), default=0.0)
    lines = [
        PlotLine("lag ms", "n", [p.lag_ms for p in time.points]),
        PlotLine("CPU %", "a", [p.cpu * 100 for p in time.points]),
    ]
    limit = mine.cpu_share_max * 100
    values = [limit * 1.1, *(v for v in lines[1].values if v is not None)]
    ticks = linear([*values, min(lag_most, _LAG_SHOWN_MS)])
    marks = [PlotMark(limit, "CPU: not valid above")]

    def told(name: str, number: float) -> str:
        return f"{number:.1f}" if name == "lag ms" else f"{number:.0f}"

    frame = time.frame("CPU and event loop lag of the load generator", _counted(ticks), told,
        marks=marks)  # fmt: skip
    rows = [[clock(p.at_s), percent(p.cpu), duration(p.lag_ms)] for p in time.points]
    cut = f"; lag above {ticks[-1]:.0f} ms is at the edge" if lag_most > ticks[-1] else ""
    return figure(
        "Load generator overhead",
        f"valid: at most {percent(mine.cpu_share_max)} and {duration(mine.lag_limit_ms)} p99{cut}",
        lines_plot(frame, lines),
        data_table("overhead", ["from", "CPU", "loop lag"], rows),
    )
