"""The frames of one connection that meet faults on their way out.

What a fault delays, repeats, replaces or drops is only the frame: the world has recorded the
message already. A connection has one of these from the first frame on that meets a fault, and no
longer than something is late or held back."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Protocol

from websockets.frames import Frame, Opcode

from ..context import ServerContext
from ..core.fault_rules import FaultRule
from ..core.stored_messages import RecordedMessage


class FrameWriter(Protocol):
    """What a connection is for its frames: `write` sends one at once, if it is open."""

    transport: asyncio.Transport

    @property
    def token(self) -> str: ...

    def write(self, payload: bytes) -> None: ...


@dataclass(slots=True)
class SwapUnderWay:
    """A message that waits to be overtaken."""

    rule: FaultRule
    payload: bytes
    message: RecordedMessage
    timer: asyncio.TimerHandle


class DisturbedDelivery:
    def __init__(self, server: ServerContext, connection: FrameWriter) -> None:
        self._server = server
        self._connection = connection
        self._held: dict[str, list[bytes]] = {}
        self._late: deque[tuple[float, bytes]] = deque()
        self._swap: SwapUnderWay | None = None

    @property
    def is_over(self) -> bool:
        """Nothing is late and nothing held back."""
        return not self._late and not self._held and self._swap is None

    def abandon(self) -> None:
        """The connection is lost, and what was held back with it."""
        if self._swap is not None:
            self._swap.timer.cancel()
            self._server.faults.not_swapped(self._swap.rule, self._connection.token)
            self._swap = None

    def deliver(self, payload: bytes, message: RecordedMessage) -> None:
        """A frame that shows this message."""
        held = self._held.get(message.time)
        if held is not None:
            held.append(payload)
            return
        if self._swap is not None and self._overtakes(self._swap, payload, message):
            return
        but = () if self._swap is None else ("swap",)
        rule = self._server.faults.pick(
            "out", self._connection.token, self._server.now(), but=but, message=message
        )
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
                if not rule.recorded:
                    self._forget(message)
            case "delay":
                delay_ms = rule.ms_min + faults.random() * (rule.ms - rule.ms_min)
                self.write_in_turn(payload, delay_ms / 1000.0)
            case "swap":
                timer = self._server.loop.call_later(rule.within_s, self._give_up_swap)
                self._swap = SwapUnderWay(rule, payload, message, timer)
            case "reorder":
                self._hold(payload, message.time, faults.random() * rule.ms / 1000.0)
            case "duplicate":
                self.write_in_turn(payload)
                self.write_in_turn(payload)
            case _:
                if not (rule.kind == "malformed" and rule.mode == "replace"):
                    self.write_in_turn(payload)
                self._write_odd(rule, payload)

    def _forget(self, message: RecordedMessage) -> None:
        session = self._server.world.sessions.get(self._connection.token)
        for conversation in session.conversations if session is not None else ():
            conversation.messages.discard(message.frame)

    # ------------------------------------------------------------------ two change places

    def _overtakes(self, swap: SwapUnderWay, payload: bytes, message: RecordedMessage) -> bool:
        """Whether this is the one that was waited for; then both are sent."""
        if swap.rule.sender not in (None, message.sender):
            return False
        if message.time == swap.message.time:  # these two have no order
            self._give_up_swap()
            return False
        self._swap = None
        swap.timer.cancel()
        self.write_in_turn(payload)
        self.write_in_turn(swap.payload)
        self._server.faults.swapped(
            swap.rule, self._connection.token, self._server.now(), swap.message.id, message.id
        )
        return True

    def _give_up_swap(self) -> None:
        swap = self._swap
        if swap is not None:
            self.abandon()
            self.write_in_turn(swap.payload)

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
        if self._server.stall.is_on:
            self._server.stall.wait(lambda: self._release(at))
            return
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
        if self._server.stall.is_on:
            self._server.stall.wait(self._write_late)
            return
        loop, late = self._server.loop, self._late
        while late and late[0][0] <= loop.time() + 1e-3:
            self._connection.write(late.popleft()[1])
        if late:
            loop.call_at(late[0][0], self._write_late)
