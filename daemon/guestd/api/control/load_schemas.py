"""What the API says of load runs. The figures have the names of a run's summary."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from .schemas import QueryParameters, RequestBody


class LoadQuery(QueryParameters):
    after: int = Field(
        default=0,
        ge=0,
        description="The `next` of what was given before: of the points those that changed since;"
        " Last-Event-ID counts more.",
    )


class StopLoadRun(RequestBody):
    """How it is stopped."""

    at_once: bool = Field(
        default=False,
        description="Leave conversations open, instead of letting the guests end them.",
    )


class LoadSessions(BaseModel):
    planned: int = Field(description="Guests that were started.")
    opened: int
    ended: int
    unconfirmed_end: int = Field(description="Ended, but the platform did not say so.")
    failed: int = Field(description="Never live, or not ended by the guest.")


class LoadMessages(BaseModel):
    sent: int
    confirmed: int
    received: int


class LoadRates(BaseModel):
    """Of the last second."""

    opened: float
    sent: float
    received: float


class LoadPercentiles(BaseModel):
    """In milliseconds; null where nothing was measured."""

    count: int
    p50: float | None
    p95: float | None
    p99: float | None
    max: float | None


class LoadThreshold(BaseModel):
    """One threshold so far."""

    expression: str
    about: str = Field(description="What its figure is, in words.")
    ok: bool | None = Field(description="Whether it holds so far; null: not known yet.")
    value: float | None
    limit: float
    unit: str = Field(description="Of value and limit: ms, count, ratio, per_s.")
    note: str


class LoadFigures(BaseModel):
    """A run at one moment: what `guestd load` writes each second where there is no terminal."""

    at_s: float = Field(description="Seconds since the run's start.")
    left_s: float | None = Field(description="null: until all guests are through.")
    guests_wanted: int | None = Field(
        description="How many there should be at this moment; null where guests arrive at a rate,"
        " and when the run is over."
    )
    guests: dict[str, int] = Field(
        description="By state: live, opening, resting, waiting, leaving."
    )
    sessions: LoadSessions
    messages: LoadMessages
    per_s: LoadRates
    echo_ms: LoadPercentiles
    first_reply_ms: LoadPercentiles
    waits: dict[str, int] = Field(description="The steps that guests wait in, and how many do.")
    errors: dict[str, int] = Field(description="What failed, in words, and how often.")
    lost_connections: dict[str, int] = Field(description="By cause, without those dropped.")
    dropped_connections: int = Field(description="By scenarios, with `drop`: no errors.")
    throttled: dict[str, int] = Field(description="Answers 429, by bucket.")
    warnings: dict[str, int] = Field(description="Of the log.")
    thresholds: list[LoadThreshold]
    cpu: float = Field(description="Of one core, used by the load generator in its busiest minute.")
    cpu_max: float = Field(description="Above it the run is not valid.")
    lag_ms: float = Field(description="Of the load generator's event loop, p99.")
    lag_ms_max: float = Field(description="Above it the run is not valid.")
    too_slow: list[str] = Field(description="Why the run is not valid so far, in words.")
    stopping: bool


class LoadPoint(BaseModel):
    """A part of the run, `length_s` long from `at_s`. Counts are of the part; `guests` are at its
    end, by state."""

    at_s: float
    length_s: float
    guests: dict[str, int]
    sent: int
    received: int
    opened: int
    ended: int
    steps_failed: int
    echo_ms: LoadPercentiles
    first_reply_ms: LoadPercentiles
    lost_connections: int
    throttled: int
    cpu: float
    lag_ms: float


class LoadVerdict(BaseModel):
    """What the run came to, in words."""

    kind: Literal["ok", "bad", "warn"]
    words: str
    what_went_wrong: str = Field(description="A sentence; empty where nothing did.")
    validity: str
    exit_code: int


class LoadRunFacts(BaseModel):
    """One run."""

    version: Literal[1] = Field(description="Of this form.")
    id: str
    name: str
    state: Literal["starting", "running", "stopping", "comparing", "over"] = Field(
        description="comparing: the guests are done, what they had is compared with the platform."
    )
    target: str = Field(description="emulator, or the address of the platform's API.")
    plan: str = Field(description="How many guests, when, and for how long, in words.")
    started_at: int = Field(description="In milliseconds since 1970; 0: not yet.")
    at: int = Field(description="The time of this answer, in milliseconds since 1970.")
    seed: int
    workers: int = Field(description="Processes that share the guests.")
    stopped_by: str = Field(description="console, signal, threshold …, rails …; or empty.")


class LoadRunNow(LoadRunFacts):
    """A run as it is now."""

    now: LoadFigures | None = Field(description="null: it has not begun.")
    verdict: LoadVerdict | None = Field(description="null: it is not over.")
    points: list[LoadPoint] = Field(
        description="Those that changed after `after`, in order of time: at most 300. Each takes"
        " the place of those that lie within it."
    )
    next: int = Field(description="The `after` of the next question.")


class LoadRunList(BaseModel):
    """The runs of this process, the newest first."""

    runs: list[LoadRunFacts]
