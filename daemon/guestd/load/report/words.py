"""What a run came to, in words: the verdict, what went wrong and when, and whether it is valid.
For the report, for JUnit and for the terminal alike."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ..results import NOT_VALID, Band, Overhead, Percentiles, Point, Summary, ThresholdResult
from .not_asked import not_asked
from .texts import clock, count, duration, line, percent, some

_FIGURE = re.compile(r"\s*(\w+)(?:\.(\w+))?\s*(<=|>=|==|!=|<|>)")

#: The name of a measure in thresholds, and its name in `latency_ms`.
MEASURES = {"echo_latency": "echo"}

#: In the order of the table: the field of `Latencies`, its name, and from when to when.
LATENCIES = (
    ("session_time", "Session", "from the guest’s intended start to live"),
    ("echo", "Echo", "from the intended time to the confirmation"),
    ("echo_as_sent", "Echo, as sent", "from the last sending to the confirmation"),
    ("first_reply", "First reply", "from the guest’s first message, of bot or human"),
    ("first_bot_reply", "First bot reply", ""),
    ("first_human_reply", "First human reply", ""),
    ("reply_gap", "Reply gap", "from each message of the guest to the next reply"),
    ("typing_shown", "Typing shown", "from a message of the guest to the agent’s typing"),
    ("conversation_time", "Conversation", "from live to the end"),
    ("restore_time", "Restored", "from a lost connection to live again"),
)


@dataclass(slots=True, frozen=True)
class Verdict:
    kind: Literal["ok", "bad", "warn"]
    words: str


def verdict(summary: Summary) -> Verdict:
    """Failed comes before not valid, and that before stopped: the first says most."""
    parts = [*_failed(summary), *_doubts(summary)]
    if not parts:
        unasked = not_asked(summary)
        return Verdict("warn", f"Passed, but {unasked}") if unasked else Verdict("ok", "Passed")
    words = "; ".join(parts)
    has_failed = _failed(summary) or summary.exit_code == NOT_VALID
    kind: Literal["bad", "warn"] = "bad" if has_failed else "warn"
    return Verdict(kind, words[0].upper() + words[1:])


def _failed(summary: Summary) -> list[str]:
    failed = sum(not one.ok for one in summary.thresholds)
    if failed:
        return [f"failed: {failed} of {some(len(summary.thresholds), 'threshold')}"]
    if summary.kind == "test":
        bad = sum(not is_passed(case.outcome) for case in summary.cases)
        if bad:
            return [f"failed: {bad} of {some(len(summary.cases), 'conversation')}"]
    if summary.exit_code not in (0, NOT_VALID) and not summary.stopped_by:
        return [f"failed: exit code {summary.exit_code}"]
    return []


def _doubts(summary: Summary) -> list[str]:
    found = [] if summary.valid else ["not valid"]
    return [*found, f"stopped by {line(summary.stopped_by, 60)}"] if summary.stopped_by else found


def is_passed(outcome: str) -> bool:
    return outcome == "passed"


def failed_first(thresholds: Sequence[ThresholdResult]) -> list[ThresholdResult]:
    return sorted(thresholds, key=lambda one: one.ok)


def limit_on(summary: Summary, measure: str) -> tuple[ThresholdResult, str] | None:
    """The threshold that bounds a latency from above, failed before met, and its figure (p99)."""
    for one in failed_first(summary.thresholds):
        found = _FIGURE.match(one.expression)
        if found is None or not found[2] or one.unit != "ms" or not found[3].startswith("<"):
            continue
        if MEASURES.get(found[1], found[1]) == measure:
            return one, found[2]
    return None


def what_went_wrong(summary: Summary, has_thresholds: bool = False) -> str:
    """One sentence, or "" where nothing did. `has_thresholds`: they are listed beside it, so they
    are not named."""
    facts = [
        *_connections(summary),
        *_messages(summary),
        *_steps(summary),
        *_unconfirmed(summary),
        *_cases(summary),
    ]
    if not facts and not has_thresholds:
        failed = [one for one in summary.thresholds if not one.ok]
        facts = [line(f"{one.expression} does not hold", 120) for one in failed[:3]]
    if not facts:
        return ""
    since = _since(summary)
    listed = facts[0] if len(facts) == 1 else f"{', '.join(facts[:-1])}, and {facts[-1]}"
    return f"{since}{listed}."


def _connections(summary: Summary) -> list[str]:
    lost = sum(one.count for one in summary.lost_connections)
    if not lost:
        return []
    restored = sum(one.restore_ms.count for one in summary.lost_connections)
    longest = max((one.restore_ms.max or 0.0 for one in summary.lost_connections), default=0.0)
    told = f"{some(lost, 'connection')} {'was' if lost == 1 else 'were'} lost"
    if not restored:
        return [told]
    return [
        f"{told} ({'all' if restored >= lost else count(restored)} restored"
        f" within {duration(longest)})"
    ]


def drops(summary: Summary) -> str:
    """What scenarios dropped on purpose, which is no trouble; "" where nothing was."""
    found = summary.dropped_connections
    if not found.count:
        return ""
    told, back = f"{some(found.count, 'connection')} dropped by `drop`", found.restore_ms
    if not back.count:
        return f"{told}, none back"
    share = "all" if back.count >= found.count else count(back.count)
    return f"{told}, {share} back within {duration(back.max)}"


def _messages(summary: Summary) -> list[str]:
    found = []
    for number, word in (
        (summary.lost, "lost"),
        (summary.doubled, "doubled"),
        (summary.reordered, "out of order"),
        (summary.uncertain, "of uncertain fate"),
    ):
        if number:
            found.append(f"{some(number, 'message')} {'was' if number == 1 else 'were'} {word}")
    return found


def _steps(summary: Summary) -> list[str]:
    failed = sum(one.failed for one in summary.steps)
    if not failed:
        return []
    worst = max(summary.errors, key=lambda one: one.count, default=None)
    more = f" (most: {line(worst.what, 100)})" if worst is not None else ""
    return [f"{some(failed, 'step')} failed{more}"]


def _unconfirmed(summary: Summary) -> list[str]:
    ends = summary.sessions.unconfirmed_end
    if not ends:
        return []
    return [f"the platform did not confirm the end of {some(ends, 'conversation')}"]


def _cases(summary: Summary) -> list[str]:
    failed = [one for one in summary.cases if not is_passed(one.outcome)]
    if not failed:
        return []
    named = ", ".join(f"“{line(one.scenario, 60)}”" for one in failed[:3])
    more = f" and {count(len(failed) - 3)} more" if len(failed) > 3 else ""
    return [f"{some(len(failed), 'conversation')} did not pass: {named}{more}"]


def troubled(point: Point) -> bool:
    return bool(point.lost_connections or point.throttled or point.steps_failed)


def _since(summary: Summary) -> str:
    """From when on, and inside which injected fault."""
    first = next((point for point in summary.points if troubled(point)), None)
    if first is None:
        return ""
    inside = next((band for band in summary.bands if _meets(band, first)), None)
    during = f", in “{line(inside.label, 60)}”" if inside is not None else ""
    return f"from {clock(first.at_s)} on{during}: "


def _meets(band: Band, point: Point) -> bool:
    return (
        band.kind == "fault"
        and band.from_s < point.at_s + point.length_s
        and band.to_s > point.at_s
    )


def validity(summary: Summary) -> tuple[str, str]:
    """Whether the run is valid, and by which figures of our own."""
    mine = summary.overhead
    used = (
        f"the load generator used {percent(mine.cpu_share)} of a core"
        f" (at most {percent(mine.cpu_share_max)}), event loop lag {duration(mine.lag_p99_ms)}"
        f" (p99, at most {duration(mine.lag_limit_ms)})"
    )
    if summary.valid:
        return "The run is valid:", f"{used}."
    why = "; ".join(line(one, 200) for one in mine.reasons[:5]) or used
    return (
        "The run is not valid:",
        f"{why}. The client was in its own way, so its figures do not speak of the platform.",
    )


def overhead_lines(mine: Overhead) -> list[str]:
    return [line(one) for one in mine.reasons[:20]]


def share_of_limit(one: ThresholdResult) -> float:
    """How far along its limit a threshold is: 1 at the limit, at most 1.26 beyond it."""
    if one.value is None:
        return 1.26 if not one.ok else 0.0
    if one.limit <= 0:
        return 0.0 if one.value <= 0 else 1.26
    return min(max(one.value / one.limit, 0.0), 1.26)


def is_measured(found: Percentiles) -> bool:
    return found.count > 0 or found.p50 is not None


def known(summary: Summary, figure: Literal["lost", "doubled", "reordered"]) -> str:
    """The count, or a dash where nothing could be known of it."""
    return count(getattr(summary, figure)) if summary.is_known(figure) else "–"


def remarks(summary: Summary) -> list[tuple[str, list[str]]]:
    """What was not measured, and what else is to be known."""
    not_measured = [line(f"{one.what}: {one.why}", 400) for one in summary.not_measured[:20]]
    found = [("not measured", not_measured), ("notes", [line(one) for one in summary.notes[:20]])]
    return [(name, told) for name, told in found if told]
