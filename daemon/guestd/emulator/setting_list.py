"""Every setting of the emulator by its key: listed with type, bounds and default, and changed by
key and value.

Keys are the fields of `EmulatorSettings`; `limits.…` and `deployment.…` are those of its limits and
of its first deployment."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from .agents.script import load_script
from .core.fault_rules import FaultPlanError, parse_plan
from .settings import Deployment, EmulatorLimits, EmulatorSettings, QueueSettings

#: Read when the emulator starts, and not again: its address, its certificate,
#: its seed, the size of its stores.
AT_START = frozenset({"host", "port", "tls_dir", "tls_names", "seed", "records_max"})

#: Settings that are made of others, which have keys of their own.
_GROUPS: dict[str, type[BaseModel]] = {"limits": EmulatorLimits, "deployment": Deployment}

_WORDS = {
    bool: "true or false",
    int: "integer",
    float: "number",
    str: "text",
    Path: "path",
    dict: "object",
}
_WORDS |= {Deployment: "object", QueueSettings: "object"}
_BOUNDS = {
    "min_length": "entries: at least",
    "ge": "at least",
    "gt": "more than",
    "le": "at most",
    "lt": "less than",
}


@dataclass(slots=True, frozen=True)
class EmulatorSetting:
    """`bounds` is "" where the type says all. `default` is JSON."""

    key: str
    type: str
    bounds: str
    default: str
    at_start_only: bool


class SettingError(ValueError):
    """`key`, what is wrong with its value, and what it may be."""

    def __init__(self, key: str, problem: str, bound: str) -> None:
        super().__init__(f"{key}: {problem}; {bound}")
        self.key, self.problem, self.bound = key, problem, bound


def all_settings() -> list[EmulatorSetting]:
    return [_setting(key, field) for key, field in _fields()]


def values_of(settings: EmulatorSettings) -> dict[str, Any]:
    """By key. Of the OAuth clients their ids only."""
    flat = settings.model_dump(mode="json", exclude={"limits"})
    flat["oauth_clients"] = sorted(settings.oauth_clients)
    flat |= {
        f"limits.{key}": value for key, value in settings.limits.model_dump(mode="json").items()
    }
    return flat | {f"deployment.{key}": value for key, value in flat["deployments"][0].items()}


def changed(
    settings: EmulatorSettings, changes: Mapping[str, Any], *, is_running: bool = False
) -> EmulatorSettings:
    """With those keys set. `limits` and `deployment` may be objects. Raises BadSetting, and nothing
    has changed."""
    flat = dict(_flat(changes))
    known = dict(_fields())
    for key in flat:
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            raise SettingError(
                key,
                "is unknown",
                f"did you mean {near[0]}?" if near else "see the list of settings",
            )
        if is_running and key in AT_START:
            raise SettingError(
                key, "is read at the start only", f"give it to guestd emulate --set {key}=VALUE"
            )
    return _validated(settings, flat)


def parsed(assignments: list[str]) -> dict[str, Any]:
    """`key=value`, the value in JSON or a bare word. Raises BadSetting."""
    found: dict[str, Any] = {}
    for one in assignments:
        key, equals, text = one.partition("=")
        if not equals:
            raise SettingError(one, "has no value", "write key=value")
        found[key.strip()] = _value(key.strip(), text)
    return found


def table() -> list[str]:
    """As Markdown, for the documentation and for `guestd emulate --list-settings`."""
    lines = ["| setting | type | bounds | default |", "| --- | --- | --- | --- |"]
    for one in all_settings():
        where = f"{one.bounds}, at the start only".lstrip(", ") if one.at_start_only else one.bounds
        lines.append(f"| `{one.key}` | {one.type} | {where} | `{one.default}` |")
    return lines


# ---------------------------------------------------------------------- keys


def _fields() -> Iterator[tuple[str, FieldInfo]]:
    for name, field in EmulatorSettings.model_fields.items():
        if name not in _GROUPS:
            yield name, field
    for group, model in _GROUPS.items():
        for name, field in model.model_fields.items():
            yield f"{group}.{name}", field


def _flat(changes: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in changes.items():
        if key in _GROUPS and isinstance(value, Mapping):
            yield from ((f"{key}.{name}", one) for name, one in value.items())
        else:
            yield key, value


def _validated(settings: EmulatorSettings, flat: Mapping[str, Any]) -> EmulatorSettings:
    given = settings.model_dump()
    given["oauth_clients"] = dict(settings.oauth_clients)
    if "deployments" in flat:
        given["deployments"] = flat["deployments"]
    for key, value in flat.items():
        group, _, name = key.rpartition(".")
        place = given["limits"] if group == "limits" else given
        if group == "deployment":
            place = _first_of(given["deployments"])
        place[name] = value
    try:
        found = EmulatorSettings.model_validate(given)
    except ValidationError as error:
        raise _bad_setting(error) from None
    _check_agent_and_faults(found)
    return found


def _first_of(deployments: Any) -> dict[str, Any]:
    """An invalid deployment is reported with the other errors."""
    is_object = (
        isinstance(deployments, list | tuple) and deployments and isinstance(deployments[0], dict)
    )
    return deployments[0] if is_object else {}


def _check_agent_and_faults(settings: EmulatorSettings) -> None:
    try:
        load_script(settings.agent)
    except (TypeError, ValueError) as error:
        raise SettingError(
            "agent", str(error), "it must be: the name of an agent, or a script"
        ) from None
    try:
        parse_plan(settings.faults)
    except FaultPlanError as error:
        raise SettingError(
            "faults", f"{error.field}: {error}", "GET /__emulator/faults lists the kinds"
        ) from None


def _bad_setting(error: ValidationError) -> SettingError:
    first = error.errors(include_url=False)[0]
    path = [str(part) for part in first["loc"]]
    if path[:2] == ["deployments", "0"] and len(path) > 2:
        path = ["deployment", *path[2:]]
    known = dict(_fields())
    key = next((one for one in (".".join(path[:2]), path[0]) if one in known), ".".join(path))
    setting = _setting(key, known[key]) if key in known else None
    if setting is None:
        return SettingError(key, first["msg"], "see the list of settings")
    bound = ", ".join(part for part in (setting.type, setting.bounds) if part)
    given = first["input"]
    shown = (
        f"{str(given)[:60]!r} "
        if isinstance(given, str | int | float | NoneType) and key != "oauth_clients"
        else ""
    )
    message = first["msg"].removeprefix("Value error, ")
    return SettingError(
        key, f"{shown}is refused: {message[:1].lower()}{message[1:]}", f"it must be: {bound}"
    )


def _value(key: str, text: str) -> Any:
    field = dict(_fields()).get(key)
    try:
        found = json.loads(text)
    except ValueError:
        return text
    takes_text = field is not None and field.annotation is str
    return text if takes_text and not isinstance(found, str) else found


# ---------------------------------------------------------------------- words


def _setting(key: str, field: FieldInfo) -> EmulatorSetting:
    bounds, default = _bounds(field), field.get_default(call_default_factory=True)
    if key == "seed":
        bounds, default = "drawn if left out", None
    shown = json.dumps(default, default=_plain)
    return EmulatorSetting(key, _type(field.annotation), bounds, shown, key in AT_START)


def _type(annotation: Any) -> str:
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return "one of " + ", ".join(map(str, parts))
    if origin in (Union, UnionType):
        return " or ".join(_type(one) for one in parts)
    if origin is tuple:
        return f"list of {_type(parts[0])}"
    if origin is dict and parts[1] is not Any:
        return f"object of {_type(parts[1])}"
    if annotation is NoneType:
        return "null"
    return _WORDS.get(origin or annotation, "object")


def _bounds(field: FieldInfo) -> str:
    found = []
    for one in field.metadata:
        found += [
            f"{word} {getattr(one, name):g}" for name, word in _BOUNDS.items() if hasattr(one, name)
        ]
    return ", ".join(found)


def _plain(value: Any) -> Any:
    return (
        value.model_dump(mode="json", exclude_defaults=True)
        if isinstance(value, BaseModel)
        else str(value)
    )
