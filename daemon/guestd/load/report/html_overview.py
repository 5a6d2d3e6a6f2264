"""The head of the report: name, verdict, two sentences, figures, thresholds."""

from __future__ import annotations

from ..results import Percentiles, Summary, ThresholdResult
from .html_parts import Cell, Column, heading, left_out, table
from .markup import Child, Markup, h, joined
from .not_asked import REMEDY, not_asked
from .texts import count, duration, line, percent, period, some, value
from .words import (
    failed_first,
    limit_on,
    share_of_limit,
    validity,
    verdict,
    what_went_wrong,
)

THRESHOLDS_MAX = 200
_SIGNS = {"ok": "✓", "bad": "×", "warn": "!"}
_GAUGE_LIMIT = 127.0


def head(summary: Summary) -> Markup:
    found = verdict(summary)
    sign = h("i", {"aria-hidden": "true"}, _SIGNS[found.kind])
    return h(
        "header",
        {"class": "top"},
        h("h1", {}, title(summary)),
        h("p", {"class": f"verdict {found.kind}"}, sign, found.words),
        h("p", {"class": "dim"}, " · ".join(_circumstances(summary))),
    )


def title(summary: Summary) -> str:
    return line(summary.name or summary.environment.scenario_path or "Load run", 200)


def _circumstances(summary: Summary) -> list[str]:
    target = line(summary.environment.target, 120)
    guests = some(summary.sessions.planned or summary.sessions.opened, "guest")
    found = [
        period(summary.started_at, summary.ended_at),
        f"{guests} against {'the emulator' if target == 'emulator' else target or 'no target'}",
        f"seed {summary.seed}",
    ]
    if summary.environment.guestd:
        found.append(f"guestd {line(summary.environment.guestd, 40)}")
    return found


def note(summary: Summary) -> Markup:
    found = what_went_wrong(summary)
    kind = verdict(summary).kind
    wrong: Child = None
    if found:
        wrong = [h("b", {}, "What went wrong:"), f" {found} "]
    elif kind == "ok":
        wrong = [h("b", {}, "Nothing went wrong:"), " no step failed and no message was lost. "]
    lead, why = validity(summary)
    return h("p", {"class": f"note {kind}"}, wrong, h("b", {}, lead), f" {why}")


def tiles(summary: Summary) -> Markup:
    steps = sum(one.run for one in summary.steps)
    failed = sum(one.failed for one in summary.steps)
    figures = [
        _guests(summary),
        _messages(summary),
        _latency("Echo", "p99", summary.latency_ms.echo, *_limit(summary, "echo")),
        _latency(
            "First reply", "p95", summary.latency_ms.first_reply, *_limit(summary, "first_reply")
        ),
        _lost(summary),
        _tile(
            "Steps failed",
            percent(failed / steps) if steps else "0 %",
            f"{count(failed)} of {count(steps)}",
            "bad" if failed else "",
        ),
    ]
    return h("dl", {"class": "tiles"}, figures)


def _tile(name: str, figure: str, more: str, kind: str = "") -> Markup:
    number, _, unit = figure.partition(" ")
    small = [" ", h("small", {}, unit)] if unit else None
    return h(
        "div",
        {"class": "tile"},
        h("dt", {}, name),
        h("dd", {"class": "figure"}, number, small),
        h("dd", {"class": f"more {kind}".strip()}, more),
    )


def _guests(summary: Summary) -> Markup:
    found = summary.sessions
    planned = found.planned or found.opened
    opened = "all opened" if found.opened >= planned else f"{count(found.opened)} opened"
    ended = "all ended" if found.ended >= found.opened else f"{count(found.ended)} ended"
    if found.unconfirmed_end:
        ended += f", {count(found.unconfirmed_end)} unconfirmed"
    failed = f", {count(found.failed)} failed" if found.failed else ""
    kind = "bad" if found.failed else ""
    return _tile("Guests", count(planned), f"{opened}, {ended}{failed}", kind)


def _messages(summary: Summary) -> Markup:
    found = summary.messages
    confirmed = "" if found.confirmed == found.sent else f", {count(found.confirmed)} confirmed"
    failed = f", {count(found.failed)} failed" if found.failed else ""
    more = f"{count(found.sent)} sent{confirmed}{failed}, {count(found.received)} received"
    return _tile("Messages", count(found.sent + found.received), more)


def _limit(summary: Summary, measure: str) -> tuple[ThresholdResult | None, str]:
    return limit_on(summary, measure) or (None, "")


def _latency(
    name: str, figure: str, found: Percentiles, limit: ThresholdResult | None, limited: str
) -> Markup:
    shown = found.p99 if figure == "p99" else found.p95
    others = [("p50", found.p50), ("p95" if figure == "p99" else "p99", None)]
    others[1] = (others[1][0], found.p95 if figure == "p99" else found.p99)
    more = ", ".join(f"{word} {duration(ms)}" for word, ms in others)
    if limit is not None and not limit.ok:
        more = f"limit {duration(limit.limit)} for {limited}"
    kind = "" if limit is None else "ok" if limit.ok else "bad"
    return _tile(f"{name}, {figure}", duration(shown), more, kind)


def _lost(summary: Summary) -> Markup:
    others = [("doubled", summary.doubled), ("reordered", summary.reordered)]
    others.append(("uncertain", summary.uncertain))
    more = ", ".join(f"{word} {count(number)}" for word, number in others)
    any_bad = summary.lost or summary.doubled
    return _tile("Lost", count(summary.lost), more, "bad" if any_bad else "")


def thresholds(summary: Summary) -> Markup | None:
    if summary.kind == "test" and not summary.thresholds:
        return None
    columns = [
        Column("Verdict"), Column("Expression"), Column("Value", number=True),
        Column("Of the limit", optional=True), Column("Note", optional=True),
    ]  # fmt: skip
    ordered = failed_first(summary.thresholds)
    rows = [_threshold(one) for one in ordered[:THRESHOLDS_MAX]]
    return joined(
        heading("Thresholds", f"exit code {summary.exit_code}"),
        table(columns, rows) if rows else h("p", {"class": "dim"}, "None were set."),
        left_out(len(ordered) - THRESHOLDS_MAX, "thresholds"),
        _unasked(summary),
    )


def _unasked(summary: Summary) -> Markup | None:
    unasked = not_asked(summary)
    if not unasked:
        return None
    line_to_add = h("span", {"class": "mono"}, f'--threshold "{REMEDY}"')
    return h("p", {"class": "note warn"}, f"{unasked}: add ", line_to_add, ".")


def _threshold(one: ThresholdResult) -> list[Markup | Cell | str]:
    notes = [line(one.note)] if one.note else []
    if one.aborted:
        notes.append("the run was ended here")
    return [
        Cell("ignored", "word dim")
        if one.ignored
        else Cell("met" if one.ok else "failed", f"word {'ok' if one.ok else 'bad'}"),
        Cell(line(one.expression), "mono"),
        value(one.value, one.unit),
        _gauge(one),
        Cell("; ".join(notes), "dim"),
    ]


def _gauge(one: ThresholdResult) -> Markup:
    """A bar with a tick at the limit."""
    width = share_of_limit(one) * _GAUGE_LIMIT
    return h(
        "svg",
        {
            "class": "gauge", "viewBox": "0 0 160 10", "width": 160, "height": 10,
            "preserveAspectRatio": "none", "aria-hidden": "true", "fill": "none",
        },
        h("rect", {"class": "rail", "y": 3, "width": 160, "height": 4, "rx": 2}),
        h("rect", {
            "class": "met" if one.ok else "over", "y": 3, "width": width, "height": 4, "rx": 2,
            "fill": "currentColor",
        }),
        h("rect", {
            "class": "tick", "x": _GAUGE_LIMIT, "width": 1.5, "height": 10, "fill": "currentColor",
        }),
    )  # fmt: skip
