"""What a line of input means. A line that begins with / is a command or a choice, and one that is
neither is refused: a mistyped /file must not be sent to an agent."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from enum import Enum

from ...model.numbers import whole_number

COMMANDS = {
    "/file": "PATH [caption]: send a file",
    "/typing": "show the agent that you are typing",
    "/end": "end the conversation, and leave",
    "/quit": "leave; the conversation stays open",
    "/help": "what can be typed here",
}

HELP = (
    "/1, /2, … choose what was offered, /file PATH [caption] sends a file, /typing shows that you"
    " are typing, /end ends the conversation, /quit leaves it open; a text that begins with / is"
    " sent with two of them"
)


class Verb(Enum):
    SAY = "say"
    CHOOSE = "choose"
    FILE = "/file"
    TYPING = "/typing"
    END = "/end"
    QUIT = "/quit"
    HELP = "/help"
    REFUSED = "refused"


@dataclass(slots=True, frozen=True)
class InputLine:
    """`text` is what to say, the whole line of a /file, or why the line is refused."""

    verb: Verb
    text: str = ""
    number: int = 0


def read_line(line: str) -> InputLine | None:
    """None if there is nothing in it."""
    line = line.strip()
    if not line:
        return None
    if not line.startswith("/"):
        return InputLine(Verb.SAY, line)
    if line.startswith("//"):
        return InputLine(Verb.SAY, line[1:])
    word = line.split(maxsplit=1)[0]
    if (number := whole_number(line[1:])) is not None:
        return InputLine(Verb.CHOOSE, number=number)
    if word == "/file" or (word in COMMANDS and word == line):
        return InputLine(Verb(word), line)
    return InputLine(Verb.REFUSED, _why_refused(word, line))


def _why_refused(word: str, line: str) -> str:
    if word in COMMANDS:
        return f"nothing may follow {word}; it was not sent"
    near = difflib.get_close_matches(word.lower(), COMMANDS, n=1)
    meant = f"did you mean {near[0]}?" if near else "/help lists the commands;"
    return f"there is no command {word[:40]}; {meant} /{line[:20]} would send it as text"
