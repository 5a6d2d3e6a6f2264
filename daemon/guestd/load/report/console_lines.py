"""A run on the terminal: the screen while it runs, a JSON line where there is no terminal, and the
block at its end. All of them pure: values in, text out; the runner writes it."""

from __future__ import annotations

from collections.abc import Sequence

from ...observe import terminal_text
from ..measure.live_view import LiveView
from ..results import NOT_VALID, Percentiles, Summary, ThresholdResult
from .chosen import chosen, worth_telling
from .live_figures import STATES, live_figures
from .not_asked import REMEDY, not_asked
from .terminal import Paint, Pen, left, right, shown, sides, sparkline, wrapped
from .texts import clock, count, duration, line, percent, period, some, value
from .words import (
    LATENCIES,
    drops,
    failed_first,
    is_measured,
    known,
    remarks,
    validity,
    verdict,
    what_went_wrong,
)

WIDTH, HEIGHT = 80, 24
WIDTH_MIN = 40
_NAME = 13
_FIRST = 19
#: Lines of waits and errors, and of thresholds.
_ROWS, _THRESHOLD_ROWS = 4, 4
_ENDED_ROWS = 12


def live_screen(
    view: LiveView, width: int = WIDTH, height: int = HEIGHT, colour: bool = True
) -> str:
    """A frame: exactly `height` lines of at most `width` cells (40 at least), without a newline at
    the end."""
    pen, width = Pen(colour), max(width, WIDTH_MIN)
    lines = [
        _title(view, width, pen),
        pen(shown(f"live page: {view.page}", width), "dim") if view.page else "",
        *_counts(view, width, pen),
        "",
        *_latencies(view, width, pen),
        "",
        *_minute(view, width, pen),
        "",
        *_waits_and_errors(view, width, pen),
        _warnings(view.warnings, width, pen),
        *_thresholds(view.thresholds, width, pen, _THRESHOLD_ROWS),
    ]
    kept = (lines + [""] * height)[: height - 1]
    return "\n".join([*kept, _footer(view, width, pen)])


def _title(view: LiveView, width: int, pen: Pen) -> str:
    ends = "until all are through" if view.left_s is None else f"{clock(max(view.left_s, 0))} left"
    times = f"  {clock(view.elapsed_s)}, {'stopping' if view.stopping else ends}"
    return pen(sides(view.title, times, width), "bold")


def _counts(view: LiveView, width: int, pen: Pen) -> list[str]:
    states = "  ".join(f"{state} {count(view.guests.get(state, 0))}" for state in STATES)
    sessions = (
        f"{count(view.opened)} opened ({view.opened_per_s:,.1f}/s), {count(view.ended)} ended,"
        f"{_unconfirmed(view.unconfirmed_end)} {count(view.failed)} failed"
    )
    messages = (
        f"{count(view.sent)} sent ({view.sent_per_s:,.1f}/s), {count(view.confirmed)} confirmed,"
        f" {count(view.received)} received ({view.received_per_s:,.1f}/s)"
    )
    of = f"  of {count(view.planned)}"
    wide = width - _NAME
    return [
        pen(left("guests", _NAME), "dim") + sides(states, of, wide).rstrip(),
        pen(left("sessions", _NAME), "dim") + shown(sessions, wide),
        pen(left("messages", _NAME), "dim") + shown(messages, wide),
    ]


def _unconfirmed(ends: int) -> str:
    return f" {count(ends)} unconfirmed," if ends else ""


def _latencies(view: LiveView, width: int, pen: Pen) -> list[str]:
    names = ("count", "p50", "p95", "p99", "max")
    cell = min((width - _NAME) // len(names), 12)
    head = left("latency", _NAME) + "".join(right(name, cell) for name in names)
    rows = [
        pen(left(name, _NAME), "dim")
        + "".join(
            right(text, cell)
            for text in (count(found.count), *map(duration, (found.p50, found.p95, found.p99,
                found.max)))
        )
        for name, found in (("echo", view.echo), ("first reply", view.first_reply))
    ]  # fmt: skip
    return [pen(head, "dim"), *rows]


def _minute(view: LiveView, width: int, pen: Pen) -> list[str]:
    wide = min(width - _NAME - 12, 60)
    found = []
    for name, values, told in (
        ("echo p95, ms", view.echo_minute, duration),
        ("sent/s", view.sent_minute, count),
    ):
        most = max((one for one in values[-wide:] if one is not None), default=None)
        drawn = right(sparkline(values, wide), wide)
        top = f"  {told(most)}" if most is not None else ""
        found.append(pen(left(name, _NAME), "dim") + drawn + pen(shown(top, 12), "dim"))
    return found


def _waits_and_errors(view: LiveView, width: int, pen: Pen) -> list[str]:
    half = (width - 2) // 2
    head = left("waits for", half + 2) + shown(
        "errors" if view.errors else "no errors", width - half - 2
    )
    found = [pen(head, "dim")]
    errors = [(one.what, one.count) for one in view.errors]
    for n in range(_ROWS):
        first = _counted(view.waits, n, half)
        last = _counted(errors, n, width - half - 2)
        found.append(f"{left(first, half)}  {pen(last, 'bad')}".rstrip())
    return found


def _warnings(warnings: Sequence[tuple[str, int]], width: int, pen: Pen) -> str:
    if not warnings:
        return ""
    words = "; ".join(f"{what} {count(number)}" for what, number in warnings[:_ROWS])
    return pen(left("log warnings", _NAME), "dim") + pen(shown(words, width - _NAME), "warn")


def _counted(pairs: Sequence[tuple[str, int]], n: int, width: int) -> str:
    if n >= len(pairs):
        return ""
    if n == _ROWS - 1 and len(pairs) > _ROWS:
        number = sum(times for _, times in pairs[n:])
        return sides(f"{count(len(pairs) - n)} other kinds", f" {count(number)}", width)
    return sides(pairs[n][0], f" {count(pairs[n][1])}", width)


def _thresholds(
    thresholds: Sequence[ThresholdResult], width: int, pen: Pen, most: int
) -> list[str]:
    if not thresholds:
        return []
    ordered = failed_first(thresholds)
    failed, still_open = sum(not one.ok for one in ordered), sum(one.is_open for one in ordered)
    words = f"{failed} of {len(ordered)} failed" if failed else f"all {len(ordered)} met"
    if still_open and not failed:
        words = f"{len(ordered) - still_open} of {len(ordered)} met so far"
    found = [pen(left("thresholds", _NAME), "dim") + pen(words, "bad" if failed else "good")]
    shown_rows = ordered if len(ordered) < most else ordered[: most - 1]
    found += [_threshold(one, width, pen) for one in shown_rows]
    return found


def _ended_thresholds(summary: Summary, width: int, pen: Pen) -> list[str]:
    """All of them, the failed ones next to the verdict below, which says how many they are."""
    if not summary.thresholds:
        return []
    ordered = sorted(summary.thresholds, key=lambda one: not one.ok)
    return ["", pen("thresholds", "dim"), *(_threshold(one, width, pen) for one in ordered)]


def _threshold(one: ThresholdResult, width: int, pen: Pen) -> str:
    mark = pen("met   ", "good") if one.ok else pen("failed", "bad")
    mark = pen("ignored", "dim") if one.ignored else mark
    measured = value(one.value, one.unit) if one.value is not None else "not measured"
    note = f"  {line(one.note, 200)}" if one.note else ""
    if one.is_open:
        mark, measured, note = pen("open  ", "dim"), one.note, ""
    wide = min(width - 22, 32)
    return f"{mark}  {left(one.expression, wide)} {shown(measured + note, width - wide - 9)}"


def _footer(view: LiveView, width: int, pen: Pen) -> str:
    mine = view.overhead
    slow = mine.cpu_share > mine.cpu_share_max or mine.lag_p99_ms > mine.lag_limit_ms
    told = f"load generator: CPU {percent(mine.cpu_share)}, loop lag {duration(mine.lag_p99_ms)}"
    told += "; too slow, so not valid" if slow else ""
    hint = "Ctrl-C again: stop at once" if view.stopping else "Ctrl-C: stop"
    return pen(sides(told, f"  {hint}", width), "warn" if slow else "dim")


def json_line(view: LiveView) -> str:
    """One JSON object for each second, where nothing draws a screen."""
    return terminal_text.json_line(live_figures(view), separators=(",", ":"))


def summary_text(summary: Summary, width: int = WIDTH, colour: bool = True) -> str:
    """The block at the end of a run, with a newline at its end. Thresholds and verdict are last,
    where a terminal still shows them."""
    pen, width = Pen(colour), max(width, WIDTH_MIN)
    lines = [
        pen(shown(summary.name or "Load run", width), "bold"),
        pen(shown(period(summary.started_at, summary.ended_at), width), "dim"),
        "",
        *_ended_counts(summary, width, pen),
        "",
        *_ended_latencies(summary, width, pen),
        *_ended_errors(summary, width, pen),
        *_ended_warnings(summary, width, pen),
        *_ended_conversations(summary, width, pen),
        *_ended_remarks(summary, width, pen),
        *_ended_thresholds(summary, width, pen),
        *_ended_verdict(summary, width, pen),
        *_ended_unasked(summary, width, pen),
        *_ended_not_valid(summary, width, pen),
    ]
    return "\n".join(text.rstrip() for text in lines) + "\n"


def _ended_verdict(summary: Summary, width: int, pen: Pen) -> list[str]:
    found = verdict(summary)
    paints: dict[str, Paint] = {"ok": "good", "bad": "bad", "warn": "warn"}
    lead, why = validity(summary)
    return [
        "",
        pen(shown(found.words, width), paints[found.kind]),
        *wrapped(what_went_wrong(summary, has_thresholds=True), width),
        *wrapped(f"{lead} {why}", width),
    ]


def _ended_counts(summary: Summary, width: int, pen: Pen) -> list[str]:
    guests, messages = summary.sessions, summary.messages
    steps = sum(one.run for one in summary.steps)
    failed = sum(one.failed for one in summary.steps)
    told = (
        ("guests", f"{count(guests.opened)} of {count(guests.planned)} opened,"
            f" {count(guests.ended)} ended,{_unconfirmed(guests.unconfirmed_end)}"
            f" {count(guests.failed)} failed,"
            f" most at once {count(guests.most_at_once)}"),
        ("messages", f"{count(messages.sent)} sent, {count(messages.confirmed)} confirmed,"
            f" {count(messages.received)} received, {count(messages.failed)} failed"),
        ("delivery", f"{known(summary, 'lost')} lost, {known(summary, 'doubled')} doubled,"
            f" {known(summary, 'reordered')} reordered, {count(summary.uncertain)} uncertain"),
        ("steps", f"{count(steps)} run, {count(failed)} failed"),
        ("drops", drops(summary)),
    )  # fmt: skip
    return [pen(left(name, _NAME), "dim") + shown(words, width - _NAME)
        for name, words in told if words]  # fmt: skip


def _ended_latencies(summary: Summary, width: int, pen: Pen) -> list[str]:
    names = ("count", "p50", "p95", "p99", "p99.9", "max")
    cell = min((width - _FIRST) // len(names), 12)
    lines = [pen(left("latency", _FIRST) + "".join(right(name, cell) for name in names), "dim")]
    for attribute, name, _ in LATENCIES:
        found: Percentiles = getattr(summary.latency_ms, attribute)
        if is_measured(found):
            texts = map(duration, (found.p50, found.p95, found.p99, found.p999, found.max))
            cells = "".join(right(text, cell) for text in (count(found.count), *texts))
            lines.append(pen(left(name.lower(), _FIRST), "dim") + cells)
    return lines


def _ended_errors(summary: Summary, width: int, pen: Pen) -> list[str]:
    pairs = [(f"connection lost: {one.cause}", one.count) for one in summary.lost_connections]
    pairs += [(f"429: {one.bucket}", one.count) for one in summary.throttling]
    pairs += [(one.what, one.count) for one in summary.errors]
    return _counted_lines("errors", pairs, width, pen)


def _ended_warnings(summary: Summary, width: int, pen: Pen) -> list[str]:
    pairs = [(one.what, one.count) for one in summary.warnings]
    return _counted_lines("warnings of the log", pairs, width, pen)


def _counted_lines(name: str, pairs: Sequence[tuple[str, int]], width: int, pen: Pen) -> list[str]:
    if not pairs:
        return []
    lines = ["", pen(name, "dim")]
    lines += [f"{right(count(number), 11)}  {shown(what, width - 13)}"
        for what, number in pairs[:_ENDED_ROWS]]  # fmt: skip
    more = len(pairs) - _ENDED_ROWS
    return [*lines, f"{'':13}{some(more, 'more kind')}"] if more > 0 else lines


def _ended_unasked(summary: Summary, width: int, pen: Pen) -> list[str]:
    """Last, because nothing else says why the run has passed. The line to add is not cut."""
    unasked = not_asked(summary)
    if not unasked:
        return []
    lines = wrapped(f"{unasked}: add", width)
    return ["", *(pen(one, "warn") for one in lines), f'  --threshold "{REMEDY}"']


def _ended_not_valid(summary: Summary, width: int, pen: Pen) -> list[str]:
    if summary.valid or summary.exit_code:
        return []
    words = "the run is not valid, and the exit code is 0 all the same; with --require-valid it is"
    return ["", *(pen(one, "warn") for one in wrapped(f"{words} {NOT_VALID}", width))]


def _ended_conversations(summary: Summary, width: int, pen: Pen) -> list[str]:
    told = chosen(worth_telling(summary)).told[:_ENDED_ROWS]
    if not told:
        return []
    lines = ["", pen("failed and slowest conversations", "dim")]
    for one in told:
        words = f"{one.why}  {line(one.what or one.failed_label, 200)}"
        lines.append(f"{left(one.guest, _FIRST)}  {shown(words, width - _FIRST - 2)}")
        if one.command and one is told[0]:
            lines.append(pen(f"  again: {line(one.command, 1000)}", "dim"))  # to be copied: whole
    return lines


def _ended_remarks(summary: Summary, width: int, pen: Pen) -> list[str]:
    lines: list[str] = []
    for name, told in remarks(summary):
        lines += ["", pen(name, "dim"), *(text for one in told for text in wrapped(one, width))]
    return lines
