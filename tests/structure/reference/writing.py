"""Markdown as the generated pages have it: lines of at most 100 columns, names in bold code."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

WIDTH = 100

GENERATED = "Generated from the program, and compared with it by a test."


def paragraph(text: str, indent: str = "") -> str:
    """Words of the program, escaped where Markdown would take them for tags or links."""
    words = " ".join(text.split()).replace("<", r"\<").replace("[", r"\[").replace("__", r"\_\_")
    return textwrap.fill(
        words,
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def item(name: str, facts: Iterable[str], text: str = "") -> str:
    """A list item: the name, what is known of it in brackets, and below it what it means."""
    known = "; ".join(one for one in facts if one)
    head = textwrap.fill(
        f"- **`{name}`**" + (f" ({known})" if known else ""),
        WIDTH,
        subsequent_indent="  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return f"{head}\n{paragraph(text, '  ')}" if text else head


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    titles = list(head)
    yield f"| {' | '.join(titles)} |"
    yield f"| {' | '.join('---' for _ in titles)} |"
    for row in rows:
        cells = [one.replace("|", "\\|") for one in row]
        yield f"| {' | '.join(cells)} |".replace("|  |", "| |")
