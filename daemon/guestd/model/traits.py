"""What a guest session must know of its dialect: data that the dialect states about itself.

Nothing is found out by trying: a dialect without a goodbye says so here, and no code asks a dialect
for its name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum


class Ordering(Enum):
    """What the order of the platform's messages is read from."""

    BY_TIME = "by_time"
    BY_SEQUENCE = "by_sequence"


class Beating(Enum):
    """What the dialect's heartbeat is made of."""

    ECHO = "echo"
    PING = "ping"


@dataclass(slots=True, frozen=True)
class FileRules:
    """What may be attached. No type at all means that no file may."""

    types: tuple[str, ...] = ("*/*",)
    bytes_max: int | None = None
    blocked_extensions: tuple[str, ...] = ()
    needs_extension: bool = True


ANY_FILE = FileRules()


@dataclass(slots=True, frozen=True)
class Traits:
    """A dialect's properties and the platform's limits; `effective_traits` puts the
    configured limits over them.

    `confirms`: the platform echoes what a guest said. `has_goodbye`: a session can be closed by a
    frame. `has_context`: custom UI state has its own frame. `deployment_required`: guests talk to a
    deployment, which has an id and a published configuration. `slot_by_rest`: an upload's URL is
    requested over REST, not over the socket. `guests_by_email`: the platform identifies guests by
    their e-mail address. `name_required`: a guest shows its name on connecting. `can_attach`: False
    where uploads are not configured."""

    name: str
    ordering: Ordering
    beating: Beating
    has_history: bool
    confirms: bool
    has_goodbye: bool
    has_context: bool
    deployment_required: bool
    reconnect_codes: frozenset[int]
    messages_per_s: float
    requests_per_minute: int | None
    text_max: int
    text_unit: str
    text_length: Callable[[str], int]
    attribute_bytes_max: int = 2048
    slot_by_rest: bool = False
    guests_by_email: bool = False
    name_required: bool = False
    can_attach: bool = True
    file_rules: FileRules = ANY_FILE
