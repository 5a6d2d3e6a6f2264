"""Where a guest stands in its scenario, and when its next step is meant to begin."""

from __future__ import annotations

from collections.abc import Iterator

from ..scenario.steps import Repeat
from .instructions import Instruction, Program


class Loop:
    """A Repeat that was begun. `meant_at`: when its first round was meant to begin. `outer`: the
    one that it is in."""

    __slots__ = ("after", "begun_at", "first", "meant_at", "number", "outer", "repeat", "rounds")

    def __init__(
        self,
        instruction: Instruction,
        repeat: Repeat,
        outer: Loop | None,
        meant_at: float,
        now: float,
    ) -> None:
        self.outer = outer
        self.repeat = repeat
        self.number = instruction.number
        self.first, self.after = instruction.first, instruction.after
        self.meant_at = meant_at
        self.begun_at = now
        self.rounds = 0

    def next_round_at(self, meant_at: float, now: float) -> float | None:
        """When the next round is meant to begin; None: there is no other. Where `every_s` is given
        that follows from when the first was meant to, so rounds that are late stay late by what
        they are, and do not move those after them."""
        repeat = self.repeat
        if repeat.times and self.rounds >= repeat.times:
            return None
        if repeat.every_s > 0:
            meant_at = self.meant_at + self.rounds * repeat.every_s
        latest = max(meant_at - self.meant_at, now - self.begun_at)
        return None if repeat.for_s and latest >= repeat.for_s else meant_at


class ScenarioCursor:
    """`meant_at`: when the next step is meant to begin. It moves by what the scenario says
    (a time to think, a round's beginning), not by how late this process is."""

    __slots__ = ("_next", "loop", "meant_at", "program")

    def __init__(self, program: Program) -> None:
        self.program = program
        self._next = 0
        self.loop: Loop | None = None
        self.meant_at = 0.0

    @property
    def following(self) -> Instruction | None:
        """What `take` would give."""
        instructions = self.program.instructions
        return instructions[self._next] if self._next < len(instructions) else None

    def take(self) -> Instruction | None:
        """The next instruction; None at the end of the scenario."""
        at, instructions = self._next, self.program.instructions
        if at >= len(instructions):
            return None
        self._next = at + 1
        return instructions[at]

    def enter(self, instruction: Instruction, repeat: Repeat, now: float) -> None:
        """A Repeat begins."""
        self.loop = Loop(instruction, repeat, self.loop, self.meant_at, now)

    def end_round(self) -> None:
        assert self.loop is not None
        self.loop.rounds += 1

    def next_round(self, now: float) -> Loop | None:
        """Go to the next round of the innermost Repeat, whose beginning is then `meant_at`. Or
        leave that Repeat, which is returned."""
        loop = self.loop
        assert loop is not None
        meant_at = loop.next_round_at(self.meant_at, now)
        if meant_at is not None:
            self._next, self.meant_at = loop.first, meant_at
            return None
        self._next, self.loop = loop.after, loop.outer
        return loop

    def leave_loops(self) -> Iterator[Loop]:
        """All that were begun, the innermost first; there is no going on after that."""
        self._next = len(self.program.instructions)
        while self.loop is not None:
            left, self.loop = self.loop, self.loop.outer
            yield left
