"""A virtual guest as the plan has it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True, frozen=True)
class PlannedGuest:
    """`name` is unique within the run, and the same for the same seed: `parcel-1187`. `scenario`:
    its place in the file. `row`: which row of the scenario's data. `seed` decides all of its draws.
    `start_s`: when it is meant to start, since the run's start; None where the model starts it when
    another is done."""

    number: int
    name: str
    scenario: int
    row: int
    seed: int
    start_s: float | None = None
