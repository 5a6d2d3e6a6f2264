"""What guests and REST clients sent, for tests and for `/__emulator/journal`: a bounded ring.

A load test fills it millions of times and reads none of it, so an entry is made when it is read."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from .core.records import Json

#: Of one text; the rest is not kept.
TEXT_BYTES_MAX = 4096


class ReceivedTexts:
    """The newest `entries_max`, the oldest first."""

    def __init__(self, entries_max: int) -> None:
        self._entries: deque[tuple[float, str, str, bytes]] = deque(maxlen=entries_max)

    def resize(self, entries_max: int) -> None:
        self._entries = deque(self._entries, maxlen=entries_max)

    def add(self, at: float, kind: str, token: str, text: bytes) -> None:
        self._entries.append((at, kind, token, text[:TEXT_BYTES_MAX]))

    def clear(self) -> None:
        self._entries.clear()

    def __iter__(self) -> Iterator[Json]:
        for at, kind, token, text in tuple(self._entries):
            shown = text.decode(errors="replace")
            yield {"at": at, "kind": kind, "token": token, "text": shown}
