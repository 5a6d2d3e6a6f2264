"""Rate-limits WebSocket handshakes: a client that is refused or closed, and reconnects at once,
must not block the loop.

A handshake costs about a millisecond, including the refusal after it, because a frontend is told on
its socket why it is refused. Each address may connect as often as it may have frontends, then at a
rate; a faster client waits, and where too many wait already, it is refused (429). A handshake has
a loop iteration to itself. The Unix socket is open to our own user only, and not limited.

Bytes that come with the head, before the handshake is answered, are read by aiohttp and not by
`ThrottledProtocol`. A client must not send any (RFC 6455, 4.1); a few are
accepted, more are refused, and so is a message among them that is too large."""

from __future__ import annotations

import asyncio

from aiohttp import web

from .callers import UNIX_SOCKET
from .rate_limiting import BorrowingBucket, LoopRateLimiter
from .throttled_protocol import CHUNK_BYTES

#: Of one address, when it has used up as many as it has places: a twentieth of the loop.
PER_S = 50.0

#: The longest wait: as long as clients wait for a handshake by default.
#: One that waits costs less than one that is refused and comes again.
WAIT_MAX_S = 10.0

#: Addresses whose rate is not full again are remembered; from so many on, the others are forgotten.
REMEMBERED = 1024

#: As many as are read of a frontend in one loop iteration.
EARLY_BYTES_MAX = CHUNK_BYTES


class HandshakeLimiter:
    """`burst`: how many handshakes of one address need not wait."""

    def __init__(self, burst: int) -> None:
        self._burst = float(burst)
        self._rates: dict[str, BorrowingBucket] = {}
        self._limiter = LoopRateLimiter()

    async def admit(self, caller: str) -> bool:
        """True once this caller may go on; False at once where too many of it wait already."""
        if caller != UNIX_SOCKET:
            now = asyncio.get_running_loop().time()
            rate = self._rate_of(caller, now)
            if rate.tokens(now) - 1.0 < -WAIT_MAX_S * PER_S:
                return False
            await asyncio.sleep(rate.owe(now))
        await self._limiter.acquire()
        return True

    def _rate_of(self, caller: str, now: float) -> BorrowingBucket:
        rate = self._rates.get(caller)
        if rate is None:
            if len(self._rates) >= REMEMBERED:
                self._rates = {
                    one: known for one, known in self._rates.items() if not known.is_full(now)
                }
            rate = self._rates[caller] = BorrowingBucket(PER_S, self._burst)
        return rate


def has_sent_early(request: web.Request, received_bytes: int) -> bool:
    """Whether more than a little came after the head. `received_bytes`: with the head."""
    return received_bytes - _head_bytes(request) > EARLY_BYTES_MAX


def early_bytes(request: web.Request) -> bytes:
    """What came after the head. aiohttp keeps it for the WebSocket, under a name of its own."""
    early: bytes = getattr(request.protocol, "_message_tail", b"")
    return early


def early_refusal() -> web.Response:
    return _refusal(400, "wait for the answer to the handshake before you send frames\n")


def pace_refusal() -> web.Response:
    text = "too many handshakes from this address; try again later\n"
    return _refusal(429, text, {"Retry-After": "1"})


def _refusal(status: int, text: str, headers: dict[str, str] | None = None) -> web.Response:
    answer = web.Response(status=status, text=text, headers=headers)
    answer.force_close()
    return answer


def _head_bytes(request: web.Request) -> int:
    """About how many bytes the head had: the blanks that a parser drops are not known."""
    line = len(request.method) + len(request.raw_path) + len("  HTTP/1.1\r\n")
    return line + sum(len(name) + len(value) + 4 for name, value in request.raw_headers) + 2
