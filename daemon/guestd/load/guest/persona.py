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


Chat = tuple[tuple[str, str], ...]


def chat(step: TalkAsPersona, persona: str, goal: str, said: GuestTranscript) -> Chat:
    """The conversation so far, as (role, text). A persona without a goal is all that the model is
    told, as a prompt that says itself how it ends."""
    if not goal:
        return (("system", persona), *said.chat(LINES_MAX))
    reached, not_reached = step.terms
    parts = [
        "You are a customer in a chat with a company, never the company's side. Write only your"
        " next message, in one or two short sentences, without quotes and without stage"
        " directions.",
        f"Who you are: {persona}",
        f"Your goal: {goal}",
    ]
    if reached:
        parts.append(f"When you have reached your goal, answer only: {reached[0]}")
    if not_reached:
        parts.append(f"When it is plain that it cannot be reached, answer only: {not_reached[0]}")
    return (("system", "\n\n".join(parts)), *said.chat(LINES_MAX))


def judged(
    step: TalkAsPersona, answer: PersonaSaid, turns: int
) -> tuple[Literal["say", "reached", "failed"], str]:
    """What to do with an answer after so many messages of the guest's, and its text or what is
    wrong with it. Phrases of both kinds count in any case, and those for a failure more."""
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
    """Whole words only: "done" is not in "undone"."""
    found = "|".join(re.escape(phrase) for phrase in phrases if phrase)
    return bool(found) and re.search(rf"(?<!\w)(?:{found})(?!\w)", text, re.IGNORECASE) is not None
