"""What was typed and sent, until the daemon has answered it: which line a refusal is about."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

#: Of a line that is quoted in a refusal.
QUOTED_CHARS = 60


@dataclass(slots=True, frozen=True)
class SentLine:
    """`text`: as it was typed. `action`: of its frame."""

    text: str
    action: str


class SentLines:
    """Of one chat. The daemon answers each with its command id."""

    def __init__(self) -> None:
        self._lines: dict[str, SentLine] = {}

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
        if "ok" in event or "error" in event or event.get("kind") == "accepted":
            return self._lines.pop(str(event.get("command_id")), None)
        return None

    def unanswered(self) -> list[SentLine]:
        """All of them, which are forgotten: the connection broke."""
        lines = list(self._lines.values())
        self._lines.clear()
        return lines


def quoted(text: str) -> str:
    """As much of a line as shows which one is meant."""
    return repr(text if len(text) <= QUOTED_CHARS else f"{text[:QUOTED_CHARS]}…")
