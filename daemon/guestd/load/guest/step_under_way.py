"""The step that a guest waits in."""

from __future__ import annotations

from ...model.instants import NEVER
from .instructions import Instruction


class StepUnderWay:
    """`instruction` None: nothing is under way, the next step begins at `until`. `typing_at`: when
    typing is shown again. `phase` and `turns` are a persona's: it is asked (asking), has said
    something (listening), was answered (quiet)."""

    __slots__ = ("begun_at", "instruction", "phase", "turns", "typing_at", "until")

    def __init__(self, instruction: Instruction | None, begun_at: float, until: float) -> None:
        self.instruction = instruction
        self.begun_at = begun_at
        self.until = until
        self.typing_at = NEVER
        self.phase = ""
        self.turns = 0
