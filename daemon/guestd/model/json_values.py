"""JSON values from outside that are kept and written out again: what cannot be written is not
accepted.

The writer (orjson) takes no half of a surrogate pair, no integer beyond 64 bits, and nothing nested
deeper than 254 levels; it turns an infinite number into `null`. Each of these is refused where it
comes in, with the place of the fault."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from math import isfinite
from typing import Any, NamedTuple

import orjson

from .errors import CommandError

#: No frontend and no platform means more; far below what the writer can nest.
DEPTH_MAX = 64

INTEGER_MIN, INTEGER_MAX = -(2**63), 2**64 - 1

#: Nineteen digits are the shortest integer that may not fit into 64 bits.
_LONG_NUMBER = re.compile(rb"[0-9]{19}")
_LONG_DIGITS = 20

SURROGATE = "holds half a surrogate pair, which is not text"


class Fault(NamedTuple):
    """Where a value cannot be written, and why. `path` is the keys and indices that lead there."""

    path: tuple[str, ...]
    reason: str


def loads(raw: bytes) -> Any:
    """`orjson.loads`, but an integer beyond 64 bits stays one and is not rounded. Raises
    ValueError."""
    found = orjson.loads(raw)
    if _LONG_NUMBER.search(raw) is None or exceeds_depth(found):
        return found
    return json.loads(raw, parse_int=_integer)


def is_text(value: str) -> bool:
    """True if it can be written as UTF-8."""
    if value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def exceeds_depth(value: Any, levels: int = DEPTH_MAX) -> bool:
    """Level by level, not by recursion."""
    level = [value]
    for _ in range(levels + 1):
        level = _below(level)
        if not level:
            return False
    return True


def is_writable(value: Any) -> bool:
    """True if it can be written as JSON and read again as the same value."""
    level = [value]
    for _ in range(DEPTH_MAX + 1):
        if not all(isfinite(one) for one in level if type(one) is float):
            return False
        level = _below(level)
        if not level:
            break
    else:
        return False
    try:
        orjson.dumps(value)
    except TypeError:  # half a surrogate pair, an integer beyond 64 bits
        return False
    return True


def fault_in(value: Any) -> Fault | None:
    """The first thing in a value that cannot be written; None if all of it can."""
    if is_writable(value):
        return None
    level: list[tuple[tuple[str, ...], Any]] = [((), value)]
    for _ in range(DEPTH_MAX + 1):
        below: list[tuple[tuple[str, ...], Any]] = []
        for path, one in level:
            if (reason := _fault_of(one)) is not None:
                return Fault(path, reason)
            below += [((*path, str(key)), child) for key, child in _children(one)]
        level = below
    return Fault(
        level[0][0][:1] if level else (),
        f"is nested deeper than {DEPTH_MAX} levels; make it flatter",
    )


def check_writable(fields: Mapping[str, Any]) -> None:
    """Raises CommandError naming the first field that cannot be written as JSON."""
    for name, value in fields.items():
        if (refused := refusal_of(name, value)) is not None:
            raise refused


def refusal_of(name: str, value: Any) -> CommandError | None:
    """Why the field `name` cannot be written as JSON, or None."""
    if isinstance(value, str) and value.isascii():
        return None
    fault = fault_in(value)
    if fault is None:
        return None
    where = ".".join((name, *fault.path))
    return CommandError(f"{printable(where)} {fault.reason}", field=name)


def printable(text: str, characters_max: int = 100) -> str:
    """Foreign text for an error message: cut, and always writable."""
    return text[:characters_max].encode("utf-8", "replace").decode()


def _fault_of(value: Any) -> str | None:
    if isinstance(value, str):
        return None if is_text(value) else SURROGATE
    if isinstance(value, dict):
        return None if all(is_text(str(key)) for key in value) else f"has a key that {SURROGATE}"
    if type(value) is int and not INTEGER_MIN <= value <= INTEGER_MAX:
        return "is an integer beyond the 64-bit range; send it as a string"
    if type(value) is float and not isfinite(value):
        return "is a number beyond the range of a double; send it as a string"
    return None


def _children(value: Any) -> list[tuple[object, Any]]:
    if isinstance(value, dict):
        return list(value.items())
    return list(enumerate(value)) if isinstance(value, list | tuple) else []


def _below(level: list[Any]) -> list[Any]:
    return [
        child
        for one in level
        if isinstance(one, dict | list | tuple)
        for child in (one.values() if isinstance(one, dict) else one)
    ]


def _integer(digits: str) -> int:
    """No integer is built from a number of thousands of digits: beyond the range is all that is
    told of it."""
    if len(digits.lstrip("-")) <= _LONG_DIGITS:
        return int(digits)
    return INTEGER_MIN - 1 if digits.startswith("-") else INTEGER_MAX + 1
