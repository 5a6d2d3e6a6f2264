"""What a dialect is: how requests are written as frames and how frames are read as signals."""

from __future__ import annotations

from typing import Any, Protocol

from ..model.client_messages import ClientMessage
from ..model.ids import Guest
from ..model.signals import Signal
from ..model.traits import Traits


class Dialect(Protocol):
    traits: Traits

    def url(self, base: str) -> str:
        """The socket's full URL; `base` is scheme and host: `wss://webmessaging.mypurecloud.de`."""

    def check_guest(self, guest: Guest) -> None:
        """Raises CommandError naming the field, if this dialect cannot speak for such a guest."""

    def encode(self, guest: Guest, request: ClientMessage) -> bytes | None:
        """The frame for a request; None if this dialect has none for it."""

    def decode(self, frame: bytes) -> list[Signal]:
        """What a frame means, in order. Never raises: at worst Garbage or Unknown."""

    def decode_history(self, entity: dict[str, Any]) -> list[Signal]:
        """What one entity of the history means: MessageArrived, ContentRefused. Never raises."""
