"""The JSON Schema of the configuration file, written from the fields of the sections.

For editors: the first line of a file that `guestd config init` writes names it, and what reads such
lines (Even Better TOML, Taplo) completes keys and shows what each means. guestd itself checks more
than a schema can say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from inspect import cleandoc
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen, MultipleOf

from ..model.settings import Doc, Duration
from .config_keys import alternatives, is_section, keys, metadata, required, sections, typed_keys

#: What editors of TOML read; later drafts add nothing that is needed here.
DRAFT = "http://json-schema.org/draft-07/schema#"

FILE_NAME = "guestd.schema.json"

Json = dict[str, Any]

_TYPES: Mapping[Any, str] = {bool: "boolean", int: "integer", float: "number"}

_DURATION = {"type": "string", "pattern": "^[0-9.]+(ms|s|m|h|d)([0-9.]+(ms|s|m|h|d))*$"}


def schema() -> Json:
    return {
        "$schema": DRAFT,
        "title": "guestd",
        "description": "The configuration file of guestd.",
        **_object({name: _section(name) for name in sections()}),
    }


def schema_text() -> str:
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def _section(name: str) -> Json:
    properties = {
        key.name: _described(_value(key.annotation), key.doc, key.default) for key in keys(name)
    }
    return {"description": _sentences(sections()[name]), **_object(properties)}


def _table(section: type) -> Json:
    """One table of a list of tables."""
    properties = {}
    for name, annotation in typed_keys(section).items():
        docs = [said for said in metadata(annotation) if isinstance(said, Doc)]
        properties[name] = _described(_value(annotation), docs[0] if docs else Doc(""), None)
    return {
        "description": _sentences(section),
        **_object(properties),
        "required": sorted(required(section)),
    }


def _object(properties: Json) -> Json:
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _described(value: Json, doc: Doc, default: Any) -> Json:
    found = {"description": doc.text, **value} if doc.text else value
    if default is None:
        return found
    return {**found, "default": list(default) if isinstance(default, tuple) else default}


def _value(annotation: Any) -> Json:
    said = metadata(annotation)
    (one,) = [found for found in alternatives(annotation) if found is not NoneType]
    if get_origin(one) is Literal:
        return {"type": "string", "enum": list(get_args(one))}
    if get_origin(one) is dict:  # a name with a dot may stand without quotes, and is a table then
        return {"type": "object"}
    if get_origin(one) is tuple:
        element = get_args(one)[0]
        items = _table(element) if is_section(element) else _value(element)
        return {"type": "array", "items": items, **_lengths(said, "Items")}
    if one in _TYPES:
        number = {"type": _TYPES[one], **_bounds(said)}
        if any(isinstance(bound, Duration) for bound in said):
            return {"anyOf": [number, _DURATION]}
        return number
    return {"type": "string", **_lengths(said, "Length")}


def _bounds(said: list[Any]) -> Json:
    found: Json = {}
    for bound in said:
        match bound:
            case Ge():
                found["minimum"] = max(bound.ge, found.get("minimum", bound.ge))
            case Gt():
                found["exclusiveMinimum"] = bound.gt
            case Le():
                found["maximum"] = bound.le
            case Lt():
                found["exclusiveMaximum"] = bound.lt
            case MultipleOf():
                found["multipleOf"] = bound.multiple_of
    return found


def _lengths(said: list[Any], of_what: str) -> Json:
    found: Json = {}
    for bound in said:
        if isinstance(bound, MinLen):
            found[f"min{of_what}"] = bound.min_length
        elif isinstance(bound, MaxLen):
            found[f"max{of_what}"] = bound.max_length
    return found


def _sentences(section: type) -> str:
    return " ".join(cleandoc(section.__doc__ or "").split())
