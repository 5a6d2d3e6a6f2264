"""Markup that is escaped by construction: `h("td", {"class": "num"}, text)`.

Only what `h` made is markup; every other string is text, also one that was joined or formatted from
markup, so a mistake shows markup as text and never text as markup. Elements and attributes are of
a fixed list without scripts, links to elsewhere, handlers and inline styles."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from .texts import visible


class Markup(str):
    """What `h` made."""

    __slots__ = ()


Child: TypeAlias = "str | Markup | Iterable[Child] | None"
Attributes: TypeAlias = "Mapping[str, str | float | None]"

_VOID = frozenset({"meta"})
_SHAPES = frozenset({"rect", "line", "path"})
_ELEMENTS_HELD = """
    html head title body main header section h1 h2 h3 p b i em s small span time code pre ol ul li
    table caption thead tbody tr th td dl dt dd details summary figure figcaption div svg g text
"""
_ATTRIBUTES_HELD = """
    class id lang charset name content http-equiv role tabindex scope open colspan
    aria-label aria-hidden viewBox preserveAspectRatio width height x y x1 x2 y1 y2 rx d
    fill stroke stroke-width text-anchor font-size pointer-events
"""
_ELEMENTS = _VOID | _SHAPES | frozenset(_ELEMENTS_HELD.split())
_ATTRIBUTES = frozenset(_ATTRIBUTES_HELD.split())

NO_ATTRIBUTES: Attributes = {}


def h(tag: str, attributes: Attributes = NO_ATTRIBUTES, *children: Child) -> Markup:
    """One element. Children that are None are left out; an attribute that is None, too.

    Raises KeyError for an element or attribute that is not on the list."""
    if tag not in _ELEMENTS:
        raise KeyError(tag)
    opening = tag + "".join(
        _attribute(name, given) for name, given in attributes.items() if given is not None
    )
    if tag in _SHAPES and not children:
        return Markup(f"<{opening}/>")
    if tag in _VOID:
        return Markup(f"<{opening}>")
    return Markup(f"<{opening}>{''.join(_pieces(children))}</{tag}>")


def style(sheet: str) -> Markup:
    """The style element around a sheet of our own, which must not end it."""
    if "<" in sheet:
        raise ValueError("a style sheet must not contain <")
    return Markup(f"<style>{sheet}</style>")


def document(*children: Child) -> str:
    """A whole file."""
    return "<!doctype html>\n" + h("html", {"lang": "en"}, *children) + "\n"


def joined(*children: Child) -> Markup:
    """Several in a row, as one."""
    return Markup("".join(_pieces(children)))


def _attribute(name: str, given: str | float) -> str:
    if name not in _ATTRIBUTES:
        raise KeyError(name)
    text = given if isinstance(given, str) else f"{given:.2f}".rstrip("0").rstrip(".")
    return f' {name}="{html.escape(visible(text))}"'


def _pieces(children: Iterable[Child]) -> Iterable[str]:
    for child in children:
        if isinstance(child, Markup):
            yield child
        elif isinstance(child, str):
            yield html.escape(visible(child))
        elif child is not None:
            yield from _pieces(child)
