"""What a dialect is: how requests are written as frames and how frames are read as signals."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

from ..model.ids import Guest
from ..model.requests import Request
from ..model.signals import Signal


class Ordering(Enum):
    BY_TIME = "by_time"
    BY_SEQUENCE = "by_sequence"


class Beating(Enum):
    """What the dialect's heartbeat is made of."""

    ECHO = "echo"
    PING = "ping"


@dataclass(slots=True, frozen=True)
class Traits:
    """What a guest session must know of its dialect. `confirms`: the platform echoes what a guest
    said."""

    name: str
    ordering: Ordering
    beating: Beating
    has_history: bool
    confirms: bool
    reconnect_codes: frozenset[int]
    messages_per_s: float
    requests_per_minute: int | None
    text_max: int
    text_unit: str
    attribute_bytes_max: int = 2048
    slot_by_rest: bool = False  # where an upload goes is asked over REST, not over the socket
    needs_extension: bool = True  # in the name of a file
    guests_by_email: bool = False  # the platform tells guests apart by their e-mail
    file_types: tuple[str, ...] = ("*/*",)  # what may be attached where the platform does not say


class Dialect(Protocol):
    traits: Traits

    def url(self, base: str) -> str:
        """The socket's full URL; `base` is scheme and host: `wss://webmessaging.mypurecloud.de`."""

    def check_guest(self, guest: Guest) -> None:
        """Raises CommandError naming the field, if this dialect cannot speak for such a guest."""

    def encode(self, guest: Guest, request: Request) -> bytes | None:
        """The frame for a request; None if this dialect has none for it."""

    def decode(self, frame: bytes) -> list[Signal]:
        """What a frame means, in order. Never raises: at worst Garbage or Unknown."""

    def decode_history(self, entity: dict[str, Any]) -> list[Signal]:
        """What one entity of the history means: MessageArrived, ContentRefused. Never raises."""

    def text_length(self, text: str) -> int:
        """How long the platform counts this text, in `traits.text_unit`."""
