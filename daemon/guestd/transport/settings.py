"""The WebSocket connections to the platform: how they are opened and what bounds them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge

from ..model.settings import Count, Doc, Seconds


@dataclass(slots=True, frozen=True)
class TransportSettings:
    """The WebSocket connections to the platform."""

    frame_bytes_max: Annotated[int, Ge(1024), Doc("A longer frame ends its connection (1009).")] = (
        262_144
    )
    dial_timeout_s: Annotated[Seconds, Doc("How long a connection may take to open.")] = 10.0
    close_timeout_s: Annotated[Seconds, Doc("How long a closing handshake may take.")] = 5.0
    read_budget_frames: Annotated[
        Count,
        Doc(
            "Frames of one connection handled in one turn of the loop, so that a flood on "
            "one delays no other's heartbeat."
        ),
    ] = 256
    dns_ttl_s: Annotated[Seconds, Doc("How long a resolved name is used.")] = 30.0
    local_addresses: Annotated[
        tuple[str, ...],
        Doc(
            "Source addresses, used in turn: one address has about 28,000 ports to one destination."
        ),
    ] = ()
