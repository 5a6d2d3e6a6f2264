"""The admin API of an emulator, as layer 4 reaches it: embedded in this process, or another's."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol


@dataclass(slots=True, frozen=True)
class AdminAnswer:
    """An answer, whatever its status. `chunks` may have no end (server-sent events)."""

    status: int
    headers: Mapping[str, str]
    chunks: AsyncIterator[bytes]


class EmulatorAdmin(Protocol):
    def ask(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> AbstractAsyncContextManager[AdminAnswer]:
        """One request; `target` is path and query, quoted already. Raises PlatformUnavailable."""
