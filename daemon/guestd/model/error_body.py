"""Everything that the body of a refusal says (HTTP-3): its messages, its codes, and the fields that
they are about.

The platform and the gateways before it tell errors in many shapes: one `message`; a list of
`errors` with messages of their own, each perhaps with lists inside; `details` with `errorCode`,
`fieldName` and the entity; all that at the top or inside `body` or
`error`. A body is foreign: what is read of it is bounded in depth, number and length, and nothing
in it can raise."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .errors import ErrorItem

BYTES_MAX = 65_536  # a longer body is not an error message
DEPTH_MAX = 8  # the platform nests errors in errors; deeper ones are not read
SEEN_MAX = 1024  # entries that are read to count the errors: a millisecond or two
ITEMS_MAX = 16  # more say nothing new to a person, and all of them are kept with the operation
TEXT_CHARACTERS_MAX = 300

_MESSAGES = ("message", "messageWithParams", "error_description", "description", "detail", "title")
_CODES = ("code", "errorCode")
_FIELDS = ("field", "fieldName", "path")
_LISTS = ("errors", "details")
_INSIDE = ("body", "error")


@dataclass(slots=True, frozen=True)
class ErrorBody:
    """`message` and `code` are those of the whole; `items` are the single errors, without those
    that only repeat it. `texts` are all texts, the parameters of messages among them. Nothing is
    redacted yet, and nothing cut: of a secret that was cut nothing would be known again."""

    message: str = ""
    code: str = ""
    context_id: str = ""
    items: tuple[ErrorItem, ...] = ()
    texts: tuple[str, ...] = ()


def shortened(text: str, characters_max: int = TEXT_CHARACTERS_MAX) -> str:
    """The text within that bound; one that had to be cut says so, and how long it was."""
    if len(text) <= characters_max:
        return text
    mark = f"… (cut, {len(text)} characters)"
    return text[: characters_max - len(mark)] + mark


def read_error(raw: bytes) -> ErrorBody:
    """What a refusal's body says: a JSON object or list, or a sentence; nothing of anything
    else."""
    found = _json(raw)
    levels = list(_levels(found))
    message = _first(_message(one) for one in levels)
    whole = ErrorItem(message, _first(_code(one) for one in levels))
    found_items = dict.fromkeys(_items(levels))
    items = [one for one in found_items if one not in (whole, ErrorItem(message))]
    context_id = _first(_word(one.get("contextId")) for one in levels)
    code = whole.code or _first(item.code for item in items)
    params = tuple(text for one in levels for text in _params(one))
    return ErrorBody(
        message,
        code,
        context_id,
        _counted(items),
        (message, *(item.message for item in items), *params),
    )


def _json(raw: bytes) -> dict[str, Any]:
    try:
        found = json.loads(raw[:BYTES_MAX])
    except (ValueError, RecursionError):
        return _words(raw)
    if isinstance(found, list):
        return {"errors": found}
    return found if isinstance(found, dict) else {}


def _words(raw: bytes) -> dict[str, Any]:
    """A body that is a sentence and no JSON, as gateways write one. A page of HTML says nothing
    that is worth showing."""
    if len(raw) > BYTES_MAX:
        return {}
    text = raw.decode(errors="replace").strip()
    if text.startswith(("<", "{", "[")) or "\ufffd" in text:
        return {}
    return {"message": text}


def _levels(found: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The object itself, and those it is wrapped around, outermost first."""
    waiting = [(found, 0)]
    while waiting:
        level, depth = waiting.pop(0)
        yield level
        if depth < DEPTH_MAX:
            waiting += [
                (level[key], depth + 1) for key in _INSIDE if isinstance(level.get(key), dict)
            ]


def _items(levels: list[dict[str, Any]]) -> Iterator[ErrorItem]:
    """The single errors of all levels, in the order of reading; one without message, code and field
    is none."""
    waiting = deque((one, 0) for level in levels for one in _listed(level))
    seen = 0
    while waiting and seen < SEEN_MAX:
        seen += 1
        value, depth = waiting.popleft()
        item = _item(value)
        if item is not None:
            yield item
        if isinstance(value, dict) and depth < DEPTH_MAX:
            inside = [
                *_listed(value),
                *(value[key] for key in _INSIDE if isinstance(value.get(key), dict)),
            ]
            waiting.extendleft((one, depth + 1) for one in reversed(inside))


def _counted(items: list[ErrorItem]) -> tuple[ErrorItem, ...]:
    """As many as are kept, and how many more there are."""
    more = len(items) - ITEMS_MAX
    return (*items[:ITEMS_MAX], *([ErrorItem(f"and {more} more")] if more > 0 else ()))


def _listed(level: dict[str, Any]) -> list[Any]:
    """What stands in the lists of a level. A table instead of a list has the fields as its keys."""
    found: list[Any] = []
    for key in _LISTS:
        value = level.get(key)
        if isinstance(value, list):
            found += value[:SEEN_MAX]
        elif isinstance(value, dict):
            found += [
                {"field": name, "message": one} for name, one in list(value.items())[:SEEN_MAX]
            ]
    return found


def _item(value: Any) -> ErrorItem | None:
    if isinstance(value, str):
        return ErrorItem(_text(value)) if value.strip() else None
    if not isinstance(value, dict):
        return None
    entity = " ".join(filter(None, (_word(value.get("entityName")), _word(value.get("entityId")))))
    item = ErrorItem(
        _message(value) or entity, _code(value), _first(_word(value.get(key)) for key in _FIELDS)
    )
    return item if item.message or item.code or item.field else None


def _message(level: dict[str, Any]) -> str:
    said = _first(_text(level[key]) for key in _MESSAGES if isinstance(level.get(key), str))
    error = level.get("error")
    return said or (_text(error) if isinstance(error, str) else "")


def _code(level: dict[str, Any]) -> str:
    return _first(_word(level.get(key)) for key in _CODES)


def _params(level: dict[str, Any]) -> list[str]:
    found = level.get("messageParams")
    return (
        [_text(one) for one in found.values() if isinstance(one, str)]
        if isinstance(found, dict)
        else []
    )


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return ""
    return _text(str(value)) if isinstance(value, (str, int)) else ""


def _text(value: str) -> str:
    return " ".join(value.split())


def _first(words: Iterator[str]) -> str:
    return next((word for word in words if word), "")
