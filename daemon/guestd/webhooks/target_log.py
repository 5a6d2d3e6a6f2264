"""What the log says of receivers that take nothing: when it begins, at times while it lasts, and
when one is back. Not a line per webhook or try: the metrics count those, the audit has each.

What comes with an operation may name any host, so all of these share one place and one budget:
there a host that takes something says nothing of another one's failure."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from ..observe.log import counted_elsewhere

logger = logging.getLogger("guestd.webhooks")

#: How often the log repeats that a target still fails.
REMIND_S = 600.0
#: A target that fails, recovers and fails again has a warning in so many seconds at most.
QUIET_S = 60.0


@dataclass(slots=True, frozen=True)
class Failure:
    """One try that failed. `next_try_s`: None if there is none, the webhook is a dead letter;
    `reason` holds no secret, and nothing that a guest says."""

    reason: str
    status: int | None
    attempt: int
    next_try_s: float | None


@dataclass(slots=True)
class _Spell:
    """Since when it has failed; how many tries; when the log has said so, None: not yet."""

    host: str
    since: float
    tries: int = 0
    said_at: float | None = None


class TargetLog:
    """`target` is a configured name, or one word for all URLs that came with an operation; so its
    memory is bounded. `host` is where a webhook goes, without path and query; `held` says how many
    are in memory. Times are of one clock."""

    def __init__(self) -> None:
        self._spells: dict[str, _Spell] = {}
        self._warned_at: dict[str, float] = {}

    def failed(self, target: str, host: str, now: float, failure: Failure, held: int) -> None:
        spell = self._spells.get(target)
        warned_s = now - self._warned_at.get(target, -float("inf"))
        if spell is None or (spell.host != host and warned_s >= REMIND_S):
            spell = self._spells[target] = _Spell(host, now)
        spell.tries += spell.host == host
        if warned_s < (QUIET_S if spell.said_at is None else REMIND_S):
            return
        spell.said_at = self._warned_at[target] = now
        self._warn(target, spell, now, failure, held)

    def delivered(self, target: str, host: str, now: float, held: int) -> None:
        spell = self._spells.get(target)
        if spell is None or spell.host != host:
            return
        del self._spells[target]
        if spell.said_at is None:
            return
        away_s = round(now - spell.since, 1)
        known = {"event": "webhook_target_back", "target": target, "away_s": away_s, "held": held}
        logger.warning(
            "webhooks are delivered to %s again, after %s; held in memory: %d",
            target,
            _span(away_s),
            held,
            extra=counted_elsewhere(**known),
        )

    @staticmethod
    def _warn(target: str, spell: _Spell, now: float, failure: Failure, held: int) -> None:
        known: dict[str, Any] = {
            "event": "webhook_target_failing",
            "target": target,
            "host": spell.host,
            "failing_s": round(now - spell.since, 1),
            "tries": spell.tries,
            "reason": failure.reason,
            "status": failure.status,
            "attempt": failure.attempt,
            "next_try_s": failure.next_try_s,
            "held": held,
        }
        lasts = f" for {_span(known['failing_s'])}" if spell.tries > 1 else ""
        next_s = failure.next_try_s
        then = (
            "the webhook is a dead letter" if next_s is None else f"the next try is in {next_s} s"
        )
        logger.warning(
            "webhooks cannot be delivered to %s%s: %s (attempt %d); %s; held in memory: %d",
            target,
            lasts,
            failure.reason,
            failure.attempt,
            then,
            held,
            extra=counted_elsewhere(**{k: v for k, v in known.items() if v is not None}),
        )


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
