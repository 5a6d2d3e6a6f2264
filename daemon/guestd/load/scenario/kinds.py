"""The kinds of values that a scenario file has. Each reads a node into a value, says in words and
as JSON Schema what may stand there, and reports what is wrong.

`read` gives the value, or WRONG after it has reported why not; it does not raise."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from ...model.durations import seconds_or_duration
from .problems import nearest
from .reading import FileReading, words_of
from .yaml_tree import YamlList, YamlMap, YamlNode, YamlScalar

Json = dict[str, Any]


class _Wrong:
    """What was read has been reported."""


WRONG: Final = _Wrong()


class ValueKind(Protocol):
    @property
    def words(self) -> str:
        """What may stand there, as in "must be …"."""

    def read(self, node: YamlNode, key: str, reading: FileReading) -> Any: ...

    def schema(self) -> Json: ...


def found_words(node: YamlNode) -> str:
    """What stands there, to be told in a problem."""
    match node:
        case YamlMap():
            return "a mapping"
        case YamlList():
            return "a list"
        case YamlScalar(kind="null"):
            return "empty"
        case YamlScalar(kind="whole" | "number" | "flag"):
            return node.text[:40]
        case YamlScalar():
            return repr(node.text if len(node.text) <= 40 else f"{node.text[:40]}…")


def refuse(
    kind: ValueKind, node: YamlNode, key: str, reading: FileReading, remedy: str = ""
) -> Any:
    found = found_words(node)
    remedy = remedy or ("write it after the colon" if found == "empty" else "change it")
    reading.wrong(node, key, f"must be {kind.words}, and is {found}", remedy)
    return WRONG


@dataclass(slots=True, frozen=True)
class TextValue:
    """`loose`: a number or a word such as `true` is taken as it was written. `template`: may use
    `${name}`."""

    words: str = "a text"
    loose: bool = False
    template: bool = False
    may_be_empty: bool = False
    pattern: str = ""

    def read(self, node: YamlNode, key: str, reading: FileReading) -> Any:
        if not isinstance(node, YamlScalar) or (node.kind == "null" and not self.may_be_empty):
            return refuse(self, node, key, reading, "write it in one line, in quotes")
        if node.kind not in ("text", "null") and not self.loose:
            return refuse(self, node, key, reading, f'put it in quotes: "{node.text}"')
        text = "" if node.kind == "null" else node.text
        if not text and not self.may_be_empty:
            reading.wrong(node, key, "is empty", f"write {self.words}")
            return WRONG
        if self.pattern and not re.fullmatch(self.pattern, text):
            return refuse(self, node, key, reading, "change it")
        if self.template:
            reading.check_names(node, key, text)
        return text

    def schema(self) -> Json:
        types: Any = "string"
        if self.loose:
            types = ["string", "number", "boolean", *(["null"] if self.may_be_empty else [])]
        elif self.may_be_empty:
            types = ["string", "null"]
        found: Json = {"type": types}
        if self.pattern:
            found["pattern"] = f"^(?:{self.pattern})$"
        elif not self.may_be_empty:
            found["minLength"] = 1
        return found


@dataclass(slots=True, frozen=True)
class NumberValue:
    words: str = "a number"
    low: float = 0.0
    high: float = sys.float_info.max
    whole: bool = False
    above_low: bool = False

    def read(self, node: YamlNode, key: str, reading: FileReading) -> Any:
        kinds = ("whole",) if self.whole else ("whole", "number")
        if not isinstance(node, YamlScalar) or node.kind not in kinds:
            return refuse(self, node, key, reading, "write it without quotes and units")
        value = number_in(node.text)
        if value is None or not self.low <= value <= self.high or self._is_low(value):
            return refuse(self, node, key, reading, self._bounds())
        return int(value) if self.whole else float(value)

    def _is_low(self, value: float) -> bool:
        return self.above_low and value == self.low

    def _bounds(self) -> str:
        low = f"above {self.low:g}" if self.above_low else f"{self.low:g} or more"
        return low if self.high == sys.float_info.max else f"{low}, at most {self.high:g}"

    def schema(self) -> Json:
        low = "exclusiveMinimum" if self.above_low else "minimum"
        found: Json = {"type": "integer" if self.whole else "number", low: _plain(self.low)}
        if self.high != sys.float_info.max:
            found["maximum"] = _plain(self.high)
        return found


def _plain(value: float) -> float:
    return int(value) if value == int(value) else value


def number_in(text: str) -> float | None:
    """None where it is none, or too large for its words."""
    try:
        if len(text) > 2 and text[:2] in ("0x", "0o"):
            return float(int(text, 0))
        value = float(text)
    except (ValueError, OverflowError):
        return None
    return value if value == value else None


#: Flags of YAML 1.1, and what they are now: texts.
_OLD_FLAGS = {"yes": "true", "y": "true", "on": "true", "no": "false", "n": "false", "off": "false"}


def _flag_remedy(node: YamlNode) -> str:
    text = node.text.lower() if isinstance(node, YamlScalar) and node.kind == "text" else ""
    if text in ("true", "false"):
        return "write it without quotes"
    return f"write {_OLD_FLAGS.get(text, 'true or false')}"


@dataclass(slots=True, frozen=True)
class FlagValue:
    words: str = "true or false"

    def read(self, node: YamlNode, key: str, reading: FileReading) -> Any:
        if not isinstance(node, YamlScalar) or node.kind != "flag":
            return refuse(self, node, key, reading, _flag_remedy(node))
        return node.text.lower() == "true"

    def schema(self) -> Json:
        return {"type": "boolean"}


#: As `model.durations` has it.
_DURATION_PATTERN = r"^[0-9]+(\.[0-9]+)?((ms|s|m|h|d)([0-9.]+(ms|s|m|h|d))*)?$"


@dataclass(slots=True, frozen=True)
class DurationValue:
    words: str = "a duration such as 30s, 5m, 1h30m or 250ms"
    above_zero: bool = False

    def read(self, node: YamlNode, key: str, reading: FileReading) -> Any:
        if not isinstance(node, YamlScalar) or node.kind == "null":
            return refuse(self, node, key, reading)
        value = duration_s(node.text)
        if value is None:
            return refuse(self, node, key, reading, "write seconds, or 30s, 5m, 1h30m, 250ms")
        if self.above_zero and value == 0:
            reading.wrong(node, key, "is no time at all", "write a duration above 0")
            return WRONG
        return value

    def schema(self) -> Json:
        low = "exclusiveMinimum" if self.above_zero else "minimum"
        return {"anyOf": [{"type": "number", low: 0}, _text_schema(_DURATION_PATTERN)]}


def _text_schema(pattern: str) -> Json:
    return {"type": "string", "pattern": pattern}


def duration_s(text: str) -> float | None:
    """Seconds, None if it is no duration."""
    try:
        return seconds_or_duration(text.strip())
    except ValueError:
        return None


@dataclass(slots=True, frozen=True)
class WordValue:
    """One of some words; `values` has what each becomes."""

    values: Mapping[str, Any]

    @property
    def words(self) -> str:
        return words_of(list(self.values))

    def read(self, node: YamlNode, key: str, reading: FileReading) -> Any:
        if not isinstance(node, YamlScalar):
            return refuse(self, node, key, reading)
        if node.text not in self.values:
            return refuse(self, node, key, reading, nearest(node.text, self.values, "write one"))
        return self.values[node.text]

    def schema(self) -> Json:
        return {"enum": list(self.values)}


def same(*words: str) -> WordValue:
    return WordValue({one: one for one in words})
