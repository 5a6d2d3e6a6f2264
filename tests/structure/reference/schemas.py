"""JSON Schemas in words: a list of fields with type, whether they are required, and meaning."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from .writing import item

Json = dict[str, Any]


def fields(schema: Json, *, required: bool = True) -> Iterator[str]:
    """An item for each field. `required`: say which are; in what guestd sends, all that stand
    there."""
    wanted = schema.get("required", [])
    for name, field in schema.get("properties", {}).items():
        facts = [type_of(field)]
        if required:
            facts.append("required" if name in wanted else "")
        default = field.get("default")
        if default not in (None, "", [], {}, False):
            facts.append(f"default `{json.dumps(default)}`")
        yield item(name, facts, field.get("description", ""))


def type_of(field: Json) -> str:
    """In a few words: `text`, `integer from 0`, `one of queue, reject`, `list of Choice`."""
    if "$ref" in field:
        return f"object ({field['$ref'].rpartition('/')[2]})"
    if "const" in field:
        return f"`{json.dumps(field['const'])}`"
    if "enum" in field:
        return "one of " + ", ".join(f"`{one}`" if one != "" else '`""`' for one in field["enum"])
    if choices := field.get("anyOf") or field.get("oneOf"):
        return " or ".join(type_of(one) for one in choices)
    kind = field.get("type")
    if kind == "array":
        return f"list of {type_of(field.get('items', {}))}"
    names = {"string": "text", "boolean": "true or false", "null": "null", "object": "object"}
    return names.get(kind, kind or "anything") + _bounds(field)


def _bounds(field: Json) -> str:
    found = [
        f" {word} {field[key]}"
        for key, word in (("minimum", "from"), ("maximum", "to"))
        if key in field
    ]
    if "maxLength" in field:
        found.append(f" of at most {field['maxLength']} characters")
    return "".join(found)


def example(value: Any) -> str:
    return f"\n```json\n{json.dumps(value, ensure_ascii=False)}\n```"
