"""What the admin API may ask of the emulator."""

from __future__ import annotations

from collections import deque
from typing import Protocol

from ..core.records import Json
from ..guest_api.connection import GuestConnection
from ..platform_api.context import PlatformContext
from ..received import ReceivedTexts
from ..settings import EmulatorSettings


class AdminContext(PlatformContext, Protocol):
    """`connections` are the guests' by id; `connect_times` are of the loop's clock."""

    connections: dict[int, GuestConnection]
    connect_times: deque[float]
    journal: ReceivedTexts

    def about(self, url: str) -> Json: ...

    def reset(self) -> None: ...

    def apply_settings(self, settings: EmulatorSettings) -> None: ...
