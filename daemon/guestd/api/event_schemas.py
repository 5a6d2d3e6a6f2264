"""What `model/events.py` says of each field, in the JSON Schemas that pydantic makes of events."""

from __future__ import annotations

from inspect import cleandoc
from typing import Any, get_args, get_type_hints

from ..model.events import Event
from ..model.settings import Doc

EVENTS: tuple[type, ...] = get_args(Event)


def add_meanings(definitions: dict[str, Any]) -> None:
    """Add what the class and each field say of themselves to the schemas of events among the
    definitions."""
    for event in EVENTS:
        if (schema := definitions.get(event.__name__)) is not None:
            schema["description"] = cleandoc(event.__doc__ or "")
            for name, text in meanings(event).items():
                schema["properties"][name]["description"] = text


def names_of(event: type) -> tuple[str, ...]:
    """Its fields, in their order."""
    return tuple(name for name in get_type_hints(event) if name != "KEY")


def meanings(event: type) -> dict[str, str]:
    """The sentence of each field that has one."""
    hints = get_type_hints(event, include_extras=True)
    return {
        name: one.text
        for name, hint in hints.items()
        for one in getattr(hint, "__metadata__", ())
        if isinstance(one, Doc)
    }
