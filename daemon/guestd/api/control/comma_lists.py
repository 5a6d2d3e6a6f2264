"""Query parameters that are lists: `state=live,resting`. Each item is checked, and the list has a
bound; in the OpenAPI document they are arrays that are not exploded."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

from pydantic import PlainValidator, WithJsonSchema

Json = dict[str, Any]


class CommaList:
    """`CommaList.of_words(…)` and `CommaList.matching(…)` give what stands in an `Annotated`."""

    def __init__(self, items: Json, items_max: int) -> None:
        self._items = items
        self._items_max = items_max

    @classmethod
    def of_words(cls, words: Sequence[str]) -> tuple[PlainValidator, WithJsonSchema]:
        """Only these words."""
        return cls({"enum": list(words), "type": "string"}, len(words)).as_annotation()

    @classmethod
    def matching(cls, pattern: str, items_max: int) -> tuple[PlainValidator, WithJsonSchema]:
        return cls({"type": "string", "pattern": pattern}, items_max).as_annotation()

    def as_annotation(self) -> tuple[PlainValidator, WithJsonSchema]:
        schema = {"type": "array", "items": self._items, "maxItems": self._items_max}
        return PlainValidator(self._read), WithJsonSchema(schema)

    def _read(self, given: object) -> tuple[str, ...]:
        """Raises ValueError in words."""
        if isinstance(given, tuple):
            return given
        items = tuple(str(given).split(",")) if given else ()
        if len(items) > self._items_max:
            raise ValueError(f"has {len(items)} items; at most {self._items_max} are allowed")
        for item in items:
            self._check(item)
        return items

    def _check(self, item: str) -> None:
        known: list[str] = self._items.get("enum", [])
        if known and item not in known:
            near = get_close_matches(item, known, 1)
            meant = f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"
            raise ValueError(f"must be words with commas between them; one is unknown; {meant}")
        pattern = self._items.get("pattern")
        if pattern is not None and re.fullmatch(pattern[1:-1], item) is None:
            raise ValueError("must be ids with commas between them")
