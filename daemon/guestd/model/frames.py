"""Frames of a watched guest session, as an outsider may see them: without a secret in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(slots=True)
class FrameRow:
    """One frame, or the opening or the close of a connection, or frames that are not kept.

    `kind`: text, binary, ping, pong, open, close or not_kept. `size_bytes` is the frame's own;
    `name` its class, action or type with what it carries; `code` its code, or that of the close.
    `seq` is the newest event it led to at once, or the one that accepted its command. `text`: the
    frame without secrets; `cut`: some or all of it is left out; `repeated`: its message had been
    taken before, and is not shown again. `host` and `address` (what
    the socket is connected to) are of openings, `by` and `reason` of closes, `attempt` (since the
    session was live) of both; `count` of those not kept."""

    n: int
    at_ms: int
    direction: str
    kind: str
    connection: int
    size_bytes: int = 0
    name: str = ""
    code: int | None = None
    tracing_id: str = ""
    command_id: str = ""
    seq: int = 0
    text: str = ""
    cut: bool = False
    repeated: bool = False
    by: str = ""
    reason: str = ""
    attempt: int = 0
    host: str = ""
    address: str = ""
    count: int = 0


class FrameSource(Protocol):
    """The kept frames of one guest session, which are kept as long as they are asked for."""

    @property
    def since_ms(self) -> int:
        """When it began to be watched."""

    @property
    def last_n(self) -> int:
        """The number of the newest."""

    @property
    def first_kept(self) -> int:
        """The number of the oldest that is kept; one more than the newest if none is."""

    @property
    def is_over(self) -> bool:
        """True when the guest session has ended: there will be no more."""

    def after(self, n: int, limit: int) -> Sequence[FrameRow]:
        """The rows after that number, oldest first; if some of them are not kept any more, the
        first says how many."""

    def listen(self, changed: Callable[[], None]) -> None:
        """Keep them until `leave`, and call `changed` at each new one, and at the end. It must
        neither block nor raise."""

    def leave(self, changed: Callable[[], None]) -> None: ...
