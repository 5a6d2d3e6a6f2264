"""What was typed and sent, until the daemon has answered it and the platform has it: which line a
refusal or a delivery is about."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

#: Of a line that is quoted in a refusal.
QUOTED_CHARS = 60

#: Of lines whose delivery is not known yet; the oldest go first.
TEXTS_MAX = 1000

#: Statuses of a delivery after which there is no other; after "uncertain" there may be.
FINAL = ("confirmed", "sent", "failed")


@dataclass(slots=True, frozen=True)
class SentLine:
    """`text`: as it was typed. `action`: of its frame."""

    text: str
    action: str


class SentLines:
    """Of one chat. The daemon answers each with its command id."""

    def __init__(self) -> None:
        self._lines: dict[str, SentLine] = {}
        self._texts: dict[str, str] = {}

    def noted(self, frame: Json, text: str) -> Json:
        """`frame` with a command id of its own, under which `text` is remembered."""
        command_id = str(uuid.uuid4())
        self._lines[command_id] = SentLine(text, str(frame["action"]))
        return {**frame, "command_id": command_id}

    def forget(self, frame: Json) -> None:
        """It did not leave us."""
        self._lines.pop(frame["command_id"], None)

    def answered(self, event: Json) -> SentLine | None:
        """The line that this event answers, as taken or as refused; None if it answers none."""
        if not ("ok" in event or "error" in event or event.get("kind") == "accepted"):
            return None
        command_id = str(event.get("command_id"))
        line = self._lines.pop(command_id, None)
        if "error" not in event:
            text = str(event.get("text") or "") if line is None else _to_deliver(line)
            self._keep(command_id, text)
        return line

    def text_of(self, event: Json) -> str:
        """What the message said, or what was typed for it, whose `delivery` this is; "" for one
        that is not known, and for other events."""
        if event.get("kind") != "delivery":
            return ""
        command_id = str(event.get("command_id"))
        if event.get("status") in FINAL:
            return self._texts.pop(command_id, "")
        return self._texts.get(command_id, "")

    def unanswered(self) -> list[SentLine]:
        """All of them, which are answered by nothing any more: the connection broke."""
        lines = list(self._lines.values())
        for command_id, line in self._lines.items():
            self._keep(command_id, _to_deliver(line))
        self._lines.clear()
        return lines

    def _keep(self, command_id: str, text: str) -> None:
        if not text:
            return
        self._texts[command_id] = text
        if len(self._texts) > TEXTS_MAX:
            del self._texts[next(iter(self._texts))]


def _to_deliver(line: SentLine) -> str:
    """The text of a line that a `delivery` will be about."""
    return "" if line.action == "typing" else line.text


def quoted(text: str) -> str:
    """As much of a line as shows which one is meant."""
    return repr(text if len(text) <= QUOTED_CHARS else f"{text[:QUOTED_CHARS]}…")
