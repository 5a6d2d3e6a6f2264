"""Where a run took place, with what, and how to run it again."""

from __future__ import annotations

from ..results import Environment, Overhead, Reconciled, Summary
from .html_parts import facts, heading
from .markup import Child, Markup, h, joined
from .texts import count, cut, duration, line, percent, size, some
from .words import remarks

COMMAND_CHARS_MAX = 8000


def environment(summary: Summary) -> Markup:
    found = summary.environment
    command = found.command or (f"guestd load {found.scenario_path}" if found.scenario_path else "")
    shown = h("pre", {"class": "cmd"}, cut(command, COMMAND_CHARS_MAX)) if command else None
    pairs = [*_where(summary), *_machine(found, summary.overhead), *_ours(summary)]
    return joined(heading("Environment"), facts("env", pairs), shown)


def _where(summary: Summary) -> list[tuple[str, Child]]:
    found = summary.environment
    sha = f", sha256 {found.scenario_sha256[:16]}…" if found.scenario_sha256 else ""
    return [
        ("Target", line(found.target, 200) or "–"),
        ("Deployment", line(found.deployment_id, 80) or "–"),
        ("Scenario", f"{line(found.scenario_path, 200)}{sha}" or "–"),
        ("Run", f"{line(summary.run_id, 80) or '–'}, seed {summary.seed}"),
    ]


def _machine(found: Environment, mine: Overhead) -> list[tuple[str, Child]]:
    versions = [f"Python {line(found.python, 40)}" if found.python else "", line(found.system, 80)]
    return [
        ("Machine", f"{some(found.cores, 'core')}, {size(found.memory_bytes)}"),
        ("Workers", some(mine.workers, "process", "processes")),
        ("Software", ", ".join(filter(None, versions)) or "–"),
        ("Open files", f"{count(found.open_files)} of {count(found.open_files_limit)}"),
    ]


def _ours(summary: Summary) -> list[tuple[str, Child]]:
    mine = summary.overhead
    guests = summary.sessions.most_at_once
    each = f", {size(mine.memory_bytes / guests)} a guest" if guests else ""
    cpu = f"{percent(mine.cpu_share)} of a core, at most {percent(mine.cpu_share_max)}"
    lag = f"p99 {duration(mine.lag_p99_ms)}, most {duration(mine.lag_max_ms)}"
    found: list[tuple[str, Child]] = [
        ("Memory", f"{size(mine.memory_bytes)}{each}"),
        ("CPU", cpu),
        ("Loop lag", f"{lag}; at most {duration(mine.lag_limit_ms)}"),
        ("Late starts", count(mine.late_starts)),
        ("Reconciled", _reconciled(summary.reconciled)),
        ("Clock", f"monotonic; wall drift {duration(summary.environment.wall_drift_ms)}"),
    ]
    found += [(name.capitalize(), "; ".join(told)) for name, told in remarks(summary)]
    if mine.reasons:
        found.append(("Not valid", "; ".join(line(one) for one in mine.reasons[:20])))
    return found


def _reconciled(found: Reconciled) -> str:
    if not found.by:
        return f"no{': ' if found.why_not else ''}{line(found.why_not)}"
    where = {"record": "the emulator’s record", "history": "the platform’s history"}
    left_out = sum(found.not_compared.values())
    beside = f"; {some(left_out, 'conversation')} not" if left_out else ""
    return (
        f"{some(found.messages, 'message')} of {some(found.conversations, 'conversation')}"
        f" with {where.get(found.by, line(found.by, 40))}{beside}"
    )
