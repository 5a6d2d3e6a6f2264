"""Tables of the report: steps, errors, throttling, lost connections, cases of a functional run."""

from __future__ import annotations

from ..results import CaseResult, ErrorGroup, StepFigures, Summary
from .html_parts import Cell, Column, heading, left_out, table
from .markup import Child, Markup, h, joined
from .texts import count, duration, line
from .words import drops, is_passed

STEPS_MAX = 500
ERRORS_MAX = 200
CASES_MAX = 500


def steps(summary: Summary) -> Markup | None:
    if not summary.steps:
        return None
    columns = [
        Column("Step"), Column("Run", number=True), Column("Failed", number=True),
        Column("p50", number=True, optional=True), Column("p95", number=True),
        Column("p99", number=True),
    ]  # fmt: skip
    several = len({one.scenario for one in summary.steps}) > 1
    rows = [_step(one, several) for one in summary.steps[:STEPS_MAX]]
    return joined(
        heading("Steps"),
        table(columns, rows),
        left_out(len(summary.steps) - STEPS_MAX, "steps"),
    )


def _step(one: StepFigures, several: bool) -> list[Child | Cell]:
    name = f"{line(one.scenario, 80)}: {line(one.label, 160)}" if several else line(one.label, 160)
    kinds = sorted(one.failures.items(), key=lambda kind: -kind[1])[:5]
    more = ", ".join(f"{line(kind, 40)} {count(number)}" for kind, number in kinds)
    place = line(one.place.rpartition("/")[2], 120)
    return [
        [name, " ", _place("; ".join(part for part in (place, more) if part))],
        count(one.run),
        Cell(count(one.failed), "bad" if one.failed else "dim"),
        duration(one.took_ms.p50),
        duration(one.took_ms.p95),
        duration(one.took_ms.p99),
    ]


def _place(words: str) -> Markup | None:
    return h("span", {"class": "place"}, words) if words else None


def errors(summary: Summary) -> Markup:
    """Lost connections, 429 and failures, each with its count and what is known of it."""
    rows = [*_connections(summary), *_throttling(summary), *map(_error, summary.errors)]
    columns = [Column("What"), Column("Count", number=True), Column("More", optional=True)]
    dropped = drops(summary)
    return joined(
        heading("Errors and throttling"),
        table(columns, rows[:ERRORS_MAX]) if rows else h("p", {"class": "dim"}, "None."),
        left_out(len(rows) - ERRORS_MAX, "kinds of errors"),
        h("p", {"class": "dim"}, f"Not among them: {dropped}.") if dropped else None,
    )


def warnings(summary: Summary) -> Markup | None:
    """Of guestd's own log while the run lasted."""
    if not summary.warnings:
        return None
    rows: list[list[Child | Cell]] = [
        [line(one.what), count(one.count)] for one in summary.warnings[:ERRORS_MAX]
    ]
    return joined(
        heading("Warnings of guestd’s log"),
        table([Column("What"), Column("Count", number=True)], rows),
        left_out(len(summary.warnings) - ERRORS_MAX, "kinds of warnings"),
    )


def _connections(summary: Summary) -> list[list[Child | Cell]]:
    found: list[list[Child | Cell]] = []
    for one in summary.lost_connections:
        took = one.restore_ms
        share = "all" if took.count >= one.count else count(took.count)
        values = f"p50 {duration(took.p50)}, p99 {duration(took.p99)}, at most {duration(took.max)}"
        told = f"{share} restored, {values}"
        more = told if took.count else "none restored"
        what = f"Connection lost: {line(one.cause, 120)}"
        found.append([what, count(one.count), Cell(more, "dim")])
    return found


def _throttling(summary: Summary) -> list[list[Child | Cell]]:
    return [
        [
            f"429 from the platform: {line(one.bucket, 120)}",
            count(one.count),
            Cell(f"used by {line(one.used_by)}" if one.used_by else "", "dim"),
        ]
        for one in summary.throttling
    ]


def _error(one: ErrorGroup) -> list[Child | Cell]:
    parts = [line(one.scenario, 80), f"step {one.step + 1}" if one.step is not None else ""]
    parts.append(line(one.kind, 60))
    return [line(one.what), count(one.count), Cell(", ".join(filter(None, parts)), "dim")]


def cases(summary: Summary) -> Markup | None:
    """Of `guestd test`: every conversation, failed first."""
    if not summary.cases:
        return None
    columns = [
        Column("Verdict"), Column("Scenario"), Column("Guest", optional=True),
        Column("File", optional=True), Column("Took", number=True),
    ]  # fmt: skip
    ordered = sorted(summary.cases, key=lambda one: is_passed(one.outcome))
    return joined(
        heading(
            "Conversations", f"{count(len(ordered))}, failed first; exit code {summary.exit_code}"
        ),
        table(columns, [_case(one) for one in ordered[:CASES_MAX]]),
        left_out(len(ordered) - CASES_MAX, "conversations"),
    )


def _case(one: CaseResult) -> list[Child | Cell]:
    kind = {"passed": "ok", "failed": "bad"}.get(one.outcome, "warn")
    place = f"{line(one.file, 120)}:{one.line}" if one.line else line(one.file, 120)
    return [
        Cell(line(one.outcome, 20), f"word {kind}"),
        line(one.scenario, 160),
        Cell(line(one.guest, 80), "mono"),
        Cell(place, "dim"),
        duration(one.took_s * 1000),
    ]
