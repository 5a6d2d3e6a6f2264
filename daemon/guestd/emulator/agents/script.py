"""Scripted agents as data: what they say when, step by step.

A script is JSON, or the same in TOML, in a file of one's own (`guestd emulate --agent mine.toml`):

    {"nickname": "Leo", "bot": false,
     "greeting": [step, …],                                     when a conversation starts
     "rules": [{"match": "regex", "steps": [step, …]},          on the guest's text, in any case
               {"payload": "TRACK", "steps": […]},              on a button's payload
               {"file": true, "steps": […]},                    on a file
               {"after": 3, "steps": […]}],                     on the guest's third message
     "default": [step, …]}                                      when nothing else fits

The greeting is the answer to a first message that no rule fits. A step is one of: {"wait_s": 0.5},
{"typing_s": 0.5} (shows typing, then waits), {"say": "text"} ({text} is what the guest said, {file}
the name of the file it sent; of a list of texts each is said in its turn), {"quick_replies":
{"text": …, "options": [["Label", "PAYLOAD"], …]}}, {"content": […], "text": …} (any content items
of protocol §3.7), {"persona": {"nickname": …, "bot": …}}, {"disconnect": "Send"|"ReadOnly"|""}."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from .script_check import check_script

Json = dict[str, Any]

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

    def answer(self, text: str, payload: str, heard: int, file: str = "") -> list[Json] | None:
        """The steps for the guest's message number `heard`, from 1; None where no rule fits. A
        choice is known by its payload before its words."""
        rules = self.rules
        if payload:
            rules = sorted(rules, key=lambda rule: "payload" not in rule)
        for rule in rules:
            if "after" in rule and rule["after"] != heard:
                continue
            if "payload" in rule and rule["payload"] != payload:
                continue
            if "file" in rule and rule["file"] != bool(file):
                continue
            if "match" in rule and not re.search(rule["match"], text, re.IGNORECASE):
                continue
            steps: list[Json] = rule["steps"]
            return steps
        return None


def built_in() -> dict[str, Any]:
    return dict(json.loads((files(__package__) / "scripts.json").read_text()))


def load_script(given: str | dict[str, Any]) -> AgentScript:
    """A built-in script by name, or one given as data. Raises ValueError that says what is wrong
    with it, and where."""
    scripts = built_in()
    if isinstance(given, str) and given not in scripts:
        raise ValueError(
            f"{given!r} must be one of {', '.join(sorted(scripts))}, or a .toml or .json file"
        )
    data: dict[str, Any] = scripts[given] if isinstance(given, str) else given
    check_script(data)
    return AgentScript(**data)


def script_of(agent: str) -> str | dict[str, Any]:
    """The name of a built-in script as it is; the content of a file, where `agent` is the path of a
    .toml or .json. Raises ValueError that names the file."""
    path = Path(agent)
    if agent in built_in() or path.suffix not in (".toml", ".json"):
        load_script(agent)
        return agent
    if path.exists() and not path.is_file():
        raise ValueError(f"{path} must be a regular file")
    try:
        text = path.read_text(encoding="utf-8")
        found = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
        load_script(found)
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: {error}") from None
    return dict(found)
