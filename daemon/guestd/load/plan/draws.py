"""Chance from a seed, small enough to have one per guest.

`random.Random` keeps 2.5 KiB of state, which is more than all else that a virtual guest keeps.
This one keeps 64 bits: a counter that is scrambled for each draw (SplitMix64), the same on every
machine and in every version of Python."""

from __future__ import annotations

from typing import Protocol

_ODD = 0x9E3779B97F4A7C15
_BITS = 0xFFFFFFFFFFFFFFFF


class Chance(Protocol):
    """What draws need: a `random.Random`, or `SeededDraws`."""

    def random(self) -> float:
        """At least 0, less than 1."""


def scrambled(number: int) -> int:
    """64 bits that look random, the same for the same number."""
    found = number & _BITS
    found = ((found ^ (found >> 30)) * 0xBF58476D1CE4E5B9) & _BITS
    found = ((found ^ (found >> 27)) * 0x94D049BB133111EB) & _BITS
    return found ^ (found >> 31)


def seed_of(seed: int, number: int) -> int:
    """The seed of the part of that number, of what `seed` decides."""
    return scrambled(scrambled(seed) + (number + 1) * _ODD)


class SeededDraws:
    """`taken`: how many draws of the seed were taken before."""

    __slots__ = ("_state",)

    def __init__(self, seed: int, taken: int = 0) -> None:
        self._state = (seed + taken * _ODD) & _BITS

    def random(self) -> float:
        self._state = (self._state + _ODD) & _BITS
        return (scrambled(self._state) >> 11) / (1 << 53)
