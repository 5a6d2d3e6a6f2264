"""Failures of steps, in words."""

from __future__ import annotations

from ..scenario import steps as s
from .incoming import Incoming
from .instructions import Instruction
from .templates import Lookup

#: What has failed when a step has waited as long as it may.
TOO_LATE: dict[type, str] = {
    s.ExpectReply: "no_reply",
    s.Choose: "no_choice",
    s.AttachFile: "no_echo",
    s.ExpectJoin: "no_join",
    s.ExpectDisconnect: "no_disconnect",
    s.DropConnection: "no_restore",
}


def expected(instruction: Instruction, lookup: Lookup) -> str:
    """What the step waits for."""
    match instruction.step:
        case s.ExpectReply(within_s=within_s) if instruction.matcher is not None:
            return f"{instruction.matcher.expected(lookup)} within {within_s:g} s"
        case s.Choose(number=number, within_s=within_s):
            text = instruction.text.filled(lookup)
            wanted = f'the choice "{text}"' if text else f"choice {max(number, 1)}"
            return f"{wanted} to be offered within {within_s:g} s"
        case s.AttachFile(within_s=within_s):
            return f"the file to be confirmed within {within_s:g} s"
        case s.ExpectJoin(who=who, within_s=within_s):
            return f"{f'a {who}' if who else 'someone'} to join within {within_s:g} s"
        case s.ExpectDisconnect(within_s=within_s):
            return f"the platform to end the conversation within {within_s:g} s"
        case s.DropConnection(within_s=within_s):
            return f"the connection to be back within {within_s:g} s"
        case s.TalkAsPersona():
            return f"the goal to be reached: {instruction.more.filled(lookup)}"
        case step:
            return f"{step.label or type(step).__name__} to be finished"


def expected_between(failure: str, open_within_s: float) -> str:
    """What is waited for where no step is under way."""
    if failure == "not_reached":
        return f"a session with the platform within {open_within_s:g} s"
    return "the conversation to go on"


def offered(step: s.Step, incoming: Incoming) -> str:
    """What there is in place of what the step waits for."""
    if isinstance(step, s.Choose) and incoming.offer is not None:
        return "offered: " + ", ".join(choice.text for choice in incoming.offer.choices)
    if isinstance(step, s.ExpectReply | s.Choose):
        return incoming.seen()
    return "nothing"
