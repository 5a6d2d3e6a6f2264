"""A language model as the guest: what it is told, and what its answer means."""

from __future__ import annotations

import re
from typing import Literal

from ..scenario.steps import TalkAsPersona
from .heard import PersonaSaid
from .transcript import GuestTranscript

#: A model is not given more of the conversation: 100 messages are beyond what a scenario holds.
LINES_MAX = 100

#: A bot says several messages in a row: so long after the first the model is asked.
QUIET_S = 1.5

#: The call of the model has its own timeout; this only bounds that nothing ever comes of it.
ANSWER_WITHIN_S = 300.0


def chat(step: TalkAsPersona, persona: str, goal: str, said: GuestTranscript) -> tuple[
    tuple[str, str], ...
]:  # fmt: skip
    """The conversation so far, as (role, text). A persona without a goal is all that the model is
    told, as a prompt that says itself how it ends."""
    if not goal:
        return (("system", persona), *said.chat(LINES_MAX))
    reached, not_reached = step.terms
    system = (
        "You are a customer in a chat with a company, never the company's side. Write only your"
        " next message, in one or two short sentences, without quotes and without stage"
        f" directions.\n\nWho you are: {persona}\n\nYour goal: {goal}\n\nWhen you have reached the"
        f" goal, answer with the one word {reached[0]}. When it is plain that it cannot be reached,"
        f" answer with {not_reached[0]} and the reason in one sentence."
    )
    return (("system", system), *said.chat(LINES_MAX))


def judged(
    step: TalkAsPersona, answer: PersonaSaid, turns: int
) -> tuple[Literal["say", "reached", "failed"], str]:
    """What to do with an answer after so many messages of the guest's, and its text or what is
    wrong with it. Of the two terms the one for a failure counts, if it has both."""
    reached, not_reached = step.terms
    text = answer.text.strip()
    if answer.error or not text:
        return "failed", answer.error or "an empty answer"
    if _has_phrase(text, not_reached):
        return "failed", text
    if _has_phrase(text, reached):
        return "reached", text
    if turns >= step.turns_max:
        return "failed", f"no end after {turns} messages"
    return "say", text


def _has_phrase(text: str, phrases: tuple[str, ...]) -> bool:
    return any(
        re.search(rf"(?<!\w){re.escape(one)}(?!\w)", text, re.IGNORECASE) for one in phrases if one
    )
