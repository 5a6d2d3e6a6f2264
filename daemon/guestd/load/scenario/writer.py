"""Steps and scenario files written as YAML, so that reading them gives the same again.

For conversations that were recorded. What the file does not say is not written: a step has its
`name` only where that is not what reports would call it anyway."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .file import GuestProfile, Scenario, ScenarioFile, Stage
from .labels import label_of
from .spreads import duration_text, written_spread
from .steps import (
    REPLY_WITHIN_S,
    AttachFile,
    Choose,
    DropConnection,
    EndConversation,
    ExpectDisconnect,
    ExpectJoin,
    ExpectReply,
    Repeat,
    SayStep,
    SetAttributes,
    Step,
    TalkAsPersona,
    Think,
    TypeFor,
)
from .yaml_tree import plain_kind

Json = dict[str, Any]

#: What no reader of YAML takes for anything but a text.
_PLAIN_FIRST = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_PLAIN_REST = _PLAIN_FIRST | frozenset("0123456789 .,!?'()-+_/;")


def write_steps(steps: Sequence[Step]) -> str:
    """A list of steps, to be put below a scenario's name. Ends with a newline."""
    return _text([written_step(one) for one in steps])


def to_yaml(file: ScenarioFile) -> str:
    """A whole file. Rows of a CSV file are written out, and paths as they are."""
    found: Json = {"name": file.name} if file.name else {}
    target = {
        "deploymentId": file.target.deployment_id,
        "region": file.target.region,
        "origin": file.target.origin,
    }
    found |= {"config": given} if (given := _given(target)) else {}
    found |= _ai(file) | _load(file) | _thresholds(file) | _rails(file)
    found["scenarios"] = {one.name: _scenario(one) for one in file.scenarios}
    return _text(found)


def _given(values: Mapping[str, Any]) -> Json:
    return {name: value for name, value in values.items() if value}


def _times(values: Mapping[str, float]) -> dict[str, str]:
    return {name: duration_text(value) for name, value in values.items() if value}


def _ai(file: ScenarioFile) -> Json:
    model = file.persona_model
    if model is None:
        return {}
    found: Json = {"model": model.model, "url": model.url, "keyVariable": model.key_variable}
    if model.temperature is not None:
        found["temperature"] = model.temperature
    found |= _given({"parameters": dict(model.parameters)})
    return {"ai": {**found, "timeout": duration_text(model.timeout_s)}}


def _load(file: ScenarioFile) -> Json:
    load = file.load
    found: Json = {}
    stages = list(load.stages)
    start = stages.pop(0).at_end if stages and stages[0].length_s == 0 else 0.0
    if load.kind == "open":
        found["arrivalRate"] = start
        if stages == [Stage(load.run_time_s, start)]:
            found |= _times({"runTime": load.run_time_s})
            stages = []
    elif load.users > 1 or load.kind == "closed":
        found["users"] = load.users
    if load.stages and load.kind == "closed" and not start:
        del found["users"]
    if stages:
        found["stages"] = [
            {"duration": duration_text(one.length_s), "target": one.at_end} for one in stages
        ]
    elif load.kind == "closed":
        found |= _times({"runTime": load.run_time_s})
    found |= _given({"spawnRate": load.spawn_rate, "connectsPerSecond": load.connects_per_s})
    if load.graceful_stop_s != 30.0:
        found["gracefulStop"] = duration_text(load.graceful_stop_s)
    return {"load": found} if found else {}


def _thresholds(file: ScenarioFile) -> Json:
    rules: list[Any] = []
    for one in file.thresholds:
        beside: Json = {"abortOnFail": True} if one.abort else {}
        beside |= _times({"delayAbortEval": one.abort_after_s})
        rules.append({"expression": one.expression, **beside} if beside else one.expression)
    return {"thresholds": rules} if rules else {}


def _rails(file: ScenarioFile) -> Json:
    rails = file.rails
    found = _given(
        {
            "deployments": list(rails.deployments),
            "window": list(rails.window),
            "connectsPerSecond": rails.connects_per_s_max,
            "messagesPerSecond": rails.messages_per_s_max,
            "stopFile": rails.stop_file,
        }
    )
    if rails.throttled_share_max != 0.05:
        found["throttledShare"] = rails.throttled_share_max
    return {"rails": found} if found else {}


def _scenario(scenario: Scenario) -> Any:
    found: Json = {"weight": scenario.weight} if scenario.weight != 1 else {}
    found |= _times({"timeout": scenario.for_s})
    found |= _given({"data": [dict(row) for row in scenario.data]})
    found |= _given({"guest": _guest(scenario.guest)})
    steps = [written_step(one) for one in scenario.steps]
    return {**found, "steps": steps} if found else steps


def _guest(guest: GuestProfile) -> Json:
    return _given(
        {
            "name": guest.display_name,
            "email": guest.email,
            "attributes": dict(guest.attributes),
            "metadata": dict(guest.metadata),
            "authenticated": guest.authenticated,
        }
    )


def written_step(step: Step) -> Any:
    """The step as the file has it: a word, or a mapping."""
    key, value = _pair(step)
    beside = {"name": step.label} if step.label != label_of(step) else {}
    if isinstance(step, ExpectJoin):
        beside |= _within(step.within_s)
    if value is None and not beside:
        return key
    return {key: value, **beside}


def _pair(step: Step) -> tuple[str, Any]:
    match step:
        case SayStep(attributes=None):
            return "say", step.text
        case SayStep():
            return "say", {"text": step.text, "attributes": dict(step.attributes or {})}
        case TypeFor():
            return "type", written_spread(step.time)
        case Think():
            return "think", written_spread(step.time)
        case ExpectReply():
            return _expected(step)
        case Choose():
            return "choose", _chosen(step)
        case AttachFile():
            return "attach", _attached(step)
        case SetAttributes():
            return "attributes", dict(step.values)
        case _:
            return _other_pair(step)


def _other_pair(step: Step) -> tuple[str, Any]:
    match step:
        case ExpectJoin():
            return "waitForJoin", step.who or "any"
        case ExpectDisconnect():
            return "waitForDisconnect", _within(step.within_s) or None
        case DropConnection():
            within = _within(step.within_s, 60.0)
            return "drop", {"how": step.how, **within} if within else step.how
        case EndConversation():
            return "end", None
        case Repeat():
            return "repeat", _repeated(step)
        case TalkAsPersona():
            return "persona", _persona(step)
        case _:
            raise AssertionError(step)


def _within(seconds: float, default: float = REPLY_WITHIN_S) -> Json:
    return {} if seconds == default else {"within": duration_text(seconds)}


def _expected(step: ExpectReply) -> tuple[str, Any]:
    found = _given(
        {
            "containing": step.containing,
            "matching": step.matching,
            "structure": step.structure,
            "from": step.sender,
            "capture": dict(step.capture),
        }
    )
    within = _within(step.within_s)
    if not within and found.keys() == {"containing"}:
        return "waitForReplyContaining", step.containing
    if not within and found.keys() == {"matching"}:
        return "waitForReplyMatching", step.matching
    return "expect", {**found, **within} or None


def _chosen(step: Choose) -> Any:
    within = _within(step.within_s)
    if step.text:
        return {"text": step.text, **within} if within else step.text
    return {"number": step.number, **within}


def _attached(step: AttachFile) -> Any:
    found = _given(
        {
            "path": step.path,
            "size": step.size_bytes,
            "type": step.content_type,
            "name": step.filename,
            "caption": step.caption,
        }
    )
    return {**found, **_within(step.within_s, 60.0)}


def _repeated(step: Repeat) -> Json:
    found: Json = {"times": step.times} if step.times else {}
    found |= _times({"for": step.for_s, "every": step.every_s})
    return {**found, "steps": [written_step(one) for one in step.steps]}


def _persona(step: TalkAsPersona) -> Json:
    passed, failed = step.terms
    return {
        "persona": step.persona,
        **_given({"goal": step.goal}),
        "turns": step.turns_max,
        "replyWithin": duration_text(step.reply_within_s),
        "pass": list(passed),
        "fail": list(failed),
    }


def _text(value: Any) -> str:
    return "\n".join(_lines(value)) + "\n"


def _lines(value: Any) -> Iterator[str]:
    """In block style, each level by two more spaces."""
    if isinstance(value, Mapping) and value:
        for name, below in value.items():
            yield from _entry(f"{scalar(str(name))}:", below)
    elif isinstance(value, list) and value:
        for item in value:
            first, *rest = _lines(item)
            yield f"- {first}"
            yield from (f"  {line}" for line in rest)
    else:
        yield _flat(value)


def _entry(key: str, value: Any) -> Iterator[str]:
    if value is None:
        yield key
    elif isinstance(value, Mapping | list) and value:
        yield key
        yield from (f"  {line}" for line in _lines(value))
    else:
        yield f"{key} {_flat(value)}"


def _flat(value: Any) -> str:
    match value:
        case str():
            return scalar(value)
        case bool() | None:
            return {True: "true", False: "false", None: "null"}[value]
        case int() | float():
            return repr(int(value) if value == int(value) else value)
        case _:
            return "[]" if isinstance(value, list) else "{}"


def scalar(text: str) -> str:
    """A text as YAML has it, in quotes where it needs them."""
    is_plain = text[:1] in _PLAIN_FIRST and text[-1:] != " " and _PLAIN_REST.issuperset(text)
    if text and is_plain and plain_kind(text) == "text" and ", " not in text:
        return text
    return f'"{"".join(map(_escaped, text))}"'


_SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def _escaped(one: str) -> str:
    if one in _SHORT:
        return _SHORT[one]
    if one.isprintable() and one != "\ufeff":
        return one
    code = ord(one)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
