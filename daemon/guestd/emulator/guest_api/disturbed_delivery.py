"""The frames of one connection that meet faults on their way out.

What a fault delays, repeats, replaces or drops is only the frame: the world has recorded the
message already. A connection has one of these from the first frame on that meets a fault, and no
longer than something is late or held back."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

from websockets.frames import Frame, Opcode

from ..context import ServerContext
from ..core.faults import FaultRule
from ..core.stored_messages import RecordedMessage


class FrameWriter(Protocol):
    """What a connection is for its frames: `write` sends one at once, if it is open."""

    transport: asyncio.Transport

    @property
    def token(self) -> str: ...

    def write(self, payload: bytes) -> None: ...


class DisturbedDelivery:
    def __init__(self, server: ServerContext, connection: FrameWriter) -> None:
        self._server = server
        self._connection = connection
        self._held: dict[str, list[bytes]] = {}
        self._late: deque[tuple[float, bytes]] = deque()

    @property
    def is_over(self) -> bool:
        """Nothing is late and nothing held back."""
        return not self._late and not self._held

    def deliver(self, payload: bytes, message: RecordedMessage) -> None:
        """A frame that shows this message."""
        held = self._held.get(message.time)
        if held is not None:
            held.append(payload)
            return
        faults = self._server.faults
        rule = faults.pick("out", self._connection.token, self._server.now())
        if rule is None:
            self.write_in_turn(payload)
        else:
            self._disturb(rule, payload, message)

    def _disturb(self, rule: FaultRule, payload: bytes, message: RecordedMessage) -> None:
        faults = self._server.faults
        match rule.kind:
            case "drop_out":
                self._connection.transport.abort()
            case "mute":
                pass
            case "delay":
                self.write_in_turn(payload, faults.random() * rule.ms / 1000.0)
            case "reorder":
                self._hold(payload, message.time, faults.random() * rule.ms / 1000.0)
            case "duplicate":
                self.write_in_turn(payload)
                self.write_in_turn(payload)
            case _:
                if not (rule.kind == "malformed" and rule.mode == "replace"):
                    self.write_in_turn(payload)
                self._write_odd(rule, payload)

    def _write_odd(self, rule: FaultRule, payload: bytes) -> None:
        write = self._connection.write
        match rule.kind:
            case "malformed":
                write(payload[: max(1, len(payload) // 2)])
            case "binary":
                frame = Frame(Opcode.BINARY, b"\x00\x01\x02").serialize(mask=False)
                self._connection.transport.write(frame)
            case "invalid_utf8":
                write(b'{"class":"\xff\xfe"}')
            case "oversize":
                write(b'"' + b"x" * (rule.bytes - 2) + b'"')
            case "deep_json":
                write(b"[" * rule.depth + b"]" * rule.depth)

    def _hold(self, payload: bytes, at: str, delay_s: float) -> None:
        self._held[at] = [payload]
        self._server.loop.call_later(delay_s, self._release, at)

    def _release(self, at: str) -> None:
        for payload in self._held.pop(at, ()):
            # behind what is late: one of the late ones may have the same time
            self.write_in_turn(payload)

    def write_in_turn(self, payload: bytes, delay_s: float = 0.0) -> None:
        """Now, or after the frames that are late already: a queue, because timers alone may
        overtake each other."""
        loop = self._server.loop
        if self._late:
            self._late.append((loop.time() + delay_s, payload))
        elif delay_s > 0:
            due = loop.time() + delay_s
            self._late.append((due, payload))
            loop.call_at(due, self._write_late)
        else:
            self._connection.write(payload)

    def _write_late(self) -> None:
        loop, late = self._server.loop, self._late
        while late and late[0][0] <= loop.time() + 1e-3:
            self._connection.write(late.popleft()[1])
        if late:
            loop.call_at(late[0][0], self._write_late)
