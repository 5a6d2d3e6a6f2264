"""What a message of the platform's lets a guest choose from, in the order it is shown (protocol
§2.6, §3.7). Content of other shapes than the known ones offers nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

#: An offer has no more; a message with more is none that a guest could read.
CHOICES_MAX = 100


class ReplyChoice(NamedTuple):
    """`reply_type` is that of `model.commands.Reply`."""

    reply_type: str
    text: str
    payload: str


class Offer(NamedTuple):
    message_id: str
    choices: tuple[ReplyChoice, ...]

    def pick(self, text: str, number: int) -> ReplyChoice | None:
        """By `text`: a choice's own, else its payload, in any case; a date also by how it begins
        ("2026-12-01"). Without one by `number` from 1; with neither the first."""
        if not text:
            place = max(number, 1) - 1
            return self.choices[place] if place < len(self.choices) else None
        wanted = text.strip().casefold()
        for value in (_text, _payload):
            for choice in self.choices:
                if value(choice) == wanted:
                    return choice
        for choice in self.choices:
            if choice.reply_type == "DatePicker" and _text(choice).startswith(wanted):
                return choice
        return None


def _text(choice: ReplyChoice) -> str:
    return choice.text.strip().casefold()


def _payload(choice: ReplyChoice) -> str:
    return choice.payload.strip().casefold()


def offer_of(message_id: str, content: Iterable[Any]) -> Offer | None:
    """None where there is nothing to choose."""
    found: list[ReplyChoice] = []
    for item in content:
        if isinstance(item, dict):
            found.extend(_choices(item))
    return Offer(message_id, tuple(found[:CHOICES_MAX])) if found else None


def _choices(item: dict[str, Any]) -> Iterator[ReplyChoice]:
    match item.get("contentType"):
        case "QuickReply":
            yield from _choice("QuickReply", item.get("quickReply"), "text", "payload")
        case "Card":
            yield from _buttons(item.get("card"))
        case "Carousel":
            for card in _list_in(item.get("carousel"), "cards"):
                yield from _buttons(card)
        case "DatePicker":
            for time in _list_in(item.get("datePicker"), "availableTimes"):
                yield from _choice("DatePicker", time, "dateTime", "dateTime")
        case "ListPicker":
            for section in _list_in(item.get("listPicker"), "sections"):
                for one in _list_in(section, "items"):
                    yield from _choice("ListPicker", one, "title", "id")


def _buttons(card: Any) -> Iterator[ReplyChoice]:
    for action in _list_in(card, "actions"):
        if isinstance(action, dict) and action.get("type") != "Link":
            yield from _choice("Button", action, "text", "payload")


def _choice(reply_type: str, found: Any, text_key: str, payload_key: str) -> Iterator[ReplyChoice]:
    text = found.get(text_key) if isinstance(found, dict) else None
    if isinstance(text, str) and text:
        payload = found.get(payload_key)
        yield ReplyChoice(reply_type, text, payload if isinstance(payload, str) else text)


def _list_in(found: Any, key: str) -> list[Any]:
    value = found.get(key) if isinstance(found, dict) else None
    return value if isinstance(value, list) else []
