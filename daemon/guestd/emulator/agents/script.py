"""Scripted agents as data: what they say when, step by step.

A script is JSON:

    {"nickname": "Leo", "bot": false,
     "greeting": [step, …],                                     when a conversation starts
     "rules": [{"match": "regex", "steps": [step, …]},          on the guest's text, in any case
               {"payload": "TRACK", "steps": […]},              on a button's payload
               {"after": 3, "steps": […]}],                     on the guest's third message
     "default": [step, …]}                                      when nothing else fits

and a step is one of: {"wait_s": 0.5}, {"typing_s": 0.5} (shows typing, then waits), {"say": "text"}
({text} is what the guest said), {"quick_replies": {"text": …, "options": [["Label", "PAYLOAD"],
…]}}, {"content": […], "text": …} (any content items of protocol §3.7), {"persona": {"nickname": …,
"bot": …}}, {"disconnect": "Send"|"ReadOnly"|""}."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

Json = dict[str, Any]

STEPS = ("wait_s", "typing_s", "say", "quick_replies", "content", "persona", "disconnect")
STEPS_WAITING_MAX = (
    64  # an agent this far behind drops what it would have answered: a flood cannot grow it
)


@dataclass(slots=True)
class AgentScript:
    nickname: str = "Leo"
    bot: bool = False
    greeting: list[Json] = field(default_factory=list)
    rules: list[Json] = field(default_factory=list)
    default: list[Json] = field(default_factory=list)

    def answer(self, text: str, payload: str, heard: int) -> list[Json]:
        """The steps for the guest's message number `heard`, from 1. A choice is known by its
        payload before its words."""
        for rule in sorted(self.rules, key=lambda rule: not payload or "payload" not in rule):
            if "after" in rule and rule["after"] != heard:
                continue
            if "payload" in rule and rule["payload"] != payload:
                continue
            if "match" in rule and not re.search(rule["match"], text, re.IGNORECASE):
                continue
            steps: list[Json] = rule["steps"]
            return steps
        return self.default


def built_in() -> dict[str, Any]:
    return dict(json.loads((files(__package__) / "scripts.json").read_text()))


def load_script(given: str | dict[str, Any]) -> AgentScript:
    """A built-in script by name, or one given as data. Raises ValueError that says what is wrong
    with it."""
    scripts = built_in()
    if isinstance(given, str) and given not in scripts:
        raise ValueError(
            f"there is no agent script {given!r}; use one of {', '.join(sorted(scripts))}"
        )
    data: dict[str, Any] = scripts[given] if isinstance(given, str) else given
    unknown = set(data) - {"nickname", "bot", "greeting", "rules", "default"}
    if unknown:
        raise ValueError(f"an agent script has unknown keys: {', '.join(sorted(unknown))}")
    script = AgentScript(**data)
    for rule in script.rules:
        try:
            re.compile(rule.get("match", ""))
        except re.error as error:
            raise ValueError(
                f"match {rule['match']!r} must be a regular expression: {error}"
            ) from None
    for steps in (
        script.greeting,
        script.default,
        *(rule.get("steps", []) for rule in script.rules),
    ):
        for step in steps:
            if not isinstance(step, dict) or not any(name in step for name in STEPS):
                raise ValueError(f"an agent's step is one of {', '.join(STEPS)}, not {step!r}")
    for rule in script.rules:
        if "steps" not in rule:
            raise ValueError("an agent's rule needs steps")
        try:
            re.compile(rule.get("match", ""))
        except re.error as error:
            raise ValueError(
                f"an agent's rule has a bad pattern {rule['match']!r}: {error}"
            ) from None
    return script
