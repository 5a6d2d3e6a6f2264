"""A scenario as a flat list of instructions: made once, shared by all of its guests.

A step with steps of its own (Repeat) is followed by those and by an instruction that ends a round,
so where a guest stands is one number, whatever the depth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ..scenario.file import Scenario
from ..scenario.steps import (
    AttachFile,
    Choose,
    ExpectReply,
    Repeat,
    SayStep,
    SetAttributes,
    Step,
    TalkAsPersona,
)
from .matching import ReplyMatcher
from .templates import EMPTY, Template, templates


@dataclass(slots=True, frozen=True)
class Instruction:
    """`number` is the step's, depth first. `ends_round`: not the step itself but the end of one of
    its rounds; `first` is where a round begins and `after` what follows the last. What a step has
    of templates and patterns is made ready here: `text`, and `more` of a file's name or a persona's
    goal."""

    step: Step
    number: int
    ends_round: bool = False
    first: int = 0
    after: int = 0
    text: Template = EMPTY
    more: Template = EMPTY
    attributes: Mapping[str, Template] = field(default_factory=dict)
    matcher: ReplyMatcher | None = None


@dataclass(slots=True, frozen=True)
class Program:
    """A scenario that is ready to run. `display_name`, `email` and `attributes` are those of its
    guests. `steps`: how many there are, so their numbers are 0 … steps - 1."""

    scenario: Scenario
    instructions: tuple[Instruction, ...]
    steps: int
    display_name: Template
    email: Template
    attributes: Mapping[str, Template]


def compiled(scenario: Scenario) -> Program:
    """Raises re.error for a pattern that is none; the reader of scenario files has said so
    before."""
    found: list[Instruction] = []
    steps = _compile(scenario.steps, 0, found)
    guest = scenario.guest
    return Program(
        scenario,
        tuple(found),
        steps,
        Template(guest.display_name),
        Template(guest.email),
        templates(guest.attributes),
    )


def _compile(steps: tuple[Step, ...], number: int, found: list[Instruction]) -> int:
    """Returns the number of the step after these."""
    for step in steps:
        if isinstance(step, Repeat):
            place = len(found)
            found.append(Instruction(step, number))
            behind = _compile(step.steps, number + 1, found)
            end = Instruction(step, number, True, first=place + 1, after=len(found) + 1)
            found.append(end)
            found[place] = replace(end, ends_round=False)
            number = behind
        else:
            found.append(_instruction(step, number))
            number += 1
    return number


def _instruction(step: Step, number: int) -> Instruction:
    match step:
        case SayStep():
            made = templates(step.attributes)
            return Instruction(step, number, text=Template(step.text), attributes=made)
        case Choose():
            return Instruction(step, number, text=Template(step.text))
        case AttachFile():
            name = Template(step.filename)
            return Instruction(step, number, text=Template(step.caption), more=name)
        case SetAttributes():
            return Instruction(step, number, attributes=templates(step.values))
        case ExpectReply():
            return Instruction(step, number, matcher=ReplyMatcher(step))
        case TalkAsPersona():
            goal = Template(step.goal)
            return Instruction(step, number, text=Template(step.persona), more=goal)
        case _:
            return Instruction(step, number)
