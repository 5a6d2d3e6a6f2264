"""Texts and figures as the reports show them: nothing invisible, nothing endless, units in words.

Texts come from guests, from the platform and from files. A character that cannot be seen, or that
changes the order in which others are read, is written as ‹U+202E›."""

from __future__ import annotations

import re
from datetime import UTC, datetime

#: What is shown of one message of a conversation, as in the console.
MESSAGE_CHARS_MAX = 4000
#: What is shown of a name, a label or a sentence.
LINE_CHARS_MAX = 300

#: The console's list (console/page/text.js): controls, marks of direction, separators, characters
#: without width, half surrogates; and the two code points that XML and HTML do not allow.
_UNSEEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2028\u2029"
    r"\u2060-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff\ud800-\udfff]"
)


def visible(text: str) -> str:
    """The same text, with what cannot be seen as its number. Tabs and newlines stay."""
    return _UNSEEN.sub(_number, text.replace("\r\n", "\n"))


def _number(found: re.Match[str]) -> str:
    return f"‹U+{ord(found[0]):04X}›"


def cut(text: str, most: int = LINE_CHARS_MAX) -> str:
    """At most so many characters as they are shown, and then how many there were."""
    shown = visible(text[: most + 1])
    if len(shown) <= most:
        return shown
    return f"{shown[:most]}… (cut: {count(len(text))} characters)"


def line(text: str, most: int = LINE_CHARS_MAX) -> str:
    """The text in one line."""
    return cut(" ".join(text.split()), most)


def count(number: float) -> str:
    """3,000; 27.5 where it is no whole number."""
    if float(number).is_integer():
        return f"{int(number):,}"
    return f"{number:,.1f}" if abs(number) >= 10 else f"{number:,.2g}"


def some(number: int, one: str, many: str = "") -> str:
    """1 message, 2 messages."""
    return f"{count(number)} {one if number == 1 else many or f'{one}s'}"


def duration(ms: float | None) -> str:
    """2.6 ms, 212 ms, 9.3 s, 3:20 min; a dash where nothing was measured."""
    if ms is None:
        return "–"
    if ms < 9.95:
        return f"{ms:.1f}".removesuffix(".0") + " ms"
    if ms < 999.5:
        return f"{ms:.0f} ms"
    if ms < 59_950:
        return f"{ms / 1000:.1f}".removesuffix(".0") + " s"
    minutes, seconds = divmod(round(ms / 1000), 60)
    if minutes < 60:
        return f"{minutes}:{seconds:02d} min" if seconds else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d} h" if minutes else f"{hours} h"


def percent(share: float) -> str:
    """41 %, 0.77 %."""
    of_hundred = share * 100
    if of_hundred and abs(of_hundred) < 10:
        return f"{of_hundred:.2g} %"
    return f"{of_hundred:.0f} %"


def value(number: float | None, unit: str) -> str:
    """A figure in the unit of a threshold: ms, count, ratio, per_s."""
    if number is None:
        return "nothing measured"
    if unit == "ms":
        return duration(number)
    if unit == "ratio":
        return percent(number)
    return f"{count(number)} a second" if unit == "per_s" else count(number)


def size(of_bytes: float) -> str:
    """71 MiB, 9.8 KiB."""
    amount = float(of_bytes)
    for unit in ("B", "KiB", "MiB"):
        if amount < 1024:
            return f"{amount:.1f} {unit}" if amount < 10 and unit != "B" else f"{amount:.0f} {unit}"
        amount /= 1024
    return f"{amount:.1f} GiB" if amount < 10 else f"{amount:.0f} GiB"


def clock(at_s: float, decimals: int = 0) -> str:
    """Since the run's start: 5:54, 5:48.2, 1:02:00."""
    scale = 10**decimals
    whole, part = divmod(round(abs(at_s) * scale), scale)
    minutes, seconds = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    text = f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
    text += f".{part:0{decimals}d}" if decimals else ""
    return f"-{text}" if at_s < 0 and (whole or part) else text


def since(at_s: float, start_s: float) -> str:
    """Of a conversation: how long after its start, +0.123 s."""
    return f"{round(at_s - start_s, 3) + 0.0:+,.3f} s"


def moment(at: int) -> datetime:
    """Of epoch milliseconds; what is no date is the first one."""
    try:
        return datetime.fromtimestamp(at / 1000, UTC)
    except (OverflowError, OSError, ValueError):
        return datetime.fromtimestamp(0, UTC)


def period(started_at: int, ended_at: int) -> str:
    """29 November 2026, 18:00:04 to 18:10:11 UTC."""
    start, end = moment(started_at), moment(ended_at)
    day = f"{start.day} {start:%B %Y}"
    until = f"{end:%H:%M:%S}" if start.date() == end.date() else f"{end.day} {end:%B %H:%M:%S}"
    return f"{day}, {start:%H:%M:%S} to {until} UTC"
