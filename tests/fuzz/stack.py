"""A daemon and the emulator behind it, over real sockets, that live from one input to the next."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine, Hashable
from typing import Any, ClassVar

from guestd.emulator.settings import EmulatorLimits

from ..integration.conftest import Stack, settle
from .log_watch import LogWatch, assert_quiet
from .target import Target

GUEST = "ana"

#: What an input may contain and no line of the log may repeat.
SECRET = b"Zq7fuzzsecret"

#: Longer than any answer takes, shorter than the daemon's own time limits: then the input waits for
#: more by right.
ANSWER_S = 10.0

FAST = {
    "emulator": {"agent": "human", "upload_delay_s": 0.0, "limits": EmulatorLimits().off()},
    "session": {
        "messages_per_s": 10_000.0,
        "requests_per_minute": 1_000_000,
        "outbox_commands_max": 4096,
        "uploads_per_session_max": 64,
    },
}


class StackTarget(Target):
    """`check` is told to `ask` in the loop of a stack where the guest session GUEST is live;
    afterwards it must be live still."""

    stack_settings: ClassVar[dict[str, Any]] = FAST

    def open(self) -> None:
        self._log = LogWatch()
        self._log.start()
        self._runner = asyncio.Runner()
        self._runner.__enter__()
        self._settled = settle(**self.stack_settings)
        self.stack: Stack = self._runner.run(self._settled.__aenter__())
        self._runner.run(self.open_guest())

    def close(self) -> None:
        self._runner.run(self.disconnect())
        self._runner.run(self._settled.__aexit__(None, None, None))
        self._runner.__exit__(None, None, None)
        self._log.stop()

    async def disconnect(self) -> None:
        """What the target has opened."""

    def check(self, data: bytes) -> Hashable:
        self._log.lines()  # of an input that failed
        errors_before = self.stack.metrics.http_internal_errors
        answer = self._runner.run(self._asked(data))
        assert self.stack.metrics.http_internal_errors == errors_before, (
            "an internal error was answered"
        )
        assert_quiet(self._log.lines(), SECRET)
        return answer

    async def _asked(self, data: bytes) -> Hashable:
        answer = await self.ask(data)
        self.check_guest()
        return answer

    def ask(self, data: bytes) -> Coroutine[Any, Any, Hashable]:
        raise NotImplementedError

    async def open_guest(self, name: str = GUEST) -> None:
        status, _ = await self.request("POST", "/v1/sessions", json.dumps({"name": name}).encode())
        assert status == 201, status
        await self.stack.until(lambda: self.stack.live() >= 1)

    def check_guest(self) -> None:
        assert self.stack.fleet.find(GUEST) is not None, "the guest session has ended"

    async def request(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length:"
            f" {len(body)}\r\n"
        )
        answer = await self.exchange(
            head.encode() + b"Content-Type: application/json\r\n\r\n" + body
        )
        status_line, _, rest = answer.partition(b"\r\n")
        return int(status_line.split()[1]), rest.partition(b"\r\n\r\n")[2]

    async def exchange(self, data: bytes, quiet_s: float = ANSWER_S) -> bytes:
        """All that is answered on a connection of its own, until it is closed or nothing comes for
        `quiet_s`."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.stack.http.port)
        found = b""
        try:
            writer.write(data)
            while more := await asyncio.wait_for(reader.read(65_536), quiet_s):
                found += more
        except (ConnectionError, TimeoutError):
            pass
        finally:
            writer.transport.abort()
        return found
