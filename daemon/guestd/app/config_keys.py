"""The keys of the configuration as data: what the fields of its sections say about themselves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from annotated_types import Ge, Gt, Le, MultipleOf
from pydantic import SecretBytes, SecretStr

from ..model.settings import Doc, Duration
from .config import Config

_WORDS = {bool: "true or false", int: "integer", float: "number"}
_DURATIONS = {"s": "seconds, or a duration such as 30s", "ms": "milliseconds, or a duration"}


#: The path of a key, and what is written there.
Secret = tuple[str, str]


@dataclass(slots=True, frozen=True)
class Key:
    """One key of one section. `example` is a value for a key that has no default."""

    section: str
    name: str
    annotation: Any
    default: Any
    doc: Doc

    @property
    def environment(self) -> str:
        return f"GUESTD_{self.section}__{self.name}".upper()

    @property
    def type(self) -> str:
        """What may be written, in words."""
        return _words(self.annotation)

    @property
    def bounds(self) -> str:
        """ "" if there are none."""
        return ", ".join(_bounds(metadata(self.annotation)))


@cache
def sections() -> dict[str, type]:
    """Every section's class, in the order of the file."""
    return {name: _class_of(field.annotation) for name, field in Config.model_fields.items()}


@cache
def typed_keys(section: type) -> dict[str, Any]:
    """The keys of a section, or of a table in a list, with their annotated types."""
    hints = get_type_hints(section, include_extras=True)
    return {one.name: hints[one.name] for one in fields(section)}


def keys(section: str) -> Iterator[Key]:
    cls, types = sections()[section], typed_keys(sections()[section])
    defaults = getattr(Config(), section)
    for one in fields(cls):
        docs = [said for said in metadata(types[one.name]) if isinstance(said, Doc)]
        default = getattr(defaults, one.name)
        yield Key(section, one.name, types[one.name], default, docs[0] if docs else Doc(""))


def all_keys() -> list[Key]:
    return [one for section in sections() for one in keys(section)]


def collection(annotation: Any) -> tuple[Any, Any]:
    """(tuple or dict, what a tuple is made of); (None, None) for a single value."""
    for one in alternatives(annotation):
        if get_origin(one) in (tuple, dict):
            return get_origin(one), get_args(one)[0]
    return None, None


def is_section(found: Any) -> bool:
    return isinstance(found, type) and is_dataclass(found)


def secrets_of(data: dict[str, Any], known: Any = None, place: str = "") -> Iterator[Secret]:
    """What is secret in a configuration as it is written, whether it is valid or not."""
    types = sections() if known is None else typed_keys(known)
    for name, value in data.items():
        if name in types:
            yield from _secrets(types[name], value, f"{place}{name}")


def _secrets(annotation: Any, value: Any, place: str) -> Iterator[Secret]:
    inner = collection(annotation)[1]
    if isinstance(value, dict) and is_section(annotation):
        yield from secrets_of(value, annotation, f"{place}.")
    elif isinstance(value, list) and is_section(inner):
        for n, one in enumerate(value):
            if isinstance(one, dict):
                yield from secrets_of(one, inner, f"{place}[{n}].")
    elif isinstance(value, list):
        for one in value:
            yield from _secrets(inner, one, place)
    elif isinstance(value, str) and (_is_secret(annotation) or _has_password(place, value)):
        yield place, value


def _is_secret(annotation: Any) -> bool:
    return not {SecretStr, SecretBytes}.isdisjoint(alternatives(annotation))


def _has_password(place: str, value: str) -> bool:
    return place.endswith("proxy_url") and "@" in value


def required(section: type) -> set[str]:
    """Keys that a table must have."""
    return {
        one.name
        for one in fields(section)
        if one.default is MISSING and one.default_factory is MISSING
    }


def _class_of(annotation: Any) -> type:
    assert isinstance(annotation, type)
    return annotation


def alternatives(annotation: Any) -> list[Any]:
    """The members of a union, without their annotations."""
    if get_origin(annotation) is Annotated:
        return alternatives(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return [found for one in get_args(annotation) for found in alternatives(one)]
    return [annotation]


def metadata(annotation: Any) -> list[Any]:
    """Everything that is said beside the type, inside a union as well."""
    if get_origin(annotation) is Annotated:
        inner, *said = get_args(annotation)
        return [*metadata(inner), *said]
    if get_origin(annotation) in (Union, UnionType):
        return [found for one in get_args(annotation) for found in metadata(one)]
    return []


def _words(annotation: Any) -> str:
    units = [one.unit for one in metadata(annotation) if isinstance(one, Duration)]
    if units:
        return _DURATIONS[units[0]]
    (one,) = [found for found in alternatives(annotation) if found is not NoneType]
    if get_origin(one) is Literal:
        return " or ".join(f'"{word}"' for word in get_args(one))
    if get_origin(one) is tuple:
        return "list of tables" if is_section(get_args(one)[0]) else "list of strings"
    if get_origin(one) is dict:
        return "table of strings"
    return "secret" if one in (SecretStr, SecretBytes) else _WORDS.get(one, "string")


def _bounds(said: list[Any]) -> Iterator[str]:
    least = [one for one in said if isinstance(one, Ge)]
    for one in said:
        if isinstance(one, Gt) and not least:
            yield f"above {_number(one.gt)}"
        elif isinstance(one, Ge) and one is least[-1]:
            yield f"at least {_number(one.ge)}"
        elif isinstance(one, Le):
            yield f"at most {_number(one.le)}"
        elif isinstance(one, MultipleOf):
            yield f"a multiple of {_number(one.multiple_of)}"


def _number(value: Any) -> str:
    return f"{value:,.0f}" if float(value).is_integer() else f"{value}"
