"""What keeps a load run from harming a real organisation: checked before it begins, and each second
while it lasts. Pure: the time and the figures are given.

A run against an emulator has no rails but those that its file names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time

from ..scenario.file import LoadModel, Rails

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_WINDOW = re.compile(r"(?:([A-Za-z,\- ]+?) +)?(\d{1,2}):(\d\d)-(\d{1,2}):(\d\d)")

#: Said before a run against a real region.
APPROVAL_NOTICE = (
    "Genesys asks that load tests against its cloud are announced and approved beforehand (Resource"
    " Center, load testing): a run without approval may be throttled or blocked."
)


@dataclass(slots=True, frozen=True)
class Window:
    """Days by number from Monday, 0, and minutes of the day, UTC. `until` before `begin`: over
    midnight, and the day is that of the beginning."""

    days: frozenset[int]
    begin: time
    until: time

    def has(self, now: datetime) -> bool:
        now = now.astimezone(UTC)
        at, day = now.time(), now.weekday()
        if self.begin <= self.until:
            return day in self.days and self.begin <= at < self.until
        before_midnight = day in self.days and at >= self.begin
        return before_midnight or ((day - 1) % 7 in self.days and at < self.until)


def parse_window(text: str) -> Window:
    """`Mon-Fri 20:00-23:00`, `Sat,Sun 08:00-12:00` or `22:00-04:00`. Raises ValueError."""
    found = _WINDOW.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} must be as `Mon-Fri 20:00-23:00`, in UTC")
    named, *clock = found.groups()
    days = frozenset(range(7) if named is None else (n for one in named.split(",")
                     for n in _days(*_ends(one))))  # fmt: skip
    begin, until = _time(*clock[:2]), _time(*clock[2:])
    return Window(days, begin, until)


def _ends(days: str) -> tuple[str, str]:
    first, _, last = days.strip().partition("-")
    return first.strip(), last.strip() or first.strip()


def _days(first: str, last: str) -> frozenset[int]:
    for one in (first, last):
        if one.title() not in DAYS:
            raise ValueError(f"{one!r} must be one of {', '.join(DAYS)}")
    begin, end = DAYS.index(first.title()), DAYS.index(last.title())
    return frozenset((begin + n) % 7 for n in range((end - begin) % 7 + 1))


def _time(hours: str, minutes: str) -> time:
    return time(int(hours) % 24 if int(hours) == 24 else int(hours), int(minutes))


def refusals(
    rails: Rails, deployment_id: str, model: LoadModel, now: datetime, is_emulator: bool
) -> list[str]:
    """Why the run must not begin, each with what would allow it; empty: it may."""
    found = []
    if not is_emulator and deployment_id not in rails.deployments:
        found.append(
            f"deployment {deployment_id} is not in the list of deployments that may be loaded;"
            " add it to `rails.deployments` of the scenario file, or give --allow-deployment"
        )
    windows = [parse_window(one) for one in rails.window]
    if windows and not any(one.has(now) for one in windows):
        found.append(f"it is not within the window ({', '.join(rails.window)}, UTC)")
    fastest = connects_per_s(model)
    if rails.connects_per_s_max and fastest > rails.connects_per_s_max:
        found.append(
            f"{fastest:g} new sessions a second are above `rails.connectsPerSecond`"
            f" ({rails.connects_per_s_max:g}); lower -r or the arrival rate"
        )
    return found


def connects_per_s(model: LoadModel) -> float:
    """The most new sessions a second that a model asks for by itself."""
    if model.kind == "open":
        return max((stage.at_end for stage in model.stages), default=0.0)
    if model.stages:
        before, fastest = 0.0, 0.0
        for stage in model.stages:
            if stage.length_s:
                fastest = max(fastest, (stage.at_end - before) / stage.length_s)
            before = stage.at_end
        return fastest
    return model.spawn_rate


#: Below so many answers a share says nothing.
ANSWERS_MIN = 50


def must_stop(
    rails: Rails, now: datetime, throttled: int, answers: int, stop_file_is_there: bool
) -> str:
    """Why a running run must stop now; "": it may go on. `throttled`: answers 429 of all
    `answers`."""
    if stop_file_is_there:
        return f"the stop file {rails.stop_file} is there"
    windows = [parse_window(one) for one in rails.window]
    if windows and not any(one.has(now) for one in windows):
        return f"the window ({', '.join(rails.window)}, UTC) is over"
    if answers >= ANSWERS_MIN and throttled / answers > rails.throttled_share_max:
        return (
            f"{throttled} of {answers} answers were 429, above a share of"
            f" {rails.throttled_share_max:g}"
        )
    return ""
