"""Reads request bodies. They do not count as requests in progress, and have limits of their own.

At a limit the oldest awaited body is given up, of the caller that has most of them. A body that
arrives with its head is never awaited, so clients that do not send are refused, not those that come
next."""

from __future__ import annotations

import asyncio

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from ...observe.metrics import Metrics
from ..callers import caller_of
from ..problems import Problem
from ..settings import ApiSettings

#: What reading raises for a wrong chunk, length or Content-Encoding.
UNREADABLE = (web.RequestPayloadError, HttpProcessingError)


class BodyReader:
    def __init__(self, settings: ApiSettings, metrics: Metrics) -> None:
        self._settings = settings
        self._metrics = metrics
        self._waiting: dict[str, dict[_Body, None]] = {}
        self._count = 0
        self._bytes = 0

    async def read(self, request: web.Request) -> bytes:
        """The whole body. Raises Problem 408 or 413."""
        if (request.content_length or 0) > self._settings.body_bytes_max:
            raise self._too_large()
        body = _Body(caller_of(request))
        try:
            if request.content.is_eof():  # all of it is here
                return await self._collect(request, body)
            async with asyncio.timeout(self._settings.body_timeout_s) as body.limit:
                self._enter(body)
                try:
                    return await self._collect(request, body)
                finally:
                    self._leave(body)
        except UNREADABLE:
            raise Problem(
                400, "bad_request", "the body does not match its headers, or is cut off"
            ) from None
        except TimeoutError:
            self._metrics.count_http_refused(
                "bodies_waiting_max" if body.is_given_up else "body_timeout_s"
            )
            why = "in time" if not body.is_given_up else "before too many other bodies were awaited"
            raise Problem(
                408, "timeout", f"the body did not arrive {why}; send it at once"
            ) from None

    async def _collect(self, request: web.Request, body: _Body) -> bytes:
        held = bytearray()
        while chunk := await request.content.readany():
            held += chunk
            if len(held) > self._settings.body_bytes_max:
                raise self._too_large()
            if body not in self._waiting.get(body.caller, ()):
                continue
            body.size_bytes += len(chunk)
            self._bytes += len(chunk)
            if self._bytes > self._settings.bodies_waiting_bytes_max:
                self._give_one_up()
        return bytes(held)

    def _enter(self, body: _Body) -> None:
        if self._count >= self._settings.bodies_waiting_max:
            self._give_one_up()
        self._waiting.setdefault(body.caller, {})[body] = None
        self._count += 1

    def _give_one_up(self) -> None:
        """Its reading is interrupted in the next loop iteration; its slot is free at once."""
        most = max(self._waiting.values(), key=len, default=None)
        if most is None:
            return
        oldest = next(iter(most))
        self._leave(oldest)
        oldest.is_given_up = True
        if not oldest.limit.expired():
            oldest.limit.reschedule(asyncio.get_running_loop().time())

    def _leave(self, body: _Body) -> None:
        waiting = self._waiting.get(body.caller)
        if waiting is None or body not in waiting:
            return
        del waiting[body]
        if not waiting:
            del self._waiting[body.caller]
        self._count -= 1
        self._bytes -= body.size_bytes

    def _too_large(self) -> Problem:
        return Problem(
            413,
            "too_large",
            f"a body has at most {self._settings.body_bytes_max} bytes (api.body_bytes_max)",
        )


class _Body:
    """A body that is awaited."""

    __slots__ = ("caller", "is_given_up", "limit", "size_bytes")

    def __init__(self, caller: str) -> None:
        self.caller = caller
        self.is_given_up = False
        self.size_bytes = 0
        self.limit: asyncio.Timeout
