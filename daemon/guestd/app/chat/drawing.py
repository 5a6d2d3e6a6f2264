"""Events as lines for a person: pure, so that a screen can be any kind of stream.

A line is made of parts, each with its tint ("" for none). What others have said is cleaned here;
nobody else adds commands for the terminal than the screen, for the tints."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ...observe.terminal_text import json_line, one_line, several_lines
from ..control_words import platform_facts, what_became
from .files import described
from .sent_lines import quoted

Json = dict[str, Any]
Line = tuple[tuple[str, str], ...]

#: Items of a message that offer choices, which take the place of those before.
OFFERING = ("QuickReply", "Card", "Carousel", "DatePicker", "ListPicker")

DIM, BOLD, CYAN, YELLOW = "2", "1", "36", "33"

#: Before everything that belongs to the line above it.
INDENT = "   "
EDGE = f"{INDENT}│ "

#: What was accepted meanwhile waits for the connection; of a text, below it.
WHAT_WAITS = {"send": INDENT, "reply": "your choice ", "attach": "your file "}
WAITS = "waits for the platform's connection, which is lost just now"

#: Numbers that can be typed at a time; a carousel has at most 30 cards (protocol §3.7).
CHOICES_MAX = 99


@dataclass(slots=True, frozen=True)
class OfferedChoice:
    """What `/N` answers with: the reply's type (protocol §2.6), its label and its payload."""

    type: str
    label: str
    payload: str


def remark(text: str) -> Line:
    return ((one_line(text), DIM),)


class ConversationView:
    """Draws each event of one conversation, and knows what may be chosen just now."""

    def __init__(self) -> None:
        self.choices: list[OfferedChoice] = []
        self._shown_at_once: set[str] = set()
        self._is_lost = False

    def drawn(self, event: Json, text: str = "") -> list[Line]:
        """`text`: of a delivery, the message's; "" if it is not known."""
        lines = self._drawn(event, text)
        if event.get("kind") in ("hello", "session"):
            self._is_lost = event.get("state") == "resting"
        elif event.get("kind") == "accepted" and self._is_lost:
            what = WHAT_WAITS.get(str(event.get("action")))
            lines += [] if what is None else [remark(f"{what}{WAITS}")]
        return lines

    def _drawn(self, event: Json, about: str) -> list[Line]:
        match event.get("kind"):
            case "message":
                return list(self._message(event))
            case "accepted" if event.get("action") == "send" and event.get("text"):
                self._shown_at_once.add(str(event.get("command_id")))
                return [self._said("you", CYAN, str(event["text"]))]
            case "presence" if event.get("presence") == "Disconnect":
                return [remark("the agent has ended the conversation")]
            case "session":
                return [remark(f"session {event.get('state')}{_because(event)}")]
            case "attachment":
                return [remark(line) for line in _file_progress(event)]
            case "delivery" if event.get("status") not in ("confirmed", "sent"):
                who = quoted(about) if about else "a message of yours"
                said = what_became(who, event)
                return [remark("; ".join(filter(None, (said, platform_facts(event)))))]
            case "gap":
                return [remark(f"messages may be missing here: {event.get('reason', '')}")]
            case None if "error" in event:
                return [remark(f"error: {event['error']}")]
        return []

    def _said(self, who: str, tint: str, text: str) -> Line:
        return ((one_line(who), tint), (f": {several_lines(text, INDENT)}", ""))

    def _message(self, event: Json) -> Iterator[Line]:
        mine = event.get("direction") == "Inbound"
        content = [one for one in event.get("content") or () if isinstance(one, dict)]
        text = str(event.get("text", ""))
        if mine:
            again = event.get("command_id") in self._shown_at_once
            self._shown_at_once.discard(str(event.get("command_id", "")))
            if not again and (text or not content):
                yield self._said("you", CYAN, text)
        else:
            yield self._said(name_of(event), YELLOW, text)
            if any(one.get("contentType") in OFFERING for one in content):
                self.choices = []
        for one in content:
            yield from self._item(one, mine)

    def _item(self, item: Json, mine: bool) -> Iterator[Line]:
        kind, body = str(item.get("contentType")), next(_dicts(item.values()), {})
        if "attachment" in item and body:
            yield ((f"{INDENT}[file] {several_lines(described(body))}", ""),)
        elif kind == "QuickReply" and not mine:
            yield from self._offer(INDENT, kind, _of(body, "text"), _of(body, "payload"))
        elif kind == "Card":
            yield from self._card(body, "", mine)
        elif kind == "Carousel":
            cards = list(_dicts(body.get("cards") or ()))
            for n, card in enumerate(cards, 1):
                yield from self._card(card, f"{n} of {len(cards)}: ", mine)
        elif kind == "DatePicker" and not mine:
            yield from self._titled(body)
            for time in _dicts(body.get("availableTimes") or ()):
                when = _of(time, "dateTime")
                yield from self._offer(EDGE, kind, when, when)
        elif kind == "ListPicker" and not mine:
            for section in _dicts(body.get("sections") or ()):
                yield from self._titled(section)
                for one in _dicts(section.get("items") or ()):
                    yield from self._offer(EDGE, kind, _of(one, "title"), _of(one, "id"))
        elif kind not in ("QuickReply", "ButtonResponse"):
            yield ((f"{INDENT}{one_line(f'[{kind}] {json_line(item)[:200]}')}", DIM),)

    def _titled(self, found: Json) -> Iterator[Line]:
        for key in ("title", "subtitle"):
            if _of(found, key):
                yield ((EDGE, DIM), (one_line(_of(found, key)), BOLD if key == "title" else ""))

    def _card(self, card: Json, place: str, mine: bool) -> Iterator[Line]:
        yield ((f"{INDENT}╭ {place}", DIM), (one_line(_of(card, "title")), BOLD))
        for line in _of(card, "description").splitlines():
            yield ((EDGE, DIM), (one_line(line), ""))
        for key in ("image", "video"):
            if _of(card, key):
                yield ((f"{EDGE}{key}: {one_line(_of(card, key))}", DIM),)
        for action in _dicts(card.get("actions") or ()):
            if _of(action, "type") == "Link":
                yield ((EDGE, DIM), (f"{one_line(_of(action, 'text'))}: ", ""),
                       (one_line(_of(action, "url")), DIM))  # fmt: skip
            elif not mine:
                label, payload = _of(action, "text"), _of(action, "payload")
                yield from self._offer(EDGE, "Button", label, payload)
        yield ((f"{INDENT}╰", DIM),)

    def _offer(self, before: str, kind: str, label: str, payload: str) -> Iterator[Line]:
        if label and len(self.choices) < CHOICES_MAX:
            self.choices.append(OfferedChoice(kind, label, payload))
            number = f"/{len(self.choices)}"
            yield ((before, DIM), (number, BOLD), (f" {one_line(label)}", ""))


def name_of(event: Json) -> str:
    """Who said it, of the platform's side."""
    return str(event.get("sender") or ("bot" if event.get("bot") else "agent"))


def _of(found: Json, key: str) -> str:
    return str(found.get(key) or "")


def _dicts(values: Any) -> Iterator[Json]:
    """Those among them that are objects: what the platform sends may be anything."""
    return (
        (one for one in values if isinstance(one, dict))
        if isinstance(values, Iterable)
        else iter(())
    )


def _because(event: Json) -> str:
    return f" ({event['reason']})" if event.get("reason") else ""


def _file_progress(event: Json) -> Iterator[str]:
    name, status = event.get("filename"), event.get("status")
    words = {
        "asked": "the platform is asked for a place",
        "uploading": "on its way to the platform",
        "uploaded": "is at the platform",
    }
    yield f"{name}: {words.get(str(status), status)}{_because(event)}"
