"""The figures that a threshold can be about: the one table. `docs/reference/thresholds.md` is made
of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal


@dataclass(slots=True, frozen=True)
class Figure:
    """`times`: a distribution, in milliseconds. `count`: a number, whose `.rate` is the share of
    `rate_of` (another figure's name), or per second where that is "". `at_end`: known when the run
    is over, so that it cannot end it."""

    name: str
    kind: Literal["times", "count"]
    sentence: str
    rate_of: str = ""
    at_end: bool = False


def _times(name: str, sentence: str) -> Figure:
    return Figure(name, "times", sentence)


def _count(name: str, sentence: str, rate_of: str = "", *, at_end: bool = False) -> Figure:
    return Figure(name, "count", sentence, rate_of, at_end)


FIGURES = {
    figure.name: figure
    for figure in (
        _times("session_time", "from a guest's intended start until its session is live"),
        _times("echo_latency", "from when a message was due to be sent to its confirmation"),
        _times("echo_as_sent", "the same from when it was sent: what a stall hides"),
        _times("first_reply", "from a guest's first message to the first reply"),
        _times("first_bot_reply", "to the first reply of a bot"),
        _times("first_human_reply", "to the first reply of a human agent"),
        _times("reply_gap", "from each message of a guest to the next reply"),
        _times("typing_shown", "from a message of a guest until the agent's typing shows"),
        _times("conversation_time", "from live to the end of the conversation"),
        _times("restore_time", "from a lost connection until the session is live again"),
        _count("sessions.planned", "guests that were started"),
        _count("sessions.opened", "sessions that were opened"),
        _count("sessions.ended", "sessions that ended as meant, over at the platform"),
        _count("sessions.unconfirmed_end", "ends that the platform did not confirm",
            "sessions.opened"),
        _count("sessions.failed", "never live, or not ended by the guest", "sessions.planned"),
        _count("messages.sent", "messages that guests sent"),
        _count("messages.confirmed", "of these, those that the platform confirmed"),
        _count("messages.received", "messages that guests received"),
        _count("messages.failed", "messages that were refused or not sent", "messages.sent"),
        _count("steps_run", "steps that guests have done, failed ones too"),
        _count("steps_failed", "steps that failed", "steps_run"),
        _count("uncertain", "messages whose fate could not be found out", "messages.sent"),
        _count("lost", "messages of either side that never arrived", at_end=True),
        _count("doubled", "messages that arrived twice", at_end=True),
        _count("reordered", "messages shown in another order than the platform's", at_end=True),
        _count("lost_connections", "connections lost, but not by the scenario's own `drop`"),
        _count("dropped_connections", "connections that a scenario dropped, with `drop`"),
        _count("reconnected", "sessions that were live again after either"),
        _count("throttled", "answers 429 of the platform"),
    )
}  # fmt: skip

#: Of `step["label"]`, which has `failed` and `failed.rate` besides.
STEP_SENTENCE = "how long a step took, of those that did not fail"

STATISTICS = {
    "avg": "the mean",
    "min": "the shortest",
    "med": "the median, as p50",
    "max": "the longest",
    "pN": "the time within which N % are: p95, p99.9, or p(95) as in k6",
    "count": "how many were measured",
}


def sentence_of(expression: str) -> str:
    """What the figure of a threshold is about; "" if it is none of the table."""
    if expression.lstrip().startswith("step["):
        return STEP_SENTENCE
    named = re.match(r"[a-z_.]+", expression.lstrip())
    words = named[0].split(".") if named else []
    names = (".".join(words[:size]) for size in range(len(words), 0, -1))
    return next((FIGURES[name].sentence for name in names if name in FIGURES), "")


def unit_of(kind: str, statistic: str, rate_of: str) -> Literal["ms", "count", "ratio", "per_s"]:
    if statistic in ("count", "failed"):
        return "count"
    if kind == "times" and not statistic.endswith("rate"):
        return "ms"
    return "ratio" if rate_of else "per_s"
