"""Values whose type is not that of their key: `port = "3001"`, `tcp = 1`, `max_sessions = true`.

pydantic would read each as what it was meant to be, which is right for the text of an environment
variable and hides a mistake in a file. So what has a type of its own is compared here before."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from types import NoneType
from typing import Any

from ..model.settings import Duration
from .config_keys import alternatives, collection, is_section, metadata, sections, typed_keys

_NUMBER = re.compile(r"[+-]?[0-9_]+(\.[0-9_]+)?")

#: As pydantic's errors are: `loc`, `type`, `input`.
TypeProblem = dict[str, Any]

_Place = tuple[str | int, ...]


def wrong_types(data: dict[str, Any], texts: Collection[str]) -> list[TypeProblem]:
    """Of numbers and of what is true or false; the rest is for pydantic. `texts`: keys whose value
    came as text, from the environment. A duration may be text."""
    return [
        one
        for name, section in sections().items()
        for one in _in_table(section, data.get(name), (name,))
        if not (isinstance(one["input"], str) and ".".join(map(str, one["loc"])) in texts)
    ]


def _in_table(section: type, table: Any, place: _Place) -> Iterator[TypeProblem]:
    if isinstance(table, dict):
        for name, annotation in typed_keys(section).items():
            if name in table:
                yield from _in_value(annotation, table[name], (*place, name))


def _in_value(annotation: Any, value: Any, place: _Place) -> Iterator[TypeProblem]:
    kind, element = collection(annotation)
    if is_section(annotation):
        yield from _in_table(annotation, value, place)
    elif kind is tuple and isinstance(value, list):
        for n, one in enumerate(value):
            if is_section(element):
                yield from _in_table(element, one, (*place, n))
            else:
                yield from _in_value(element, one, (*place, n))
    elif kind is None and (word := _problem(annotation, value)):
        yield {"loc": place, "type": word, "input": value}


def _problem(annotation: Any, value: Any) -> str:
    """ "" for what may stand there, or is not judged here."""
    wanted = set(alternatives(annotation)) - {NoneType}
    if not wanted or not wanted <= {bool, int, float}:
        return ""
    if any(isinstance(one, Duration) for one in metadata(annotation)):
        return ""
    if wanted == {bool}:
        is_wrong = not isinstance(value, bool) and isinstance(value, int | float | str)
        quoted = isinstance(value, str) and value in ("true", "false")
        return ("quoted_bool" if quoted else "bool_type") if is_wrong else ""
    word = "int" if wanted == {int} else "float"
    if isinstance(value, str):
        return f"quoted_{word}" if _NUMBER.fullmatch(value) else f"{word}_type"
    return f"{word}_type" if isinstance(value, bool) else ""
