"""Counters as plain integers on the hot path; `exposition.py` turns them into the library's form
at a scrape.

A `Counter.inc()` of the library costs a lock and half a microsecond; an attribute costs nothing
worth naming. Labels carry words from closed lists (states, causes, counters), never a session id:
the number of series is bounded by the code."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Any

from ..model.effects import SessionCounter
from ..model.journal import DiskFigures
from .token_verdicts import TokenVerdicts

LATENCY_BOUNDS_S = (
    0.0001,
    0.00025,
    0.0005,
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    30.0,
)
COUNT_BOUNDS = (
    1.0,
    2.0,
    5.0,
    10.0,
    25.0,
    50.0,
    100.0,
    250.0,
    500.0,
    1000.0,
    2500.0,
    5000.0,
    10000.0,
)


class Histogram:
    """Counts of values up to fixed bounds; the last bucket takes what is above them all."""

    __slots__ = ("_bounds", "_counts", "count", "total")

    def __init__(self, bounds: tuple[float, ...] = LATENCY_BOUNDS_S) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self.count = 0
        self.total = 0.0

    def observe(self, value: float) -> None:
        self._counts[bisect_left(self._bounds, value)] += 1
        self.count += 1
        self.total += value

    def quantile(self, q: float) -> float | None:
        """The value below which a share `q` lies, interpolated within its bucket; None before the
        first value."""
        if not self.count:
            return None
        wanted, seen, low = q * self.count, 0, 0.0
        for high, count in zip(self._bounds, self._counts, strict=False):
            if count and seen + count >= wanted:
                return low + (high - low) * (wanted - seen) / count
            seen += count
            low = high
        return self._bounds[-1]

    def counts(self) -> tuple[int, ...]:
        """One for each bucket; for `since`."""
        return tuple(self._counts)

    def since(self, before: Sequence[int]) -> Histogram:
        """What was observed after `before` was counted. Its total is not known."""
        found = Histogram(self._bounds)
        found._counts = [now - then for now, then in zip(self._counts, before, strict=True)]
        found.count = sum(found._counts)
        return found

    def buckets(self) -> list[tuple[str, float]]:
        found, running = [], 0
        for bound, count in zip(self._bounds, self._counts, strict=False):
            running += count
            found.append((str(bound), float(running)))
        found.append(("+Inf", float(self.count)))
        return found


class Metrics:
    """Everything guestd counts. Dictionaries go from a word to a count."""

    __slots__ = (
        "audit_breaks",
        "audit_failures",
        "audit_files_retired_early",
        "audit_lines",
        "bytes_in",
        "bytes_out",
        "commands_accepted",
        "commands_refused",
        "commands_settled",
        "connections_lost",
        "connects",
        "connects_throttled",
        "control_answers",
        "disk_figures",
        "echo_latency_s",
        "endings",
        "failed_attempts",
        "frames_in",
        "frames_out",
        "frontends_refused",
        "frontends_unfinished_bytes",
        "guest_sessions_total",
        "history_fetches",
        "http_connections",
        "http_internal_errors",
        "http_refused",
        "journal_batch",
        "journal_commit_s",
        "journal_damaged_rows",
        "journal_oldest_wait_s",
        "log_dropped",
        "loop_lag_s",
        "messages_in",
        "messages_out",
        "on_refusal",
        "operations",
        "platform_errors",
        "read_pauses",
        "readiness",
        "refused_sessions",
        "rest_disconnections",
        "rest_heartbeats",
        "rest_retries",
        "rest_s",
        "rest_sessions",
        "rest_sessions_total",
        "rest_sync_s",
        "session_counts",
        "sessions",
        "simulator_errors",
        "sync_s",
        "token_checks",
        "token_verdicts",
        "tokens_signed",
        "upload_bytes",
        "uploads",
        "watchers",
        "watchers_closed_slow",
        "watchers_held_bytes",
        "watchers_lagging",
        "webhook_circuits_open",
        "webhook_failures",
        "webhook_latency_s",
        "webhooks_dead",
        "webhooks_delivered",
        "webhooks_held",
    )

    def __init__(self) -> None:
        self.frames_in = self.frames_out = self.bytes_in = self.bytes_out = 0
        self.messages_in = self.messages_out = 0
        self.commands_accepted = self.commands_refused = self.refused_sessions = (
            self.read_pauses
        ) = 0
        self.watchers = self.watchers_lagging = self.watchers_closed_slow = 0
        self.watchers_held_bytes: Callable[[], int] = int
        self.frontends_unfinished_bytes: Callable[[], int] = int
        self.frontends_refused: dict[str, int] = {}
        #: Is told what was refused (a frontend, a request), and the limit that it met.
        self.on_refusal: Callable[[str, str], None] = lambda what, reason: None
        self.sessions: dict[str, int] = {}
        self.connects: dict[str, int] = {}
        self.connects_throttled = 0
        self.connections_lost: dict[str, int] = {}
        self.endings: dict[str, int] = {}
        self.commands_settled: dict[str, int] = {}
        self.history_fetches: dict[str, int] = {}
        self.simulator_errors: dict[str, int] = {}
        self.tokens_signed = 0
        self.token_checks: dict[str, int] = {}
        self.token_verdicts = TokenVerdicts()
        self.control_answers: dict[str, int] = {}
        self.http_connections = self.http_internal_errors = 0
        self.http_refused: dict[str, int] = {}
        self.session_counts: dict[SessionCounter, int] = {}
        self.uploads: dict[str, int] = {}
        self.upload_bytes = 0
        self.echo_latency_s = Histogram()
        self.journal_commit_s = Histogram()
        self.journal_batch = Histogram(COUNT_BOUNDS)
        self.loop_lag_s = Histogram()
        self.log_dropped: Callable[[], int] = int
        self.journal_oldest_wait_s: Callable[[], float] = float
        #: None: the journal is in memory.
        self.disk_figures: Callable[[], DiskFigures | None] = lambda: None
        #: Whether guest sessions are admitted, and the disk's state: `ready`, `storage_low`,
        #: `storage_full`.
        self.readiness: Callable[[], dict[str, bool]] = dict
        self.operations: dict[tuple[str, str], int] = {}
        self.guest_sessions_total = 0
        self.rest_sessions = self.rest_sessions_total = self.rest_disconnections = 0
        self.rest_heartbeats: dict[str, int] = {}
        self.rest_sync_s = Histogram()
        self.rest_s: dict[tuple[str, str], Histogram] = {}
        self.rest_retries: dict[str, int] = {}
        self.platform_errors: dict[str, int] = {}
        self.failed_attempts: dict[str, int] = {}
        self.webhooks_delivered: dict[str, int] = {}
        self.webhook_failures: dict[str, int] = {}
        self.webhooks_dead: dict[str, int] = {}
        self.journal_damaged_rows: Callable[[], int] = int
        self.webhooks_held: Callable[[], dict[str, int]] = dict
        self.webhook_circuits_open: Callable[[], dict[str, int]] = dict
        self.webhook_latency_s = Histogram()
        self.sync_s = Histogram()
        self.audit_lines = self.audit_failures = self.audit_breaks = (
            self.audit_files_retired_early
        ) = 0

    def count_token_check(self, outcome: str, fingerprint: str, operation: str = "") -> None:
        """Of the token that has this fingerprint. `outcome`: `valid` or our own word for what is
        wrong with it; of the `operation` that used it, `accepted_by_platform` or
        `refused_by_platform`."""
        self.token_checks[outcome] = self.token_checks.get(outcome, 0) + 1
        is_well = outcome in ("valid", "accepted_by_platform")
        self.token_verdicts.judge(fingerprint, not is_well, operation)

    def error_figures(self) -> dict[str, Any]:
        """GUEST-3: the calls that failed for good and the requests that failed, by kind and in all,
        and the share of guest tokens that failed their check."""
        verdicts = self.token_verdicts
        return {
            "failed_calls": _by_kind(self.platform_errors),
            "failed_attempts": _by_kind(self.failed_attempts),
            "token_checks": dict(self.token_checks),
            "tokens_judged": verdicts.judged,
            "token_validation_failure_ratio": verdicts.failed_share,
        }

    def rest_figures(self) -> dict[str, float]:
        """SESS-8: the sessions of both kinds since the start, guest sessions and REST messaging
        sessions, disconnections / total, and the mean of what a delivered webhook took from its
        request to the receiver's answer: the sync with a CRM."""
        guests_ended, syncs = sum(self.endings.values()), self.sync_s.count
        total = self.guest_sessions_total + self.rest_sessions_total
        disconnections = guests_ended + self.rest_disconnections
        return {
            "total_sessions": total,
            "disconnections": disconnections,
            "disconnection_rate": disconnections / total if total else 0.0,
            "guest_sessions_total": self.guest_sessions_total,
            "guest_sessions_ended": guests_ended,
            "messaging_sessions_total": self.rest_sessions_total,
            "messaging_sessions_ended": self.rest_disconnections,
            "syncs": syncs,
            "average_sync_latency_ms": self.sync_s.total * 1000.0 / syncs if syncs else 0.0,
        }

    def count_refused_frontend(self, reason: str) -> None:
        """A frontend or event stream that got no place (full, address), or lost it (unfinished,
        held)."""
        self.frontends_refused[reason] = self.frontends_refused.get(reason, 0) + 1
        self.on_refusal("frontend", reason)

    def webhook(self, counts: dict[str, int], target: str) -> None:
        counts[target] = counts.get(target, 0) + 1

    def count_http_refused(self, reason: str) -> None:
        """A connection or request refused or given up, by the limit that it met."""
        self.http_refused[reason] = self.http_refused.get(reason, 0) + 1
        self.on_refusal("request", reason)

    def count_session(self, counter: SessionCounter, count: int = 1) -> None:
        self.session_counts[counter] = self.session_counts.get(counter, 0) + count

    def observe_rest(self, operation: str, outcome: str, seconds: float) -> None:
        """One request to the platform's REST side (HTTP-4); both words are from closed lists."""
        found = self.rest_s.get((operation, outcome))
        if found is None:
            found = self.rest_s[operation, outcome] = Histogram()
        found.observe(seconds)

    def count_rest_retry(self, operation: str) -> None:
        self.rest_retries[operation] = self.rest_retries.get(operation, 0) + 1

    def count_platform_error(self, kind: str) -> None:
        """A call that failed for good, by kind (GUEST-3): token_validation, rate_limit, auth,
        network, other."""
        self.platform_errors[kind] = self.platform_errors.get(kind, 0) + 1

    def count_failed_attempt(self, kind: str) -> None:
        """A single request that failed, by the same kinds, whether it is made again or not."""
        self.failed_attempts[kind] = self.failed_attempts.get(kind, 0) + 1

    def count_malformed_answer(self) -> None:
        """A call that was answered with success, by an answer that lacks what it must have: who
        reads the answer finds that out, when the call itself is over (GUEST-3)."""
        self.count_failed_attempt("other")
        self.count_platform_error("other")


def _by_kind(counts: dict[str, int]) -> dict[str, int]:
    """With the kinds that have not occurred, and the total."""
    kinds = ("token_validation", "rate_limit", "auth", "network", "other")
    found = {kind: counts.get(kind, 0) for kind in kinds}
    return {"total": sum(found.values()), **found}
