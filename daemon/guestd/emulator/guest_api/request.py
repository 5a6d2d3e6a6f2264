"""One request of a guest on its WebSocket, and the answers that all actions share."""

from __future__ import annotations

import json
from math import ceil
from typing import Any

from ...model.json_values import DEPTH_MAX, is_writable
from ...policy.buckets import SlidingCount
from ..core import frames
from ..core.records import ConnectionRecord, Effect, GuestSession, Json, SendFrame
from ..core.world import World

#: As many digits may be an integer beyond 64 bits, which orjson reads as a float.
_LONG_NUMBER = b"0" * 19
_DIGITS_TO_ZERO = bytes.maketrans(b"123456789", b"000000000")


def is_kept_as_read(text: bytes) -> bool:
    """Whether what orjson read can be written again as the same value: it is not nested too deep,
    and has no integer that became a float."""
    is_plain = text.count(b"{") + text.count(b"[") <= DEPTH_MAX and (
        _LONG_NUMBER not in text.translate(_DIGITS_TO_ZERO)
    )
    try:
        return is_plain or is_writable(json.loads(text))
    except RecursionError:
        return False


def text_of(value: Any, key: str) -> str:
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""


def object_of(value: Any, key: str) -> Json:
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def objects_of(value: Any, key: str) -> list[Json]:
    found = value.get(key) if isinstance(value, dict) else None
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


class SocketRequest:
    """`trace` and `token` are the request's; a request without a token means its socket's."""

    def __init__(
        self, world: World, connection: ConnectionRecord, request: Json, now: float
    ) -> None:
        self.world = world
        self.connection = connection
        self.request = request
        self.now = now
        self.trace = text_of(request, "tracingId")
        self.token = text_of(request, "token") or connection.token

    # ------------------------------------------------------------------ small answers

    def _say(self, frame: bytes) -> list[Effect]:
        return [SendFrame(self.connection.id, frame)]

    def _error(self, code: int, text: str) -> list[Effect]:
        return self._say(frames.error(code, text, self.trace))

    def _too_many(self, count: SlidingCount, what: str) -> list[Effect] | None:
        """The platform's 429; None if it may go on. A tolerant emulator never refuses (protocol
        §9.1)."""
        ready_at = count.ready_at(self.now)
        if ready_at <= self.now or not self.world.limits.strict:
            count.take(self.now)
            return None
        return self._say(
            frames.too_many(
                ceil(ready_at - self.now), f"{what} rate too high for this session", self.trace
            )
        )

    def _limit_requests(self) -> list[Effect] | None:
        limit = self.world.limits.requests_per_connection_per_minute
        if limit is None:
            return None
        count = self.connection.requests = self.connection.requests or SlidingCount(limit, 60.0)
        return self._too_many(count, "Request")

    def _session(self) -> GuestSession | list[Effect]:
        """The configured session of this socket, or the error that says why there is none."""
        session = self.world.sessions.get(self.token)
        if session is None or self.connection.token != self.token:
            return self._error(4007, "Session not found")
        if self.world.is_expired(session, self.now):
            return self._say(frames.push("SessionExpiredEvent", {}, self.trace))
        return session
