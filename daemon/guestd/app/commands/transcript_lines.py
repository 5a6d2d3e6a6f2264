"""Events of a guest session as lines of a transcript: seq, time of day, who, what."""

from __future__ import annotations

from typing import Any

from ...observe.terminal_text import one_line
from ..control_words import platform_facts
from .readable import local_time

Json = dict[str, Any]


class TranscriptLines:
    """Says the day where it changes. That a message was confirmed is said only where it had been in
    doubt: the message itself follows."""

    def __init__(self) -> None:
        self._day = ""
        self._doubted: set[str] = set()

    def lines(self, event: Json) -> list[str]:
        """None for events that are of no interest to a reader."""
        told = _told(event)
        if not told or self._goes_without_saying(event):
            return []
        day, _, clock = local_time(event.get("time")).partition(" ")
        lines = [f"{event['seq']:>6}  {clock or ' ' * 8}  {one_line(told[0])}"]
        lines += [f"{' ' * 18}{one_line(line)}" for line in told[1:]]
        if day and day != self._day:
            self._day = day
            lines.insert(0, f"{' ' * 8}{day}")
        return lines

    def _goes_without_saying(self, event: Json) -> bool:
        if event["kind"] != "delivery":
            return False
        if event["status"] != "confirmed":
            self._doubted.add(event["command_id"])
            return False
        if event["command_id"] not in self._doubted:
            return True
        self._doubted.discard(event["command_id"])
        return False


def _told(event: Json) -> list[str]:
    match event.get("kind"):
        case "message":
            return _message(event)
        case "presence":
            return [f"({event['presence']})"]
        case "gap":
            return [f"(messages may be missing here: {event['reason']})"]
        case "session":
            reason = f": {event['reason']}" if event["reason"] else ""
            return [f"(session {event['state']}{reason})"]
        case "attachment" if event.get("status") in ("retrying", "failed", "withdrawn"):
            reason = f": {event['reason']}" if event.get("reason") else ""
            return [f"({event.get('filename')} {event['status']}{reason})"]
        case "delivery":
            told = filter(None, (event["reason"], platform_facts(event)))
            return [f"({': '.join((event['command_id'], event['status'], *told))})"]
    return []


def _message(event: Json) -> list[str]:
    from ..chat.files import described

    mine = event["direction"] == "Inbound"
    who = "guest" if mine else event["sender"] or ("bot" if event.get("bot") else "agent")
    content = [one for one in event.get("content") or () if isinstance(one, dict)]
    files = [one["attachment"] for one in content if isinstance(one.get("attachment"), dict)]
    replies = [one["quickReply"] for one in content if isinstance(one.get("quickReply"), dict)]
    others = {str(one.get("contentType")) for one in content} - _SAID
    text = str(event["text"])
    if not text and files:
        text, files = f"[file] {described(files[0])}", files[1:]
    lines = [f"{who}: {text}", *(f"[file] {described(one)}" for one in files)]
    if replies and not mine:
        lines.append(f"offered: {' | '.join(str(one.get('text', '')) for one in replies)}")
    lines += [f"[{kind}]" for kind in sorted(others)]
    return lines


#: Items that are shown in words already.
_SAID = {"Attachment", "QuickReply", "ButtonResponse", "None"}
