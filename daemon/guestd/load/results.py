"""What a run comes to: the summary, and the conversations worth reading. JSON in and out.

The report, JUnit, CSV and the comparison of two runs are all made of this alone, so a report can be
drawn again from `--summary FILE.json`. Times that end in `_ms` are milliseconds, `_s` seconds since
the run's start; `at` are epoch milliseconds. Field names are those of the JSON."""

from __future__ import annotations

from typing import Literal

import msgspec

#: The exit code of a run that is not valid where `--require-valid` asks for it, and of a comparison
#: with such a run; no other of ours, and none of k6's.
NOT_VALID = 111


class Percentiles(msgspec.Struct, kw_only=True):
    """Of one measure. `histogram`: the whole distribution, HdrHistogram's V2 compressed encoding in
    base64, of microseconds."""

    count: int = 0
    min: float | None = None
    p50: float | None = None
    p90: float | None = None
    p95: float | None = None
    p99: float | None = None
    p999: float | None = None
    max: float | None = None
    mean: float | None = None
    histogram: str = ""


class SessionCounts(msgspec.Struct, kw_only=True):
    """`opened`: were live. `ended`: over at the platform. `unconfirmed_end`: the guest said goodbye
    and the platform did not confirm it. `failed`: never live, or not ended by the guest.
    `most_at_once`: live and not over, counted at each opening and end. Of a run in several
    processes it is the sum of what each had at most in the same row of the run's time (a second;
    more in a run of over a quarter of an hour), so perhaps a few more than there were."""

    planned: int = 0
    opened: int = 0
    ended: int = 0
    unconfirmed_end: int = 0
    failed: int = 0
    most_at_once: int = 0


class MessageCounts(msgspec.Struct, kw_only=True):
    sent: int = 0
    confirmed: int = 0
    received: int = 0
    failed: int = 0


class ThresholdResult(msgspec.Struct, kw_only=True):
    """`value` None: nothing was measured, which fails. `limit` and `value` in the unit of the
    expression's figure (`unit`: ms, count, ratio, per_s). `note`: since when, and how many.
    `ignored`: it was not judged, and counts as met; the reason is the note."""

    expression: str
    ok: bool
    value: float | None = None
    limit: float = 0.0
    unit: str = ""
    note: str = ""
    aborted: bool = False
    ignored: bool = False

    @property
    def is_open(self) -> bool:
        """Not known yet, which is only while a run lasts: neither met nor failed."""
        return self.ok and self.value is None and not self.ignored


class StepFigures(msgspec.Struct, kw_only=True):
    """One step of a scenario over all guests."""

    scenario: str
    step: int
    label: str
    place: str = ""
    run: int = 0
    failed: int = 0
    failures: dict[str, int] = {}
    took_ms: Percentiles = msgspec.field(default_factory=Percentiles)


class Point(msgspec.Struct, kw_only=True):
    """A part of the run, `length_s` long from `at_s`: at most 200 of them. Percentiles are of
    merged histograms; None where nothing was measured. Counts are of the part; `guests` are at its
    end, by state (waiting, opening, live, resting, leaving)."""

    at_s: float
    length_s: float
    guests: dict[str, int] = {}
    sent: int = 0
    confirmed: int = 0
    received: int = 0
    opened: int = 0
    ended: int = 0
    steps_failed: int = 0
    echo_ms: Percentiles = msgspec.field(default_factory=Percentiles)
    first_reply_ms: Percentiles = msgspec.field(default_factory=Percentiles)
    lost_connections: int = 0
    throttled: int = 0
    cpu: float = 0.0
    lag_ms: float = 0.0


class Throttling(msgspec.Struct, kw_only=True):
    """429s of one bucket, and what used it up."""

    bucket: str
    count: int
    used_by: str = ""


class LostConnections(msgspec.Struct, kw_only=True):
    cause: str
    count: int
    restore_ms: Percentiles = msgspec.field(default_factory=Percentiles)


class DroppedConnections(msgspec.Struct, kw_only=True):
    """Connections that scenarios dropped on purpose, with `drop`: no errors."""

    count: int = 0
    restore_ms: Percentiles = msgspec.field(default_factory=Percentiles)


class ErrorGroup(msgspec.Struct, kw_only=True):
    """Failures alike: `what` in words, with the step if it is one's."""

    what: str
    count: int
    kind: str = ""
    scenario: str = ""
    step: int | None = None


class TranscriptEntry(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One line of a conversation. `who`: guest, a sender's name, or "" for what happened. `kind`:
    text, choice, file, card, presence, connection, step, persona, lost, doubled."""

    at_s: float
    who: str
    text: str
    kind: str = "text"
    notes: list[str] = []


class FrameEntry(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One frame around the failure, redacted. `direction`: in, out or "" for open and close."""

    at_s: float
    direction: str
    text: str
    size_bytes: int = 0


class ConversationReport(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A conversation worth reading. `why`: failed, lost, doubled, reordered, uncertain, slow.
    `alike`: how many others failed in the same way and are not told."""

    guest: str
    scenario: str
    why: str
    outcome: str
    what: str = ""
    alike: int = 0
    conversation_id: str = ""
    started_s: float = 0.0
    length_s: float = 0.0
    failed_step: int | None = None
    failed_label: str = ""
    expected: str = ""
    seen: str = ""
    transcript: list[TranscriptEntry] = []
    frames: list[FrameEntry] = []
    frames_left_out: int = 0
    command: str = ""


class CaseResult(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One conversation of a functional run (`guestd test`), or a group of them. `outcome`: passed,
    failed, stopped (the run ended before it was through) or not run (before it began). `row`: of
    the scenario's data, from 1, and of how many, `rows`; both 0 where there are not several."""

    scenario: str
    guest: str
    outcome: str
    took_s: float
    file: str = ""
    line: int = 0
    row: int = 0
    rows: int = 0
    conversation: ConversationReport | None = None


class Overhead(msgspec.Struct, kw_only=True):
    """Whether the load generator itself was in the way. `workers`: how many processes; the other
    figures are the worst of them."""

    workers: int = 1
    cpu_share: float = 0.0
    cpu_share_max: float = 0.7
    lag_p99_ms: float = 0.0
    lag_max_ms: float = 0.0
    lag_limit_ms: float = 50.0
    late_starts: int = 0
    memory_bytes: int = 0
    reasons: list[str] = []


class Environment(msgspec.Struct, kw_only=True):
    """Where and with what it ran. `target`: emulator, a region's name or a daemon's address."""

    target: str = ""
    deployment_id: str = ""
    scenario_path: str = ""
    scenario_sha256: str = ""
    guestd: str = ""
    python: str = ""
    system: str = ""
    cores: int = 0
    memory_bytes: int = 0
    open_files: int = 0
    open_files_limit: int = 0
    wall_drift_ms: float = 0.0
    command: str = ""


class Reconciled(msgspec.Struct, kw_only=True):
    """What was compared with the platform's record. `by`: record (the emulator's), history (the
    platform's), or "" if it was not done, with `why_not`. `not_compared`: conversations that were
    not, by the reason."""

    by: str = ""
    messages: int = 0
    conversations: int = 0
    why_not: str = ""
    not_compared: dict[str, int] = {}


class NotMeasured(msgspec.Struct, kw_only=True):
    """What could not be measured where the run's guest sessions were. `figures`: the names of
    those of the summary that say nothing, and not that there were none."""

    what: str
    why: str
    figures: list[str] = []


class Band(msgspec.Struct, kw_only=True):
    """A part of the time worth shading: a stage, or an injected fault."""

    from_s: float
    to_s: float
    label: str
    kind: Literal["stage", "fault"] = "stage"


class Latencies(msgspec.Struct, kw_only=True):
    """From the intended time, but `echo_as_sent`. The names are those of `load.guest.actions`."""

    session_time: Percentiles = msgspec.field(default_factory=Percentiles)
    echo: Percentiles = msgspec.field(default_factory=Percentiles)
    echo_as_sent: Percentiles = msgspec.field(default_factory=Percentiles)
    first_reply: Percentiles = msgspec.field(default_factory=Percentiles)
    first_bot_reply: Percentiles = msgspec.field(default_factory=Percentiles)
    first_human_reply: Percentiles = msgspec.field(default_factory=Percentiles)
    reply_gap: Percentiles = msgspec.field(default_factory=Percentiles)
    typing_shown: Percentiles = msgspec.field(default_factory=Percentiles)
    conversation_time: Percentiles = msgspec.field(default_factory=Percentiles)
    restore_time: Percentiles = msgspec.field(default_factory=Percentiles)


class Summary(msgspec.Struct, kw_only=True):
    """All of it. `version` is of this format. `exit_code` as the command line documents.
    `warnings`: of guestd's own log."""

    version: int = 1
    name: str = ""
    run_id: str = ""
    kind: Literal["load", "test"] = "load"
    started_at: int = 0
    ended_at: int = 0
    seed: int = 0
    exit_code: int = 0
    valid: bool = True
    stopped_by: str = ""
    sessions: SessionCounts = msgspec.field(default_factory=SessionCounts)
    messages: MessageCounts = msgspec.field(default_factory=MessageCounts)
    lost: int = 0
    doubled: int = 0
    reordered: int = 0
    uncertain: int = 0
    latency_ms: Latencies = msgspec.field(default_factory=Latencies)
    thresholds: list[ThresholdResult] = []
    steps: list[StepFigures] = []
    points: list[Point] = []
    bands: list[Band] = []
    errors: list[ErrorGroup] = []
    throttling: list[Throttling] = []
    lost_connections: list[LostConnections] = []
    dropped_connections: DroppedConnections = msgspec.field(default_factory=DroppedConnections)
    warnings: list[ErrorGroup] = []
    conversations: list[ConversationReport] = []
    cases: list[CaseResult] = []
    overhead: Overhead = msgspec.field(default_factory=Overhead)
    environment: Environment = msgspec.field(default_factory=Environment)
    reconciled: Reconciled = msgspec.field(default_factory=Reconciled)
    not_measured: list[NotMeasured] = []
    notes: list[str] = []

    def is_known(self, figure: str) -> bool:
        """Whether it was measured: lost, doubled, reordered."""
        return all(figure not in one.figures for one in self.not_measured)
