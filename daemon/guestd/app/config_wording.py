"""pydantic's errors about a configuration in the words of its other messages."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from typing import Any

from .config_keys import collection, is_section, sections, typed_keys

#: Sections with secrets in them: a problem there names only the key.
_WITH_SECRETS = frozenset({"platform", "api", "webhooks"})
_SECRET_KEYS = (["simulator", "token"],)

_Context = Mapping[str, Any]

_WORDS: dict[str, str | Callable[[_Context], str]] = {
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing_size": "must be a smaller number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "quoted_int": "must be a whole number; write it without quotes",
    "quoted_float": "must be a number; write it without quotes",
    "quoted_bool": "must be true or false; write it without quotes",
    "string_type": "must be text in quotes",
    "string_unicode": "must be UTF-8 text",
    "bytes_type": "must be text in quotes",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "dict_type": "must be a table",
    "missing": "is missing",
    "string_too_short": "must not be empty",
    "too_short": lambda found: f"must have at least {found['min_length']} entries",
    "too_long": lambda found: f"must have at most {found['max_length']} entries",
    "greater_than": lambda found: f"must be more than {_number(found['gt'])}",
    "greater_than_equal": lambda found: f"must be at least {_number(found['ge'])}",
    "less_than": lambda found: f"must be less than {_number(found['lt'])}",
    "less_than_equal": lambda found: f"must be at most {_number(found['le'])}",
    "multiple_of": lambda found: f"must be a multiple of {_number(found['multiple_of'])}",
    "literal_error": lambda found: f"must be {found['expected']}",
}


def in_words(error: Any) -> str:
    """One error of pydantic's: its key, the problem, and what was given if that is no secret."""
    path = list(error["loc"])
    key = ".".join(map(str, path))
    if error["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        return f"{key}: unknown key{_suggestion(path)}"
    if error["type"] == "dataclass_type":
        table = f"; write [{key}]" if len(path) == 1 else ""
        return f"{key}: must be a table{table}"
    words = _WORDS.get(error["type"])
    if words is None:  # a sentence of our own, from a validator
        message = error["msg"].removeprefix("Value error, ")
        words = f"{message[:1].lower()}{message[1:]}"
    said = words if isinstance(words, str) else words(error.get("ctx", {}))
    shown = error["type"] != "missing" and _may_be_shown(path, error["input"])
    return f"{key}: {said}" + (f" (got {_as_written(error['input'])})" if shown else "")


def _as_written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _number(value: Any) -> str:
    return f"{value:,.0f}" if float(value).is_integer() else f"{value}"


def _may_be_shown(path: list[str | int], given: Any) -> bool:
    """A figure or a word, and none that may be a secret in the wrong place or form."""
    is_plain = isinstance(given, (int, float)) or (isinstance(given, str) and len(path) > 1)
    return is_plain and path[0] not in _WITH_SECRETS and path[:2] not in _SECRET_KEYS


def meant_by(path: list[str | int]) -> list[list[str | int]]:
    """The keys that an unknown one was probably meant to be; none if no name is close."""
    wanted, known = str(path[-1]), _known_beside(path)
    if len(path) == 1 and (sections_with := _sections_with(wanted)):
        return [[name, wanted] for name in sections_with]
    return [[*path[:-1], one] for one in difflib.get_close_matches(wanted, known, n=1)]


def _known_beside(path: list[str | int]) -> dict[str, Any]:
    known: dict[str, Any] = dict(sections())
    for part in path[:-1]:
        if isinstance(part, str):  # a number is the place in a list of tables
            inner = known[part] if is_section(known[part]) else collection(known[part])[1]
            known = typed_keys(inner)
    return known


def _sections_with(key: str) -> list[str]:
    """Those that have such a key; none if it is a section itself, or if too many have it."""
    found = [name for name, section in sections().items() if key in typed_keys(section)]
    return found if key not in sections() and len(found) <= 3 else []


def _suggestion(path: list[str | int]) -> str:
    meant = meant_by(path)
    if len(path) == 1 and meant and len(meant[0]) == 2:
        places = " or ".join(".".join(map(str, one)) for one in meant)
        return f"; it belongs into a table: did you mean {places}?"
    known = ", ".join(_known_beside(path))
    return f"; did you mean {meant[0][-1]}?" if meant else f"; known here: {known}"
