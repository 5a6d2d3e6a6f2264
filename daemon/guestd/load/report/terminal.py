"""Lines for a terminal: cut and filled by the cells that characters take, coloured where wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rich.cells import cell_len, set_cell_size

from ...observe.terminal_text import one_line

Paint = Literal["good", "bad", "warn", "dim", "bold", ""]
_CODES = {"good": "32", "bad": "31", "warn": "33", "dim": "2", "bold": "1"}
_BLOCKS = "▁▂▃▄▅▆▇█"


@dataclass(slots=True, frozen=True)
class Pen:
    """Writes in colour, or does not."""

    colour: bool

    def __call__(self, text: str, paint: Paint = "") -> str:
        if not self.colour or not paint or not text:
            return text
        return f"\x1b[{_CODES[paint]}m{text}\x1b[0m"


def shown(text: str, width: int) -> str:
    """Text of others in one line of at most so many cells."""
    kept = one_line(text[: 4 * width])
    if cell_len(kept) <= width:
        return kept
    return set_cell_size(kept, max(width - 1, 0)).rstrip() + "…"


def left(text: str, width: int) -> str:
    """Cut or filled to exactly so many cells."""
    return set_cell_size(shown(text, width), width)


def right(text: str, width: int) -> str:
    kept = shown(text, width)
    return " " * (width - cell_len(kept)) + kept


def sides(first: str, last: str, width: int) -> str:
    """One at each edge; the first is cut if they do not fit."""
    end = shown(last, width)
    return left(first, max(width - cell_len(end), 0)) + end


def wrapped(text: str, width: int) -> list[str]:
    """Lines of at most so many cells, broken at blanks."""
    found: list[str] = []
    for word in one_line(text).split():
        if found and cell_len(longer := f"{found[-1]} {word}") <= width:
            found[-1] = longer
        else:
            found.append(shown(word, width))
    return found


def sparkline(values: Sequence[float | None], width: int) -> str:
    """The last values as blocks, highest for the most; a blank where nothing was measured."""
    kept = values[-width:]
    most = max((value for value in kept if value is not None), default=0.0)
    return "".join(" " if one is None else _block(one, most) for one in kept)


def _block(value: float, most: float) -> str:
    if most <= 0:
        return _BLOCKS[0]
    return _BLOCKS[min(int(value / most * len(_BLOCKS)), len(_BLOCKS) - 1)]
