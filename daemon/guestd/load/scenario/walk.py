"""The steps of a scenario one after the other, those in loops as well."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .steps import Repeat, Step


def every_step(steps: Iterable[Step]) -> Iterator[Step]:
    """Depth first, a loop before its own steps: the order in which steps are numbered."""
    for one in steps:
        yield one
        if isinstance(one, Repeat):
            yield from every_step(one.steps)
