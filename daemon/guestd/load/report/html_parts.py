"""Parts that several sections of a page use: tables, folds, lists of facts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .markup import Child, Markup, h


@dataclass(slots=True, frozen=True)
class Column:
    """`number`: aligned to the right. `optional`: left out where the page is narrow."""

    name: str
    number: bool = False
    optional: bool = False

    @property
    def classes(self) -> str | None:
        words = ["num"] * self.number + ["opt"] * self.optional
        return " ".join(words) or None


@dataclass(slots=True, frozen=True)
class Cell:
    """A cell with classes beside those of its column."""

    child: Child
    classes: str


def table(columns: Sequence[Column], rows: Iterable[Sequence[Child | Cell]]) -> Markup:
    """The first cell of each row is its heading."""
    head = [h("th", {"class": one.classes, "scope": "col"}, one.name) for one in columns]
    body = [h("tr", {}, _cells(columns, row)) for row in rows]
    return h("table", {}, h("thead", {}, h("tr", {}, head)), h("tbody", {}, body))


def _cells(columns: Sequence[Column], row: Sequence[Child | Cell]) -> list[Markup]:
    found = []
    for n, (column, cell) in enumerate(zip(columns, row, strict=True)):
        classes = column.classes
        child: Child = None
        if isinstance(cell, Cell):
            classes, child = f"{cell.classes} {classes or ''}".strip(), cell.child
        else:
            child = cell
        attributes = {"class": classes} if n else {"class": classes, "scope": "row"}
        found.append(h("td" if n else "th", attributes, child))
    return found


def data_table(what: str, columns: Sequence[str], rows: Iterable[Sequence[Child]]) -> Markup:
    """The figures behind a plot, folded."""
    named = [Column(name, number=n > 0) for n, name in enumerate(columns)]
    place = {"class": "scroll", "tabindex": "0", "role": "region", "aria-label": f"Data: {what}"}
    return h(
        "details",
        {"class": "data"},
        h("summary", {}, "data", h("span", {"class": "dim"}, f" of {what}")),
        h("div", place, table(named, rows)),
    )


def facts(classes: str, pairs: Iterable[tuple[str, Child]]) -> Markup:
    """Names and what they are."""
    return h(
        "dl", {"class": classes}, [[h("dt", {}, name), h("dd", {}, told)] for name, told in pairs]
    )


def heading(words: str, more: str = "") -> Markup:
    return h("h2", {}, words, [" ", h("small", {}, more)] if more else None)


def left_out(number: int, what: str) -> Markup | None:
    """What a bound kept out of the page."""
    return h("p", {"class": "dim after"}, f"{number:,} more {what}.") if number > 0 else None
