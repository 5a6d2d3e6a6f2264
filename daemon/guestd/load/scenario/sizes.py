"""Sizes of files and shares of a whole, as people write them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from .kinds import Json, NumberValue, refuse
from .reading import FileReading
from .yaml_tree import YamlNode, YamlScalar

_UNITS = {"": 1, "B": 1, "kB": 1000, "KB": 1000, "KiB": 1024, "MB": 10**6, "MiB": 1024**2}
_SIZE = r"([0-9]{1,9}(?:\.[0-9]{1,9})?)\s*(B|kB|KB|KiB|MB|MiB)?"
_PERCENT = r"([0-9]{1,3}(?:\.[0-9]{1,9})?)\s*%"

#: Five times what the platform takes: enough to be refused by it.
SIZE_BYTES_MAX = 50 * 10**6


@dataclass(slots=True, frozen=True)
class SizeValue:
    words: str = "a size such as 200kB or 2MB, at most 50MB"

    def read(self, node: YamlNode, key: str, reading: FileReading) -> Any:
        found = re.fullmatch(_SIZE, node.text) if isinstance(node, YamlScalar) else None
        if found is None:
            return refuse(self, node, key, reading, "write bytes, kB or MB")
        size = round(float(found[1]) * _UNITS[found[2] or ""])
        if not 0 < size <= SIZE_BYTES_MAX:
            return refuse(self, node, key, reading, "write another size")
        return size

    def schema(self) -> Json:
        number = {"type": "integer", "minimum": 1, "maximum": SIZE_BYTES_MAX}
        return {"anyOf": [number, {"type": "string", "pattern": f"^{_SIZE}$"}]}


@dataclass(slots=True, frozen=True)
class ShareValue:
    words: str = "a share such as 5% or 0.05"

    def read(self, node: YamlNode, key: str, reading: FileReading) -> Any:
        if isinstance(node, YamlScalar) and (found := re.fullmatch(_PERCENT, node.text)):
            share = float(found[1]) / 100
            return share if share <= 1 else refuse(self, node, key, reading, "at most 100%")
        return NumberValue(self.words, high=1).read(node, key, reading)

    def schema(self) -> Json:
        number = {"type": "number", "minimum": 0, "maximum": 1}
        return {"anyOf": [number, {"type": "string", "pattern": f"^{_PERCENT}$"}]}
