"""Lists and mappings of a scenario file: the kinds of values that are made of others.

A `KeyTable` is the one place where a key is written down: values are read by it, unknown keys are
refused and mistyped ones corrected, and the JSON Schema and the reference page are made of it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from .kinds import (
    WRONG,
    Json,
    NumberValue,
    TextValue,
    ValueKind,
    found_words,
    number_in,
    refuse,
)
from .problems import nearest
from .reading import FileReading
from .yaml_tree import YamlList, YamlMap, YamlNode, YamlScalar

ANY_NAME = TextValue("a name", loose=True)


@dataclass(slots=True, frozen=True)
class ListValue:
    """Wrong items are reported, and left out."""

    item: ValueKind
    words: str
    least: int = 0

    def read(self, node: YamlNode, key: str, reading: FileReading) -> Any:
        if not isinstance(node, YamlList):
            return refuse(self, node, key, reading, "begin each item with a dash")
        if len(node.items) < self.least:
            reading.wrong(node, key, "is an empty list", f"write {self.words}")
            return WRONG
        values = [
            self.item.read(one, f"{key}[{place}]", reading)
            for place, one in enumerate(node.items)
            if not reading.is_full
        ]
        return tuple(one for one in values if one is not WRONG)

    def schema(self) -> Json:
        least = {"minItems": self.least} if self.least else {}
        return {"type": "array", "items": self.item.schema(), **least}


@dataclass(slots=True, frozen=True)
class NamedValues:
    """A mapping with names of the file's own."""

    item: ValueKind
    words: str
    name: TextValue = ANY_NAME
    least: int = 0

    def read(self, node: YamlNode, key: str, reading: FileReading) -> Any:
        if not isinstance(node, YamlMap):
            return refuse(self, node, key, reading, "write `name: value`, a line each")
        if len(node.entries) < self.least:
            reading.wrong(node, key, "is empty", f"write {self.words}")
            return WRONG
        found = {}
        for name, value in node.entries:
            if reading.is_full:
                break
            below = f"{key}.{name.text}"
            word = self.name.read(name, below, reading)
            read = self.item.read(value, below, reading)
            if word is not WRONG and read is not WRONG:
                found[word] = read
        return found

    def schema(self) -> Json:
        least = {"minProperties": self.least} if self.least else {}
        names = {"propertyNames": {"pattern": f"^(?:{self.name.pattern})$"}}
        return {
            "type": "object",
            "additionalProperties": self.item.schema(),
            **(names if self.name.pattern else {}),
            **least,
        }


@dataclass(slots=True, frozen=True)
class AnyValue:
    """Whatever JSON can say."""

    words: str = "any value"

    def read(self, node: YamlNode, key: str, reading: FileReading) -> Any:
        match node:
            case YamlMap():
                return {name.text: self.read(one, key, reading) for name, one in node.entries}
            case YamlList():
                return [self.read(one, key, reading) for one in node.items]
            case YamlScalar(kind="null"):
                return None
            case YamlScalar(kind="flag"):
                return node.text.lower() == "true"
            case YamlScalar(kind="whole" | "number"):
                return self._number(node, key, reading)
            case YamlScalar():
                return node.text

    def _number(self, node: YamlScalar, key: str, reading: FileReading) -> Any:
        value = number_in(node.text)
        if value is None or abs(value) > sys.float_info.max:
            return refuse(NumberValue(), node, key, reading, "put it in quotes")
        return int(value) if node.kind == "whole" and abs(value) < 2**53 else value

    def schema(self) -> Json:
        return {}


@dataclass(slots=True, frozen=True)
class ByShape:
    """Another kind for each shape of node. `empty`: what a key without a value means, None if it
    must have one."""

    words: str
    text: ValueKind | None = None
    many: ValueKind | None = None
    mapping: ValueKind | None = None
    empty: Callable[[], Any] | None = None

    def read(self, node: YamlNode, key: str, reading: FileReading) -> Any:
        if isinstance(node, YamlScalar) and node.kind == "null" and self.empty is not None:
            return self.empty()
        kind = {YamlScalar: self.text, YamlList: self.many, YamlMap: self.mapping}[type(node)]
        if kind is None or (isinstance(node, YamlScalar) and node.kind == "null"):
            return refuse(self, node, key, reading)
        return kind.read(node, key, reading)

    def schema(self) -> Json:
        kinds = [one.schema() for one in (self.text, self.many, self.mapping) if one is not None]
        return {"anyOf": [*kinds, *([{"type": "null"}] if self.empty is not None else [])]}


@dataclass(slots=True, frozen=True)
class FileKey:
    """A key of a mapping. `default`: in words, for the reference. `field`: under what name `build`
    gets it, if not its own."""

    name: str
    kind: ValueKind
    doc: str
    required: bool = False
    default: str = ""
    field: str = ""


@dataclass(slots=True, frozen=True)
class KeyTable:
    """A mapping whose keys are known. `build` makes a value of those that were written and are
    right, in the order of the table, which is also that of reading; without it they are the
    value."""

    words: str
    keys: Sequence[FileKey]
    build: Callable[[dict[str, Any], YamlNode, str, FileReading], Any] | None = None

    def read(self, node: YamlNode, key: str, reading: FileReading) -> Any:
        if not isinstance(node, YamlMap):
            problem = f"must be a mapping, and is {found_words(node)}"
            reading.wrong(node, key, problem, f"its keys: {', '.join(self._names())}")
            return WRONG
        written = {name.text: value for name, value in node.entries}
        refuse_unknown((name for name, _ in node.entries), self._names(), key, reading)
        found: dict[str, Any] = {}
        complete = True
        for one in self.keys:
            below = f"{key}.{one.name}" if key else one.name
            if one.name in written:
                value = one.kind.read(written[one.name], below, reading)
                if value is not WRONG:
                    found[one.field or one.name] = value
                complete = complete and value is not WRONG
            elif one.required:
                reading.wrong(node, below, "is missing", f"write {one.kind.words}")
                complete = False
        if not complete:
            return WRONG
        return found if self.build is None else self.build(found, node, key, reading)

    def _names(self) -> list[str]:
        return [one.name for one in self.keys]

    def schema(self) -> Json:
        properties = {one.name: described(one.kind.schema(), one.doc) for one in self.keys}
        required = [one.name for one in self.keys if one.required]
        return {
            "type": "object",
            "properties": properties,
            "additionalProperties": False,
            **({"required": required} if required else {}),
        }


def described(schema: Json, doc: str) -> Json:
    """In draft 7 nothing counts beside a `$ref`."""
    if "$ref" in schema:
        return {"description": doc, "allOf": [schema]}
    return {"description": doc, **schema}


def refuse_unknown(
    names: Iterable[YamlScalar], known: Sequence[str], key: str, reading: FileReading
) -> None:
    for name in names:
        if name.text not in known and not reading.is_full:
            below = f"{key}.{name.text}" if key else name.text
            reading.wrong(name, below, "is not a known key", nearest(name.text, known))
