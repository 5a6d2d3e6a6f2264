"""Events of a guest session as lines of a transcript: seq, time of day, who, what."""

from __future__ import annotations

from typing import Any

from ...observe.terminal_text import one_line
from ..control_words import platform_facts, what_became
from .readable import local_time

Json = dict[str, Any]


#: Of accepted commands whose delivery is not known yet; the oldest go first.
COMMANDS_MAX = 1000


class TranscriptLines:
    """Says the day where it changes. That a message was confirmed is said only where it had been in
    doubt: the message itself follows."""

    def __init__(self) -> None:
        self._day = ""
        self._doubted: set[str] = set()
        self._accepted: dict[str, Json] = {}

    def lines(self, event: Json) -> list[str]:
        """None for events that are of no interest to a reader."""
        told = self._told(event)
        if not told:
            return []
        day, _, clock = local_time(event.get("time")).partition(" ")
        lines = [f"{event['seq']:>6}  {clock or ' ' * 8}  {one_line(told[0])}"]
        lines += [f"{' ' * 18}{one_line(line)}" for line in told[1:]]
        if day and day != self._day:
            self._day = day
            lines.insert(0, f"{' ' * 8}{day}")
        return lines

    def _told(self, event: Json) -> list[str]:
        match event.get("kind"):
            case "accepted":
                self._accepted[event["command_id"]] = event
                if len(self._accepted) > COMMANDS_MAX:
                    del self._accepted[next(iter(self._accepted))]
                return []
            case "delivery":
                return self._delivery(event)
        return _told(event)

    def _delivery(self, event: Json) -> list[str]:
        command_id, status = event["command_id"], event["status"]
        command = self._accepted.get(command_id, {})
        text = command.get("text", "")
        if status in ("uncertain", "failed"):
            self._doubted.add(command_id)
            return [_doubted(event, command)]
        self._accepted.pop(command_id, None)
        if command_id not in self._doubted:
            return []
        self._doubted.discard(command_id)
        return [f"({repr(text) if text else command_id}: {status})"]


def _doubted(delivery: Json, command: Json) -> str:
    """A message that is not in the conversation, or not surely."""
    why = ": ".join(filter(None, (delivery["reason"], platform_facts(delivery))))
    if text := command.get("text", ""):
        return f"guest: {text} ({': '.join(filter(None, (delivery['status'], why)))})"
    what = "file" if command.get("action") == "attach" else "message"
    said = what_became(f"a {what} of the guest", {**delivery, "reason": why})
    return f"{said} (command_id {delivery['command_id']})"


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
