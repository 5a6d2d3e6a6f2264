"""Plots as SVG inside the page: lines over time, a curve by percentile, columns.

A plot is 600 units wide and as wide as its place. Colours are the sheet's; the attributes `fill`
and `stroke` are for readers that block styles. Figures on hover are `<title>`s of invisible
columns, so that no script is needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from .markup import Child, Markup, h
from .scales import AxisScale

LEFT, RIGHT, WIDE_RIGHT, TOP, WIDTH = 50.0, 524.0, 584.0, 10.0, 600.0
#: Between the names of two lines at the right edge, and the height of a line of text.
_NAME_STEP = 13.5
_HALF_TEXT = 3.5


@dataclass(slots=True, frozen=True)
class PlotLine:
    """`kind` is a class of the sheet: a (the one that matters), b, c, n, w (warning), r (bad)."""

    name: str
    kind: str
    values: Sequence[float | None]
    filled: bool = False
    dashed: bool = False


@dataclass(slots=True, frozen=True)
class PlotMark:
    """A value that stands on the axis as a line: a limit, or a percentile (`is_limit` False)."""

    at: float
    name: str
    is_limit: bool = True


@dataclass(slots=True, frozen=True)
class PlotBand:
    """A part of the x axis: shaded, or with a line where it begins (`shaded` False)."""

    low: float
    high: float
    name: str
    shaded: bool = True


@dataclass(slots=True, frozen=True)
class PlotFrame:
    """`at`: where on the x axis the values of every line stand; `told`: what a value is called on
    hover, and `x_told` its place; the ticks of both axes with their names."""

    label: str
    at: Sequence[float]
    x: AxisScale
    y: AxisScale
    x_ticks: Sequence[tuple[float, str]]
    y_ticks: Sequence[tuple[float, str]]
    told: Callable[[str, float], str]
    x_told: Callable[[float], str]
    bands: Sequence[PlotBand] = ()
    name_bands: bool = False
    marks: Sequence[PlotMark] = field(default_factory=list)
    vertical_grid: bool = False


def lines_plot(frame: PlotFrame, lines: Sequence[PlotLine]) -> Markup:
    return _svg(
        frame,
        _bands(frame),
        _axes(frame),
        [_limit(frame, mark) for mark in frame.marks],
        [_drawn(frame, one) for one in lines],
        _names(frame, lines),
        _hover(frame, lines),
    )


def columns_plot(
    frame: PlotFrame, edges: Sequence[float], heights: Sequence[int], over: float | None
) -> Markup:
    """Columns between the edges; those that begin at `over` or beyond are drawn as bad."""
    columns = []
    for low, high, number in zip(edges[:-1], edges[1:], heights, strict=True):
        left, right, top = frame.x.at(low) + 1, frame.x.at(high) - 1, frame.y.at(number)
        beyond = over is not None and low >= over * 0.999
        attributes = {
            "class": "col over" if beyond else "col",
            "x": left,
            "y": top,
            "width": max(right - left, 0.5),
            "height": frame.y.start - top,
            "fill": "currentColor",
        }
        told = f"{frame.x_told(low)} to {frame.x_told(high)}: {frame.told('', number)}"
        columns.append(h("rect", attributes, h("title", {}, told)))
    return _svg(
        frame, _axes(frame), columns, [_upright(frame, one, n) for n, one in enumerate(frame.marks)]
    )


def _svg(frame: PlotFrame, *parts: Child) -> Markup:
    height = frame.y.start + 20
    return h(
        "svg",
        {
            "class": "plot",
            "viewBox": f"0 0 {WIDTH:.0f} {height:.0f}",
            "width": WIDTH,
            "height": height,
            "role": "img",
            "aria-label": frame.label,
            "fill": "none",
            "font-size": "10.5",
        },
        *parts,
    )


def _line(kind: str, x1: float, x2: float, y1: float, y2: float) -> Markup:
    where = {"x1": x1, "x2": x2, "y1": y1, "y2": y2}
    return h("line", {"class": kind, **where, "stroke": "currentColor"})


def _text(text: str, x: float, y: float, kind: str | None = None, anchor: str = "start") -> Markup:
    where = {"class": kind, "x": x, "y": y, "text-anchor": anchor}
    return h("text", {**where, "fill": "currentColor"}, text)


def _axes(frame: PlotFrame) -> list[Markup]:
    x, y = frame.x, frame.y
    found = []
    for n, (value, name) in enumerate(frame.y_ticks):
        level = y.at(value)
        found.append(_line("grid" if n else "axis", x.start, x.end, level, level))
        found.append(_text(name, x.start - 6, level + _HALF_TEXT, anchor="end"))
    for n, (value, name) in enumerate(frame.x_ticks):
        place = x.at(value)
        if frame.vertical_grid and n:
            found.append(_line("grid", place, place, y.end, y.start))
        anchor = "middle" if n else "start"
        found.append(_text(name, place, y.start + 15, anchor=anchor))
    return found


def _bands(frame: PlotFrame) -> list[Markup]:
    found = []
    for band in frame.bands:
        left, right = frame.x.at(band.low), frame.x.at(band.high)
        top, bottom = frame.y.end, frame.y.start
        told = h("title", {}, f"{band.name}: {frame.x_told(band.low)} to {frame.x_told(band.high)}")
        if band.shaded:
            where = {"x": left, "y": top, "width": max(right - left, 1.0), "height": bottom - top}
            found.append(h("rect", {"class": "band", **where}, told))
        elif band.low > 0:
            found.append(_line("stage", left, left, top, bottom))
        if frame.name_bands and band.shaded:
            found.append(_text(band.name, min(left + 4, frame.x.end - 60), top + 10))
    return found


def _limit(frame: PlotFrame, mark: PlotMark) -> list[Markup]:
    level = frame.y.at(mark.at)
    above = level - 4 if level - frame.y.end > 8 else level + 11
    return [
        _line("limit", frame.x.start, frame.x.end, level, level),
        _text(mark.name, frame.x.start + 4, above, "lr"),
    ]


def _upright(frame: PlotFrame, mark: PlotMark, row: int) -> list[Markup]:
    place = frame.x.at(mark.at)
    kind, name_kind = ("limit", "lr") if mark.is_limit else ("mark", "lab")
    end = place > frame.x.end - 80
    anchor = "end" if end else "start"
    level = frame.y.end + 10 + 14 * row
    return [
        _line(kind, place, place, frame.y.end, frame.y.start),
        _text(mark.name, place + (-4 if end else 4), level, name_kind, anchor),
    ]


def _drawn(frame: PlotFrame, line: PlotLine) -> list[Markup]:
    """A path with a hole wherever nothing was measured; a value between two holes is a dot."""
    pieces: list[str] = []
    open_at = False
    for at, value in zip(frame.at, line.values, strict=True):
        if value is None:
            open_at = False
            continue
        place = f"{frame.x.at(at):.1f} {frame.y.at(value):.1f}"
        pieces.append(f"L{place}" if open_at else f"M{place}h.01")
        open_at = True
    if not pieces:
        return []
    path, kind = "".join(pieces), f"{line.kind} dash" if line.dashed else line.kind
    drawn = [h("path", {"class": kind, "d": path, "fill": "none", "stroke": "currentColor"})]
    if line.filled and None not in line.values:
        ground = f"V{frame.y.start:.1f}H{frame.x.at(frame.at[0]):.1f}Z"
        drawn.insert(0, h("path", {"class": f"f{line.kind}", "d": path + ground, "fill": "none"}))
    return drawn


def _names(frame: PlotFrame, lines: Sequence[PlotLine]) -> list[Markup]:
    """The name of each line where it ends, moved apart from each other and kept above the axis."""
    ends = []
    for line in lines:
        last = next((value for value in reversed(line.values) if value is not None), None)
        if last is not None:
            ends.append((frame.y.at(last) + _HALF_TEXT, line))
    ends.sort(key=lambda end: end[0])
    levels = [level for level, _ in ends]
    lowest = frame.y.start + _HALF_TEXT
    for n in range(len(levels) - 1, -1, -1):
        levels[n] = min(levels[n], lowest)
        lowest = levels[n] - _NAME_STEP
    highest = frame.y.end
    for n, level in enumerate(levels):
        levels[n] = max(level, highest)
        highest = levels[n] + _NAME_STEP
    return [
        _text(
            line.name,
            frame.x.end + 6,
            level,
            {"n": "lab", "b": "lab", "c": "lab"}.get(line.kind, f"l{line.kind}"),
        )
        for level, (_, line) in zip(levels, ends, strict=True)
    ]


def _hover(frame: PlotFrame, lines: Sequence[PlotLine]) -> Markup:
    columns = []
    for n, at in enumerate(frame.at):
        place = frame.x.at(at)
        before = frame.x.at(frame.at[n - 1]) if n else place
        after = frame.x.at(frame.at[n + 1]) if n + 1 < len(frame.at) else place
        left, right = (before + place) / 2, (place + after) / 2
        values = [
            f"{line.name} {frame.told(line.name, value)}"
            for line in lines
            if (value := line.values[n]) is not None
        ]
        if values and right > left:
            where = {"x": left, "width": right - left, "y": frame.y.end}
            told = h("title", {}, f"{frame.x_told(at)} · {', '.join(values)}")
            columns.append(h("rect", {**where, "height": frame.y.start - frame.y.end}, told))
    return h("g", {"class": "hover", "fill": "none", "pointer-events": "all"}, columns)
