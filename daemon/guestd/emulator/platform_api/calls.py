"""One call to the platform API, and its result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..core.records import Effect, Json


@dataclass(slots=True, frozen=True)
class PlatformCall:
    """`client` is the OAuth client that asks; `key` its Idempotency-Key, or empty."""

    now: float
    body: Json = field(default_factory=dict)
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    client: str = ""
    key: str = ""


@dataclass(slots=True)
class PlatformResponse:
    """`effects` are for the sockets of guests; `created` is (kind, id) of a new resource, if
    there is one."""

    body: Any = None
    status: int = 200
    effects: list[Effect] = field(default_factory=list)
    created: tuple[str, str] | None = None
    headers: dict[str, str] = field(default_factory=dict)


class PlatformRefusal(Exception):
    """The platform refuses a call (protocol §4.4); nothing was changed. `field` is the invalid
    place in the body; one of `scopes` is required."""

    def __init__(
        self, status: int, code: str, message: str, field: str = "", scopes: tuple[str, ...] = ()
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.field = status, code, field
        self.params = {"field": field} if field else {"scopes": ", ".join(scopes)} if scopes else {}
        self.headers: dict[str, str] = {}


def wrong(field: str, problem: str) -> PlatformRefusal:
    """A 400 that names the field."""
    return PlatformRefusal(400, "bad.request", f"{field} {problem}", field)


def not_found(what: str, wanted: str) -> PlatformRefusal:
    return PlatformRefusal(404, "not.found", f"There is no {what} {wanted}")
