"""Which conversations a report tells, in which order, and what it says of the others.

A run may have ten thousand failures, and the page must open at once: every lost and every doubled
message comes first, then five of each failure kind, then the ten slowest. Beyond that there are
counts. The sum of what is told in full is bounded, too: transcripts are as long as strangers like.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..results import ConversationReport, Summary
from .texts import line

EACH_KIND_MAX = 5
SLOW_MAX = 10
#: Of lost and doubled, which are all told as long as a person can read them.
LOST_MAX = 100
GROUPS_MAX = 100

_ORDER = {"lost": 0, "doubled": 1, "reordered": 2, "uncertain": 3, "failed": 4, "slow": 6}
_MOST = {"lost": LOST_MAX, "doubled": LOST_MAX, "slow": SLOW_MAX}


@dataclass(slots=True, frozen=True)
class ChosenConversations:
    """`told` in the order of the report; `others`: why, what and how many alike are not told."""

    told: Sequence[ConversationReport]
    others: Sequence[tuple[str, str, int]]


def worth_telling(summary: Summary) -> list[ConversationReport]:
    """Those of the summary, and of a functional run those that did not pass."""
    found = {one.guest: one for one in summary.conversations}
    for case in summary.cases:
        if case.conversation is not None and case.outcome != "passed":
            found.setdefault(case.conversation.guest, case.conversation)
    return list(found.values())


def chosen(conversations: Iterable[ConversationReport]) -> ChosenConversations:
    ordered = sorted(conversations, key=lambda one: _ORDER.get(one.why, 5))
    seen: Counter[tuple[str, str]] = Counter()
    beyond: Counter[tuple[str, str]] = Counter()
    told = []
    for one in ordered:
        kind = _kind(one)
        seen[kind] += 1
        if seen[kind] <= _MOST.get(one.why, EACH_KIND_MAX):
            told.append(one)
            beyond[kind] += one.alike
        else:
            beyond[kind] += 1 + one.alike
    others = [(why, what, number) for (why, what), number in beyond.items() if number]
    return ChosenConversations(told, others)


def _kind(one: ConversationReport) -> tuple[str, str]:
    """Lost, doubled and slow conversations are each of one kind; failures by what failed."""
    if one.why in _MOST:
        return one.why, ""
    return one.why, line(one.what, 120)
