"""The keys at the top of a scenario file, and what becomes of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ..measure.threshold_expressions import ThresholdError, parse
from .file import PersonaModel, Rails, Scenario, Stage, Target, ThresholdRule
from .kinds import WRONG, DurationValue, FlagValue, Json, NumberValue, TextValue, refuse
from .load_model import (
    RATE_MAX,
    USERS_MAX,
    LoadModelError,
    LoadWishes,
    load_model,
    stage_in,
)
from .problems import FileProblem
from .reading import FileReading
from .scenario_values import ScenarioValue
from .sizes import ShareValue
from .tables import ByShape, FileKey, KeyTable, ListValue, NamedValues
from .tester_keys import TESTER_AI
from .walk import every_step
from .yaml_tree import YamlNode, YamlScalar

_LONG = DurationValue(above_zero=True)


def _rate(words: str = "a number per second") -> NumberValue:
    return NumberValue(words, high=RATE_MAX, above_low=True)


CONFIG = KeyTable(
    "the deployment",
    (
        FileKey("deploymentId", TextValue(), "Its id.", field="deployment_id"),
        FileKey("region", TextValue(), "The organisation's domain, as in `mypurecloud.de`."),
        FileKey("origin", TextValue(), "The page that the guests come from."),
        FileKey("ai", TESTER_AI, "The language model, in the tester's words."),
    ),
)

AI = KeyTable(
    "the language model",
    (
        FileKey("model", TextValue(), "Its name.", required=True),
        FileKey("url", TextValue("a URL that begins with http", pattern="https?://.+"),
                "Where it answers in the OpenAI chat format.",
                default="https://api.openai.com/v1"),
        FileKey("keyVariable", TextValue("the name of a variable",
                                         pattern="[A-Za-z_][A-Za-z0-9_]*"),
                "The environment variable with its key.", default="OPENAI_API_KEY",
                field="key_variable"),
        FileKey("temperature", NumberValue(high=2), "How much chance is in the answers."),
        FileKey("timeout", _LONG, "How long an answer may take.", default="60s",
                field="timeout_s"),
        FileKey("parameters", NamedValues(NumberValue(low=-1e15, high=1e15), "names with numbers"),
                "More of the request: `top_p`, `seed`."),
    ),
    lambda found, node, key, reading: PersonaModel(**found),
)  # fmt: skip


def _load(found: dict[str, Any], node: YamlNode, key: str, reading: FileReading) -> Any:
    try:
        return load_model(LoadWishes(**found))
    except LoadModelError as bad:
        reading.wrong(node, f"{key}.{bad.key}", bad.problem, bad.remedy)
        return WRONG


@dataclass(slots=True, frozen=True)
class StageValue:
    """In one word: `30s:100`."""

    words: str = "a stage such as 30s:100"

    def read(self, node: YamlNode, key: str, reading: FileReading) -> Any:
        stage = stage_in(node.text) if isinstance(node, YamlScalar) else None
        if stage is None:
            return refuse(self, node, key, reading, "write a duration, a colon and a number")
        return stage

    def schema(self) -> Json:
        return {"type": "string", "pattern": r"^[0-9][0-9a-z.]*:\s*[0-9]+(\.[0-9]+)?\s*$"}


_STAGE = KeyTable(
    "a stage",
    (
        FileKey("duration", _LONG, "How long it takes.", required=True),
        FileKey("target", NumberValue(high=USERS_MAX), "Guests, or arrivals a second, at its end.",
                required=True),
    ),
    lambda found, node, key, reading: Stage(found["duration"], found["target"]),
)  # fmt: skip
LOAD = KeyTable(
    "the load",
    (
        FileKey("users", NumberValue(low=1, high=USERS_MAX, whole=True),
                "So many guests at a time."),
        FileKey("spawnRate", _rate(), "So many of them start a second.", default="all at once",
                field="spawn_rate"),
        FileKey("runTime", _LONG, "For so long, a guest who has finished is followed by another."
                " Without it each has one conversation.", field="run_time_s"),
        FileKey("arrivalRate", NumberValue("a number per second", high=RATE_MAX),
                "So many guests arrive a second instead, whatever becomes of those before.",
                field="arrival_rate"),
        FileKey("stages", ListValue(ByShape("a stage such as 30s:100", text=StageValue(),
                                            mapping=_STAGE), "a list of stages", least=1),
                "Up and down in straight lines: guests, or with `arrivalRate` arrivals a second."),
        FileKey("connectsPerSecond", _rate(), "New connections to the deployment.",
                default="no bound of its own", field="connects_per_s"),
        FileKey("gracefulStop", DurationValue(), "How long guests may finish at the end.",
                default="30s", field="graceful_stop_s"),
    ),
    _load,
)  # fmt: skip

_EXPRESSION = TextValue(
    "a figure, a comparison and a limit, such as echo_latency.p99 < 500ms",
    pattern=r"\s*[^<>=!\s][^<>=!]*(<=|>=|==|!=|<|>)\s*[^<>=!\s][^<>=!]*",
)
THRESHOLD = KeyTable(
    "a threshold",
    (
        FileKey("expression", _EXPRESSION, "What must hold.", required=True),
        FileKey("abortOnFail", FlagValue(), "End the run as soon as it does not.",
                default="false", field="abort"),
        FileKey("delayAbortEval", DurationValue(), "Not before so much of the run is over.",
                default="0s", field="abort_after_s"),
    ),
)  # fmt: skip


@dataclass(slots=True, frozen=True)
class ThresholdValue:
    """One rule, which knows its place."""

    words: str = _EXPRESSION.words

    def read(self, node: YamlNode, key: str, reading: FileReading) -> Any:
        found = _RULE.read(node, key, reading)
        if found is WRONG:
            return WRONG
        reading.rule_keys.append(key)
        fields = found if isinstance(found, dict) else {"expression": found}
        return ThresholdRule(place=reading.place(node), **fields)

    def schema(self) -> Json:
        return _RULE.schema()


_RULE = ByShape(_EXPRESSION.words, text=_EXPRESSION, mapping=THRESHOLD)
THRESHOLDS = ListValue(ThresholdValue(), "a list of thresholds")

_DAY = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_HOUR = "(?:[01][0-9]|2[0-4]):[0-5][0-9]"
_WINDOW = TextValue(
    "days and hours in UTC, such as Mon-Fri 20:00-23:00",
    pattern=rf"(?:{_DAY}(?:-{_DAY})?(?:,{_DAY}(?:-{_DAY})?)* )?{_HOUR}-{_HOUR}",
)
_SEVERAL = ListValue(TextValue(), "a list of ids", least=1)
RAILS = KeyTable(
    "what a run must not cross",
    (
        FileKey("deployments", _SEVERAL, "Only these may be run against."),
        FileKey("window", ByShape(_WINDOW.words, text=_WINDOW,
                                  many=ListValue(_WINDOW, "a list of windows", least=1)),
                "Only then, in UTC."),
        FileKey("connectsPerSecond", _rate(), "No more new connections.",
                field="connects_per_s_max"),
        FileKey("messagesPerSecond", _rate(), "No more messages: those above it wait.",
                field="messages_per_s_max"),
        FileKey("throttledShare", ShareValue(), "Stop above this share of answers 429.",
                default="5%", field="throttled_share_max"),
        FileKey("stopFile", TextValue(), "Stop when this file appears.", field="stop_file"),
    ),
    lambda found, node, key, reading: Rails(**_with_windows(found)),
)  # fmt: skip


def _with_windows(found: dict[str, Any]) -> dict[str, Any]:
    window = found.get("window", ())
    return {**found, "window": (window,) if isinstance(window, str) else window}


def _file(found: dict[str, Any], node: YamlNode, key: str, reading: FileReading) -> Any:
    """The fields of a ScenarioFile, but for those of the file itself."""
    config = dict(found.pop("config", {}))
    testers = config.pop("ai", None)
    own = found.pop("ai", None)
    if own is not None and testers is not None:
        reading.wrong(node, "ai", "stands twice, here and in config", "remove one of them")
    model = own or testers
    if model is None:
        for place, below in reading.personas:
            reading.wrong(place, below, "needs a language model", "add `ai: {model: …}`")
    scenarios = tuple(
        Scenario(name=name, **fields) for name, fields in found.pop("scenarios").items()
    )
    _check_thresholds(found.get("thresholds", ()), scenarios, reading)
    return {**found, "target": Target(**config), "persona_model": model, "scenarios": scenarios}


def _check_thresholds(
    rules: Iterable[ThresholdRule], scenarios: Iterable[Scenario], reading: FileReading
) -> None:
    labels = {step.label for one in scenarios for step in every_step(one.steps)}
    for key, rule in zip(reading.rule_keys, rules, strict=True):
        try:
            parse(rule.expression, labels)
        except ThresholdError as bad:
            line = rule.place.line if rule.place else 1
            problem, _, remedy = bad.what.partition("; ")
            said = f"character {bad.position}: {problem}"
            remedy = remedy or "change it"
            reading.problems.append(FileProblem(line, key, said, remedy))


FILE = KeyTable(
    "a mapping with `scenarios`",
    (
        FileKey("name", TextValue(loose=True), "What reports call the file."),
        FileKey("config", CONFIG, "The deployment. The command line counts more."),
        FileKey("ai", AI, "The language model that speaks as `persona`.", field="ai"),
        FileKey("load", LOAD, "How many guests, when. The command line counts more.",
                default="one guest, once"),
        FileKey("thresholds", THRESHOLDS, "What must hold at the end."),
        FileKey("rails", RAILS, "What a run against a real organisation must not cross."),
        FileKey("scenarios", NamedValues(ScenarioValue(), "names with scenarios",
                                         TextValue("a name", loose=True), least=1),
                "Each by its name.", required=True),
    ),
    _file,
)  # fmt: skip
