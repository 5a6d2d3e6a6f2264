"""Verifies that the platform injected what was requested (INJ-4)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ..policy.naturals import natural_key


class InjectionMismatch(Exception):
    """Says what is wrong, and at which index."""


def verify(count: int, messages: list[dict[str, Any]]) -> str:
    """The last message's id. Raises InjectionMismatch unless there are as many as were sent, their
    timestamps strictly increase, their ids increase (numbers in them compared as numbers), and
    every medium has a name and an https address."""
    if len(messages) != count:
        raise InjectionMismatch(f"{count} messages were sent, {len(messages)} came back")
    for index, message in enumerate(messages):
        _check_media(index, message.get("media") or [])
        if index:
            _check_order(index, messages[index - 1], message)
    return str(messages[-1]["id"])


def messages_of(body: dict[str, Any]) -> list[dict[str, Any]]:
    """Raises InjectionMismatch where there is no list of messages with ids and times."""
    lists = [
        body[name] for name in ("messages", "entities", "items") if isinstance(body.get(name), list)
    ]
    found: list[dict[str, Any]] | None = lists[0] if lists else None
    if found is None:
        raise InjectionMismatch("no list of messages came back")
    for index, message in enumerate(found):
        if (
            not isinstance(message, dict)
            or not isinstance(message.get("id"), str)
            or not message["id"]
        ):
            raise InjectionMismatch(f"messages[{index}] has no id")
        _instant(index, message)
    return found


def _instant(index: int, message: dict[str, Any]) -> datetime:
    try:
        found = datetime.fromisoformat(message["timestamp"])
    except (KeyError, TypeError, ValueError):
        raise InjectionMismatch(f"messages[{index}] has no readable timestamp") from None
    if found.tzinfo is None:
        raise InjectionMismatch(f"messages[{index}] has a timestamp without a time zone")
    return found


def _check_order(index: int, before: dict[str, Any], message: dict[str, Any]) -> None:
    if _instant(index, message) <= _instant(index - 1, before):
        raise InjectionMismatch(f"messages[{index}] is not later than the one before it")
    if natural_key(message["id"]) <= natural_key(before["id"]):
        raise InjectionMismatch(
            f"messages[{index}] has an id that does not follow the one before it"
        )


def _check_media(index: int, media: Any) -> None:
    if not isinstance(media, list):
        raise InjectionMismatch(f"messages[{index}].media must be a list")
    for one in media:
        if not isinstance(one, dict) or not isinstance(one.get("name"), str) or not one["name"]:
            raise InjectionMismatch(f"messages[{index}] has a medium without a name")
        if not isinstance(one.get("url"), str) or not one["url"].startswith("https://"):
            raise InjectionMismatch(f"messages[{index}] has a medium without an https address")
