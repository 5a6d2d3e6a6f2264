"""The summary of a run, made of what its processes have measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from ..guest.actions import OPENING
from ..results import (
    Band,
    CaseResult,
    ConversationReport,
    DroppedConnections,
    Environment,
    ErrorGroup,
    Latencies,
    LostConnections,
    MessageCounts,
    Reconciled,
    SessionCounts,
    StepFigures,
    Summary,
    ThresholdResult,
    Throttling,
)
from ..scenario.file import Scenario
from ..scenario.steps import Repeat, Step
from .functional_thresholds import functional_results
from .groups import DROPPED
from .merged import RunMeasures
from .overhead import overhead
from .reconcile import RunFindings
from .rows import points
from .thresholds import MeasuredFigures, ThresholdWatch

#: A step's failure → what a reader is told.
FAILURES = {
    "no_reply": "no reply as expected in time",
    "no_choice": "what was to be picked was not offered",
    "no_echo": "not confirmed in time",
    "no_join": "the agent did not join in time",
    "no_disconnect": "the platform did not end the conversation in time",
    "no_restore": "the connection did not come back in time",
    "not_reached": "the platform was not reached in time",
    "send_failed": "the platform refused the message",
    "uncertain": "what became of the message is not known",
    "session_over": "the session had ended",
    "too_long": "the scenario took too long",
    "persona": "the language model gave no answer",
}


@dataclass(slots=True, frozen=True)
class StepName:
    """What a step is called. `place`: file and line."""

    scenario: str
    label: str
    place: str = ""


def step_names(scenarios: Sequence[Scenario]) -> dict[tuple[int, int], StepName]:
    """By the number of the scenario in the file and of the step in it, depth first from 0."""
    return {
        (number, step): StepName(scenario.name, each.label, f"{each.place.file}:{each.place.line}")
        for number, scenario in enumerate(scenarios)
        for step, each in enumerate(_depth_first(scenario.steps))
    }


def _depth_first(steps: Iterable[Step]) -> Iterable[Step]:
    for step in steps:
        yield step
        if isinstance(step, Repeat):
            yield from _depth_first(step.steps)


@dataclass(slots=True, kw_only=True)
class RunFacts:
    """What is known of a run but not measured. Times in epoch milliseconds, `for_s` by the clock
    that only goes forward. `planned`: guests; 0 takes those that were started. `stopped_by`:
    signal, threshold, rails, …; "" if it came to its end."""

    name: str
    run_id: str
    seed: int
    started_at: int
    ended_at: int
    for_s: float
    kind: Literal["load", "test"] = "load"
    planned: int = 0
    stopped_by: str = ""
    exit_code: int = 0
    scenarios: Sequence[str] = ()
    steps: Mapping[tuple[int, int], StepName] = field(default_factory=dict)
    bands: Sequence[Band] = ()
    conversations: Sequence[ConversationReport] = ()
    cases: Sequence[CaseResult] = ()
    environment: Environment = field(default_factory=Environment)


def figures_of(
    measures: RunMeasures, facts: RunFacts, findings: RunFindings | None = None
) -> MeasuredFigures:
    """What the thresholds of this run are judged by."""
    labels = {key: name.label for key, name in facts.steps.items()}
    return MeasuredFigures(measures, labels, facts.for_s, findings.counts if findings else {})


def summary_of(
    measures: RunMeasures,
    facts: RunFacts,
    watch: ThresholdWatch | None = None,
    findings: RunFindings | None = None,
    reconciled: Reconciled | None = None,
) -> Summary:
    """`findings` None: the conversations were not compared, and `reconciled` says why not."""
    load = overhead(measures)
    figures = figures_of(measures, facts, findings)
    found = findings.counts if findings else {}
    return Summary(
        name=facts.name,
        run_id=facts.run_id,
        kind=facts.kind,
        started_at=facts.started_at,
        ended_at=facts.ended_at,
        seed=facts.seed,
        exit_code=facts.exit_code,
        valid=not load.reasons,
        stopped_by=facts.stopped_by,
        sessions=_sessions(measures, facts),
        messages=_messages(measures),
        lost=found.get("lost", 0),
        doubled=found.get("doubled", 0),
        reordered=found.get("reordered", 0),
        uncertain=found.get("uncertain", measures.count("uncertain")),
        latency_ms=_latencies(measures),
        thresholds=_thresholds(watch, figures, facts.kind) if watch else [],
        steps=_steps(measures, facts),
        points=points(measures.timeline, facts.for_s),
        bands=list(facts.bands),
        errors=errors_of(measures, facts),
        throttling=throttling_of(measures),
        lost_connections=lost_connections_of(measures),
        dropped_connections=dropped_connections_of(measures),
        warnings=warnings_of(measures),
        conversations=list(facts.conversations),
        cases=list(facts.cases),
        overhead=load,
        environment=facts.environment,
        reconciled=reconciled or Reconciled(),
    )


def progress_of(measures: RunMeasures, facts: RunFacts) -> Summary:
    """A run that still lasts: its counts and latencies, and nothing over time, which takes long to
    make."""
    return Summary(
        name=facts.name,
        run_id=facts.run_id,
        kind=facts.kind,
        started_at=facts.started_at,
        ended_at=facts.started_at + int(facts.for_s * 1000),
        seed=facts.seed,
        environment=facts.environment,
        sessions=_sessions(measures, facts),
        messages=_messages(measures),
        uncertain=measures.count("uncertain"),
        latency_ms=_latencies(measures, encoded=False),
        steps=_steps(measures, facts),
        errors=errors_of(measures, facts),
        throttling=throttling_of(measures),
        lost_connections=lost_connections_of(measures),
        dropped_connections=dropped_connections_of(measures),
        overhead=overhead(measures),
    )


def _messages(measures: RunMeasures) -> MessageCounts:
    return MessageCounts(
        sent=measures.count("sent"),
        confirmed=measures.count("confirmed"),
        received=measures.count("received"),
        failed=measures.count("send_failed"),
    )


def _thresholds(
    watch: ThresholdWatch, figures: MeasuredFigures, kind: Literal["load", "test"]
) -> list[ThresholdResult]:
    return functional_results(watch, figures) if kind == "test" else watch.results(figures)


def _sessions(measures: RunMeasures, facts: RunFacts) -> SessionCounts:
    started = sum(process.started for process in measures.processes.values())
    most = (sum(sample.open_most for sample in row.processes.values()) for row in measures.timeline)
    return SessionCounts(
        planned=facts.planned or started,
        opened=measures.count("live"),
        ended=measures.count("ended"),
        unconfirmed_end=measures.count("unconfirmed_end"),
        failed=measures.count("failed"),
        most_at_once=max(most, default=0),
    )


def _latencies(measures: RunMeasures, encoded: bool = True) -> Latencies:
    named = {"echo": "echo_latency"}
    return Latencies(
        **{
            name: measures.measure(named.get(name, name)).percentiles(encoded=encoded)
            for name in Latencies.__struct_fields__
        }
    )


def _step_name(facts: RunFacts, scenario: int, step: int) -> StepName:
    label = "before the first step" if step == OPENING else f"step {step + 1}"
    unnamed = StepName(_scenario_name(facts, scenario), label)
    return facts.steps.get((scenario, step), unnamed)


def _scenario_name(facts: RunFacts, number: int | None) -> str:
    if number is None or number >= len(facts.scenarios):
        return ""
    return facts.scenarios[number]


def _steps(measures: RunMeasures, facts: RunFacts) -> list[StepFigures]:
    """In the file's order; also those that no guest came to. What failed before the first is among
    the errors only."""
    totals = measures.groups.steps
    figures = []
    for scenario, step in sorted({*totals, *facts.steps}):
        if step == OPENING:
            continue
        name = _step_name(facts, scenario, step)
        one = StepFigures(scenario=name.scenario, step=step, label=name.label, place=name.place)
        if (scenario, step) in totals:
            each = totals[scenario, step]
            one.run = each.run
            one.failed = each.failed
            one.failures = dict(each.failures)
            one.took_ms = each.took.percentiles(encoded=False)
        figures.append(one)
    return figures


def errors_of(measures: RunMeasures, facts: RunFacts) -> list[ErrorGroup]:
    """The most frequent first."""
    groups = []
    for (scenario, step), totals in measures.groups.steps.items():
        name = _step_name(facts, scenario, step)
        for failure, count in totals.failures.items():
            what = f"{name.label}: {FAILURES.get(failure, failure)}"
            groups.append(
                ErrorGroup(what=what, count=count, kind=failure, scenario=name.scenario, step=step)
            )
    for (kind, what, number), count in measures.groups.failures.items():
        where = _scenario_name(facts, number)
        groups.append(ErrorGroup(what=what, count=count, kind=kind, scenario=where))
    return sorted(groups, key=lambda group: (-group.count, group.what))


def warnings_of(measures: RunMeasures) -> list[ErrorGroup]:
    warned = sorted(measures.groups.warnings.items(), key=lambda each: (-each[1], each[0]))
    return [ErrorGroup(what=what, count=count, kind="warning") for what, count in warned]


def throttling_of(measures: RunMeasures) -> list[Throttling]:
    throttled = measures.groups.throttled.items()
    return [
        Throttling(bucket=bucket, count=count, used_by=used_by)
        for (bucket, used_by), count in sorted(throttled, key=lambda each: (-each[1], each[0]))
    ]


def dropped_connections_of(measures: RunMeasures) -> DroppedConnections:
    dropped = measures.groups.lost.get(DROPPED)
    if dropped is None:
        return DroppedConnections()
    return DroppedConnections(
        count=dropped.count, restore_ms=dropped.restore.percentiles(encoded=False)
    )


def lost_connections_of(measures: RunMeasures) -> list[LostConnections]:
    """But for those that scenarios dropped."""
    lost = [each for each in measures.groups.lost.items() if each[0] != DROPPED]
    return [
        LostConnections(
            cause=cause,
            count=totals.count,
            restore_ms=totals.restore.percentiles(encoded=False),
        )
        for cause, totals in sorted(lost, key=lambda each: (-each[1].count, each[0]))
    ]
