"""A scenario file as values: what it says of the deployment, its scenarios, how much load, and what
must hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from .steps import Place, Step


@dataclass(slots=True, frozen=True)
class Target:
    """The deployment that a file names; "" where it does not say."""

    deployment_id: str = ""
    region: str = ""
    origin: str = ""


@dataclass(slots=True, frozen=True)
class GuestProfile:
    """Who the virtual guests of a scenario are. `display_name`, `email` and the attributes' values
    are templates. `authenticated`: with a token of the identity that the configuration names."""

    display_name: str = ""
    email: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    authenticated: bool = False


@dataclass(slots=True, frozen=True)
class Scenario:
    """`weight`: how often it is chosen, beside the others of the file. `data`: rows of a CSV file,
    one for each guest in turn, by column. `for_s`: it is failed after so long; 0: never.
    `rows_are_cases`: a functional run plays each of the rows, else one."""

    name: str
    steps: tuple[Step, ...]
    place: Place
    weight: float = 1.0
    guest: GuestProfile = GuestProfile()
    data: tuple[Mapping[str, str], ...] = ()
    for_s: float = 0.0
    rows_are_cases: bool = True

    @property
    def cases(self) -> int:
        """How many a functional run has of it."""
        return max(1, len(self.data)) if self.rows_are_cases else 1


@dataclass(slots=True, frozen=True)
class Stage:
    """`at_end`: how many guests (closed) or arrivals a second (open) at its end; the way there from
    the stage before is a straight line."""

    length_s: float
    at_end: float


@dataclass(slots=True, frozen=True)
class LoadModel:
    """`closed`: so many guests at a time, a new one where one has finished; `open`: so many arrive
    a second, whatever becomes of those before. `once`: each of the guests has one conversation.
    `spawn_rate` is the arrivals per second of the first stage of `closed` where no stages are
    given. `connects_per_s`: the budget of new connections of the deployment, 0: none of its own.
    `each_row`: the first guests of `once` are the cases of a functional run, scenario by scenario
    and of each row by row."""

    kind: Literal["once", "closed", "open"] = "once"
    stages: tuple[Stage, ...] = ()
    users: int = 1
    spawn_rate: float = 0.0
    run_time_s: float = 0.0
    connects_per_s: float = 0.0
    graceful_stop_s: float = 30.0
    each_row: bool = False


@dataclass(slots=True, frozen=True)
class ThresholdRule:
    """`echo_latency.p99 < 500ms`, as it was written. `abort`: end the run as soon as it fails,
    once `abort_after_s` of it are over."""

    expression: str
    place: Place | None = None
    abort: bool = False
    abort_after_s: float = 0.0


@dataclass(slots=True, frozen=True)
class Rails:
    """What a run against a real organisation must not cross. `window`: days and hours in UTC
    ("Mon-Fri 20:00-23:00"), empty: any time. `throttled_share_max`: the run aborts above this share
    of answers 429. `stop_file`: the run stops when it appears."""

    deployments: tuple[str, ...] = ()
    window: tuple[str, ...] = ()
    connects_per_s_max: float = 0.0
    messages_per_s_max: float = 0.0
    throttled_share_max: float = 0.05
    stop_file: str = ""


@dataclass(slots=True, frozen=True)
class PersonaModel:
    """The language model that speaks as guest: any endpoint of the OpenAI chat format. The key is
    the value of an environment variable, never of the file. `parameters` (top_p, seed) go
    into the request as they are."""

    url: str = "https://api.openai.com/v1"
    model: str = ""
    key_variable: str = "OPENAI_API_KEY"
    temperature: float | None = None
    timeout_s: float = 60.0
    parameters: Mapping[str, float] = field(default_factory=dict)


@dataclass(slots=True, frozen=True)
class ScenarioFile:
    """`sha256` is of the file's bytes. `notes`: what is worth saying of it, each with its line."""

    path: str
    sha256: str
    scenarios: tuple[Scenario, ...]
    name: str = ""
    target: Target = Target()
    load: LoadModel = LoadModel()
    thresholds: tuple[ThresholdRule, ...] = ()
    rails: Rails = Rails()
    persona_model: PersonaModel | None = None
    notes: tuple[str, ...] = ()
