"""One call at the office, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..core.records import Effect, Json


@dataclass(slots=True, frozen=True)
class Call:
    """`client` is the OAuth client that asks; `key` its Idempotency-Key, or empty."""

    now: float
    body: Json = field(default_factory=dict)
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    client: str = ""
    key: str = ""


@dataclass(slots=True)
class Answer:
    """`effects` are for the sockets of guests; `made` is (kind, id) of what is there now and was
    not before."""

    body: Any = None
    status: int = 200
    effects: list[Effect] = field(default_factory=list)
    made: tuple[str, str] | None = None
    headers: dict[str, str] = field(default_factory=dict)


class Refusal(Exception):
    """The platform says no (reference §4.4). Nothing was changed. `field` is the place in the body
    that is wrong, `scopes` are those one of which is missing."""

    def __init__(
        self, status: int, code: str, message: str, field: str = "", scopes: tuple[str, ...] = ()
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.field = status, code, field
        self.params = {"field": field} if field else {"scopes": ", ".join(scopes)} if scopes else {}
        self.headers: dict[str, str] = {}


def wrong(field: str, problem: str) -> Refusal:
    """A 400 that names the field."""
    return Refusal(400, "bad.request", f"{field} {problem}", field)


def not_found(what: str, wanted: str) -> Refusal:
    return Refusal(404, "not.found", f"There is no {what} {wanted}")
