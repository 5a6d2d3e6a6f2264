"""Texts with `${name}` in them, cut into parts once so that filling one in is a join."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..scenario.templates import parts_of

#: What a name stands for; None where there is nothing of that name.
Lookup = Callable[[str], str | None]


class Template:
    """`names`: what it asks for, in its order. A name without a value is left out; `$${` is a plain
    `${`, as in `scenario/templates.py`."""

    __slots__ = ("_parts", "names", "source")

    def __init__(self, source: str) -> None:
        self.source = source
        self._parts = parts_of(source)
        self.names = self._parts[1::2]

    def filled(self, lookup: Lookup, escape: Callable[[str], str] = str) -> str:
        """`escape` is applied to each value, not to the text around them."""
        if not self.names:
            return self._parts[0]
        return "".join(
            part if place % 2 == 0 else escape(lookup(part) or "")
            for place, part in enumerate(self._parts)
        )


EMPTY = Template("")


def templates(values: Mapping[str, str] | None) -> dict[str, Template]:
    return {name: Template(value) for name, value in (values or {}).items()}


def filled(values: Mapping[str, Template], lookup: Lookup) -> dict[str, str]:
    return {name: template.filled(lookup) for name, template in values.items()}
