"""What can still be checked of a configuration in which something is wrong.

The keys that are wrong are left out, and the rest is read without them, so that everything is said
in one go. What is found then may be a consequence of what was left out: with `tokn = "…"` the token
is not missing but misspelled. So each wrong key is kept as doubtful, and what follows from a
doubtful key is not said."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from .config import Config
from .config_types import TypeProblem
from .config_wording import in_words, meant_by

#: The first leaves out what is wrong, the second the tables that lack a key then.
_ATTEMPTS_MAX = 4

_GONE = object()

#: What else decides whether such a key is missing; otherwise anything in its section may.
_DECIDED_BY: Mapping[str, frozenset[str]] = {
    "api.token": frozenset({"api.token", "api.token_file", "api.tcp", "simulator.host"}),
    "simulator.token": frozenset(
        {"simulator.token", "simulator.token_file", "simulator.open", "simulator.host"}
    ),
}

_UNKNOWN_KEY = ("extra_forbidden", "unexpected_keyword_argument")


@dataclass(slots=True)
class ValidPart:
    """`config` is None if nothing can be read; `doubtful` are keys (`simulator.port`) and sections
    whose value is not known."""

    config: Config | None = None
    problems: list[str] = field(default_factory=list)
    doubtful: set[str] = field(default_factory=set)

    def add(self, found: Iterable[str]) -> None:
        """Problems of the rest, but those that may only follow from an earlier one."""
        self.problems += [
            one for one in found if one not in self.problems and not self._follows(one)
        ]

    def _follows(self, problem: str) -> bool:
        key, _, said = problem.partition(": ")
        if said.startswith(("is missing", "is not set")):
            section = key.partition(".")[0]
            decided_by = _DECIDED_BY.get(key)
            return any(
                one == section
                or (one in decided_by if decided_by else one.startswith(f"{section}."))
                for one in self.doubtful
            )
        return any(re.search(rf"(?<![\w.]){re.escape(one)}\b", problem) for one in self.doubtful)


def valid_part(data: dict[str, Any], wrong: Sequence[TypeProblem] = ()) -> ValidPart:
    """`wrong` is known already, and left out as well."""
    found = ValidPart()
    for known in wrong:
        found.problems.append(in_words(known))
        found.doubtful.update(_doubted(known))
    data = _without(data, wrong)
    for attempt in range(_ATTEMPTS_MAX):
        try:
            found.config = Config.model_validate(data)
            break
        except ValidationError as error:
            errors = error.errors()
        for one in errors:
            if attempt == 0 or one["type"] != "missing":
                found.problems.append(in_words(one))
            found.doubtful.update(_doubted(one))
        data = _without(data, errors)
    return found


def _doubted(error: Any) -> Iterator[str]:
    path = list(error["loc"])
    if path[:2] == ["webhooks", "targets"]:  # each target is checked by itself
        return
    meant = meant_by(path) if error["type"] in _UNKNOWN_KEY else [path]
    yield from (".".join(map(str, one[:2])) for one in meant)


def _without(data: dict[str, Any], errors: Iterable[Any]) -> dict[str, Any]:
    kept = deepcopy(data)
    for one in errors:
        path = list(one["loc"])
        if one["type"] == "missing":  # the table that lacks it
            path = path[:-1] or path
        _cut(kept, path)
    return {name: _closed(value) for name, value in kept.items() if value is not _GONE}


def _cut(data: dict[str, Any], path: list[Any]) -> None:
    place: Any = data
    for part in path[:-1]:
        known = isinstance(place, dict) and part in place
        if not known and not (isinstance(place, list) and isinstance(part, int)):
            break
        place = place[part]
    else:
        if isinstance(place, dict) or (isinstance(place, list) and isinstance(path[-1], int)):
            place[path[-1]] = _GONE
            return
    data[path[0]] = _GONE


def _closed(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _closed(one) for name, one in value.items() if one is not _GONE}
    if isinstance(value, list):
        return [_closed(one) for one in value if one is not _GONE]
    return value
