"""One open WebSocket connection: our own asyncio.Protocol, and the library's Sans-I/O core where it
is needed.

Nearly every frame a guest session receives is one whole, unfragmented text frame. Those are cut
straight out of the read buffer. For all else (fragments, pings, close frames, anything odd) a
`websockets` core is made, fed exactly one frame, and thrown away again as soon as no fragmented
message is open: it knows the RFC's every rule, and costs two kilobytes that ten thousand idle
connections do not have to keep. Feeding it whole frames only means that it always stands at a frame
boundary, so making and discarding it is safe at any time.

Fairness. uvloop reads one socket until it is dry, so a flood on one connection would hold up every
heartbeat of the others. After `read_budget_frames` frames the connection stops reading, keeps what
is left, and goes on in the next turn of the loop. The same stop serves an owner who pauses reading:
what was read already waits here and is not delivered.

Bounds. A frame longer than `frame_bytes_max` is refused when its header is seen (1009), so the tail
never holds more than one such frame and one read. Nothing the peer sends raises: every violation
ends in a close frame with the RFC's code."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from websockets.frames import Close, Frame, Opcode
from websockets.protocol import CLIENT, OPEN, Protocol

from ..model.endings import Cause, Ending
from ..model.ports import ConnectionSink
from ..runtime.system_errors import in_words
from . import frames
from .frames import PONG_HEAD, TEXT_HEAD
from .settings import TransportSettings


class GuestSocket(asyncio.Protocol):
    """An open connection. It says nothing to its sink before `begin`, and nothing after
    `connection_ended`."""

    __slots__ = (
        "_begun",
        "_close_timer",
        "_closing",
        "_core",
        "_ending",
        "_fragments",
        "_held",
        "_loop",
        "_lost",
        "_pings",
        "_resuming",
        "_settings",
        "_sink",
        "_tail",
        "_transport",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        transport: asyncio.Transport,
        sink: ConnectionSink,
        settings: TransportSettings,
        tail: bytes,
    ) -> None:
        self._loop = loop
        self._transport = transport
        self._sink = sink
        self._settings = settings
        self._tail = tail
        self._core: Protocol | None = None
        self._fragments: list[bytes] | None = None
        self._ending: Ending | None = None
        self._close_timer: asyncio.TimerHandle | None = None
        self._pings = 0
        self._begun = False
        self._closing = False
        self._held = False  # the owner paused reading
        self._resuming = False  # the budget paused reading
        self._lost = False

    def begin(self) -> None:
        """From here on the sink hears us."""
        self._begun = True
        if self._tail:
            tail, self._tail = self._tail, b""
            self.data_received(tail)
        if self._lost:
            self._report()

    # ------------------------------------------------------------------ the Connection port

    def send_text(self, text: bytes) -> None:
        if not self._closing:
            self._transport.write(frames.text_frame(text))

    def ping(self) -> None:
        if not self._closing:
            self._pings += 1
            self._transport.write(frames.ping_frame(self._ping_payload()))

    def close(self, code: int = 1000, reason: str = "") -> None:
        if self._closing:
            return
        self._ending = self._ending or Ending(Cause.CLOSED_BY_US, code, reason)
        self._say_close(code, reason)
        self._close_timer = self._loop.call_later(
            self._settings.close_timeout_s, self._transport.abort
        )
        if self._held:
            self.resume_reading()

    def abort(self) -> None:
        self._ending = self._ending or Ending(Cause.CLOSED_BY_US, 1006)
        self._closing = True
        self._transport.abort()

    def pause_reading(self) -> None:
        if not self._held and not self._transport.is_closing():
            self._held = True
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        if self._held:
            self._held = False
            self._resume_soon()

    def peer(self) -> str:
        found = self._transport.get_extra_info("peername")
        if not isinstance(found, tuple):
            return ""
        host, port = str(found[0]), found[1]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    # ------------------------------------------------------------------ asyncio.Protocol

    def data_received(self, data: bytes) -> None:
        if self._tail:
            data = self._tail + data
        if self._held or self._resuming or not self._begun:
            self._tail = data
            return
        size = len(data) - 4  # nine of ten reads are one whole text of 126 to 65,535 bytes
        if (
            size > 125
            and data[0] == TEXT_HEAD
            and data[1] == 126
            and data[2] << 8 | data[3] == size
            and self._fragments is None
            and not self._closing
            and size <= self._settings.frame_bytes_max
            and (payload := data[4:]).isascii()
        ):
            self._tail = b""
            self._sink.text_received(payload)
            return
        self._tail = self._consume(data)

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self._lost = True
        if self._close_timer is not None:
            self._close_timer.cancel()
        self._ending = self._ending or Ending(Cause.LOST, 1006, _reason(error))
        if self._begun:
            self._report()

    def pause_writing(self) -> None:
        self._sink.writable_changed(False)

    def resume_writing(self) -> None:
        self._sink.writable_changed(True)

    # ------------------------------------------------------------------ reading

    def _consume(self, data: bytes) -> bytes:
        """Handle the whole frames in `data`, up to the budget; return what is left of it."""
        at, size = 0, len(data)
        left = self._settings.read_budget_frames
        while size - at >= 2:
            if self._lost or self._held:
                return data[at:]
            if left == 0:
                self._pause_until_next_turn()
                return data[at:]
            head, second = data[at], data[at + 1]
            if second >= 0x80 or (head != TEXT_HEAD and frames.is_illegal(head, second)):
                self._violated(data[at:])
                return b""
            if second < 126:
                start, length = at + 2, second
            elif second == 126 and size - at >= 4:
                start, length = at + 4, data[at + 2] << 8 | data[at + 3]
            elif (measured := frames.measure(data, at)) is not None:
                start, length = measured
            else:
                break
            if length > self._settings.frame_bytes_max:
                self._fail(
                    1009,
                    f"a frame of {length} bytes is over the limit of"
                    f" {self._settings.frame_bytes_max}",
                )
                return b""
            end = start + length
            if end > size:
                break
            if head == TEXT_HEAD and self._fragments is None:
                payload = data[start:end]
                if self._closing or not payload.isascii():
                    self._text(payload)
                else:
                    self._sink.text_received(payload)
            elif head == PONG_HEAD:
                self._pong(data[start:end])
            else:
                self._through_core(data[at:end])
            left -= 1
            at = end
        return data[at:] if at else data

    def _text(self, payload: bytes) -> None:
        if not payload.isascii():
            try:
                payload.decode()
            except UnicodeDecodeError:
                self._fail(1007, "text that is not UTF-8")
                return
        if not self._closing:
            self._sink.text_received(payload)

    def _pong(self, payload: bytes) -> None:
        if payload == self._ping_payload() and not self._closing:
            self._sink.pong_received()

    def _ping_payload(self) -> bytes:
        return self._pings.to_bytes(4, "big")

    def _violated(self, data: bytes) -> None:
        """A header that no legal frame has: the core says which rule it breaks."""
        self._through_core(data[: 2 + 8 + 125])
        if self._ending is None:
            self._fail(1002, "an illegal frame header")

    def _through_core(self, frame: bytes) -> None:
        core = self._core
        if core is None:
            core = self._core = Protocol(
                CLIENT, state=OPEN, max_size=self._settings.frame_bytes_max
            )
        core.receive_data(frame)
        for event in core.events_received():
            self._core_event(cast(Frame, event))
        if self._lost:
            return
        for data in core.data_to_send():
            if data and not self._closing:
                self._transport.write(data)
        if core.parser_exc is not None:
            self._end_by_core(core)
        elif self._fragments is None:
            self._core = None

    def _core_event(self, event: Frame) -> None:
        if event.opcode in (Opcode.TEXT, Opcode.CONT):
            self._fragment(event)
        elif event.opcode is Opcode.BINARY:
            self._fragments = None if event.fin else []
            self._sink.garbage_received("a binary frame", len(event.data))
        elif event.opcode is Opcode.PING:
            self._sink.ping_received(len(event.data))
        elif event.opcode is Opcode.CLOSE:
            self._closed_by_peer(Close.parse(event.data))

    def _fragment(self, event: Frame) -> None:
        """A text in pieces; the pieces of a binary message are passed over. The core bounds their
        sum."""
        if event.opcode is Opcode.TEXT:
            self._fragments = [b"t"]
        fragments = self._fragments
        if fragments:
            fragments.append(bytes(event.data))
        if event.fin:
            self._fragments = None
            if fragments:
                self._text(b"".join(fragments[1:]))

    # ------------------------------------------------------------------ ending

    def _closed_by_peer(self, close: Close) -> None:
        code = 1005 if close.code is None else int(close.code)
        self._ending = self._ending or Ending(Cause.CLOSED_BY_PEER, code, close.reason)
        if not self._closing:
            self._say_close(1000 if code == 1005 else code, "")
        self._transport.close()

    def _end_by_core(self, core: Protocol) -> None:
        code = (
            int(core.close_sent.code)
            if core.close_sent is not None and core.close_sent.code
            else 1002
        )
        self._ending = self._ending or Ending(
            Cause.PROTOCOL_VIOLATION, code, str(core.parser_exc)[:200]
        )
        self._closing = True
        self._transport.close()

    def _fail(self, code: int, reason: str) -> None:
        self._ending = self._ending or Ending(Cause.PROTOCOL_VIOLATION, code, reason)
        if not self._closing:
            self._say_close(code, reason)
        self._transport.close()

    def _say_close(self, code: int, reason: str) -> None:
        self._closing = True
        self._transport.write(frames.close_frame(code, reason))

    def _report(self) -> None:
        assert self._ending is not None
        sink, self._sink = self._sink, _NOBODY
        sink.connection_ended(self._ending)

    # ------------------------------------------------------------------ turns

    def _pause_until_next_turn(self) -> None:
        self._resuming = True
        self._transport.pause_reading()
        self._loop.call_soon(self._next_turn)

    def _resume_soon(self) -> None:
        if not self._resuming:
            self._resuming = True
            self._loop.call_soon(self._next_turn)

    def _next_turn(self) -> None:
        self._resuming = False
        if self._lost or self._held:
            return
        tail, self._tail = self._tail, b""
        if tail:
            self.data_received(tail)
        if not self._resuming and not self._held and not self._transport.is_closing():
            self._transport.resume_reading()


class _NullSink:
    """The sink of a connection that has ended."""

    def text_received(self, text: bytes) -> None: ...

    def pong_received(self) -> None: ...

    def ping_received(self, size_bytes: int) -> None: ...

    def garbage_received(self, reason: str, size_bytes: int) -> None: ...

    def writable_changed(self, writable: bool) -> None: ...

    def connection_ended(self, ending: Ending) -> None: ...


_NOBODY: Any = _NullSink()


def _reason(error: Exception | None) -> str:
    return in_words(error) if error is not None else "the connection ended without a close frame"
