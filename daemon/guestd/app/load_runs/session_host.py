"""Where the guest sessions of a run are: in this process, or in a running daemon."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from ...load.results import NotMeasured
from ...load.run.guest_frames import GuestFrames
from ...load.run.histories import HistorySource
from ...model.effects import SessionCounter
from ...model.ports import GuestSessions
from ..wiring.endpoints import PlatformTarget


@dataclass(slots=True, frozen=True)
class EmulatorRecord:
    """Where an emulator's record of all conversations can be read; "": nowhere, `why_not` says
    why. `if_none`: it may be another emulator's, and is if it knows none of the guests; what is
    said then. `headers`: what lets us in."""

    url: str = ""
    why_not: str = ""
    if_none: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


class HostListener(Protocol):
    """Hears what a host has to say beside the events of its sessions. `frames` may listen on the
    connections to the platform."""

    frames: GuestFrames

    def counted(self, session_id: str, counter: SessionCounter, count: int) -> None:
        """What a session has met on its connection to the platform."""

    def not_opened(self, session_id: str, reason: str) -> None:
        """It was to be opened and was refused; the event of its end follows."""


class SessionHost(Protocol):
    """`open`, then `fleet` is used, then `drain`, `stop`, `close`."""

    @property
    def target(self) -> PlatformTarget: ...

    @property
    def fleet(self) -> GuestSessions: ...

    @property
    def record(self) -> EmulatorRecord: ...

    @property
    def histories(self) -> HistorySource | None:
        """How each guest's history is read before it leaves; None: the conversations are compared
        with the record, if there is one."""

    @property
    def left_open(self) -> int:
        """Conversations that may be open, if they are kept on disk."""

    async def open(self, listener: HostListener) -> None:
        """Raises ConfigError, PlatformError or OSError."""

    def opened(self, session_id: str) -> None:
        """The fleet was asked for it just now."""

    def finished(self, session_id: str, has_ended: bool) -> str:
        """Its guest is done, and the conversation is over at the platform or not. The id by which
        the platform's record knows the session."""

    def connects_throttled(self) -> int:
        """Connections that the platform refused with 429 since it was asked last."""

    def not_measured(self, has_record: bool) -> list[NotMeasured]:
        """What is not known where the sessions are, with the platform's record or without."""

    def problems(self) -> list[str]:
        """Why the figures are not those of the whole plan."""

    def notes(self) -> list[str]:
        """What else a reader should know."""

    async def drain(self) -> None:
        """End what is still open."""

    async def stop(self) -> None:
        """Leave what is left as it is; what its log has counted is said."""

    async def close(self) -> None: ...
