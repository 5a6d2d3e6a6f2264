"""What may stand in an agent's script. Mistakes are told with their place: `rules[1].steps[0]`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

_KEYS = ("nickname", "bot", "greeting", "rules", "default")
_DISCONNECTS = ("Send", "ReadOnly", "disabled", "")
_CONDITIONS = ("match", "payload", "file", "after")


def check_script(data: Any) -> None:
    """Raises ValueError for the first mistake."""
    for problem in _problems(data):
        raise ValueError(problem)


def _problems(data: Any) -> Iterator[str]:
    if not isinstance(data, dict):
        yield "an agent script must be a table"
        return
    yield from _unknown("", data, _KEYS)
    if not isinstance(data.get("nickname", ""), str):
        yield "nickname: must be text"
    if not isinstance(data.get("bot", False), bool):
        yield "bot: must be true or false"
    for name in ("greeting", "default"):
        yield from _of_steps(name, data.get(name, []))
    rules = data.get("rules", [])
    if not isinstance(rules, list):
        yield "rules: must be a list"
        return
    for n, rule in enumerate(rules):
        yield from _of_rule(f"rules[{n}]", rule)


def _of_rule(place: str, rule: Any) -> Iterator[str]:
    if not isinstance(rule, dict):
        yield f"{place}: must be a table"
        return
    yield from _unknown(f"{place}.", rule, (*_CONDITIONS, "steps"))
    if "steps" not in rule:
        yield f"{place}: steps is missing"
        return
    yield from _of_steps(f"{place}.steps", rule["steps"])
    try:
        re.compile(rule.get("match", ""))
    except (TypeError, re.error) as error:
        yield f"{place}.match: must be a regular expression ({error})"
    if not isinstance(rule.get("payload", ""), str):
        yield f"{place}.payload: must be text"
    if not isinstance(rule.get("file", True), bool):
        yield f"{place}.file: must be true or false"
    if type(rule.get("after", 1)) is not int:
        yield f"{place}.after: must be a whole number"


def _of_steps(place: str, steps: Any) -> Iterator[str]:
    if not isinstance(steps, list):
        yield f"{place}: must be a list of steps"
        return
    for n, step in enumerate(steps):
        here = f"{place}[{n}]"
        kinds = [name for name in STEPS if isinstance(step, dict) and name in step]
        if len(kinds) != 1:
            yield f"{here}: must be one step: {', '.join(STEPS)}"
            continue
        is_good, words = STEPS[kinds[0]]
        if not is_good(step[kinds[0]]):
            yield f"{here}.{kinds[0]}: must be {words}"
        yield from _unknown(f"{here}.", step, (kinds[0], *(["text"] * (kinds[0] == "content"))))


def _unknown(place: str, given: dict[str, Any], known: tuple[str, ...]) -> Iterator[str]:
    for name in given:
        if name not in known:
            yield f"{place}{name}: is unknown; known are {', '.join(known)}"


def _is_time(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value <= 3600


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, str) for one in value)


def _is_choice(value: Any) -> bool:
    """{"text": …, "options": [[label, payload], …]}"""
    if not isinstance(value, dict) or set(value) - {"text", "options"}:
        return False
    options = value.get("options")
    return (
        isinstance(options, list)
        and all(isinstance(one, list) and len(one) == 2 for one in options)
        and all(isinstance(part, str) for one in options for part in one)
    )


def _is_persona(value: Any) -> bool:
    return isinstance(value, dict) and not set(value) - {"nickname", "bot"}


#: Each step: what it may be, in a test and in words.
STEPS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "wait_s": (_is_time, "seconds, at most 3600"),
    "typing_s": (_is_time, "seconds, at most 3600"),
    "say": (lambda value: isinstance(value, str) or _are_texts(value), "text, or a list of texts"),
    "quick_replies": (_is_choice, 'text and options: {text = "…", options = [["Label", "ID"]]}'),
    "content": (lambda value: isinstance(value, list), "a list of content items"),
    "persona": (_is_persona, "a table of nickname and bot"),
    "disconnect": (
        lambda value: value in ("Send", "ReadOnly", "disabled", ""),
        "Send, ReadOnly or empty",
    ),
}
