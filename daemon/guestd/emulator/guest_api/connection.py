"""The WebSocket of one guest.

Nearly every frame of a guest is one whole, unfragmented text frame. Those are unmasked straight
out of the read buffer. For all else (fragments, pings, close frames, anything odd) a core of the
`websockets` library is made, fed exactly one frame, and thrown away again when no fragmented
message is open, so that thirty thousand guests at rest do not keep one each. What is written is
always one unfragmented text frame per message, and close frames have a code (real clients need
both, protocol §1.5, §1.6).

Every outgoing frame that shows a message of the conversation may meet faults. What they delay,
repeat, replace or drop is only the frame: the world has recorded the message already.
"""

from __future__ import annotations

import asyncio
import json
import logging
from functools import lru_cache
from typing import Protocol, cast
from urllib.parse import parse_qs, unquote, urlsplit

from websockets.frames import Close, Frame, Opcode
from websockets.protocol import OPEN, SERVER
from websockets.protocol import Protocol as Core

from ...model.json_values import is_text
from .. import GUEST_HEADER, SESSION_HEADER
from ..context import ServerContext
from ..core import frames, storage_urls, webchat_frames
from ..core.fault_rules import FaultRule
from ..core.records import ConnectionRecord
from ..core.stored_messages import RecordedMessage
from ..webchat.requests import receive_webchat_frame
from .actions import receive_guest_frame
from .disturbed_delivery import DisturbedDelivery
from .handshake import UpgradeAnswer, UpgradeRequest

try:
    from websockets.speedups import apply_mask
except ImportError:  # built without its C part
    from websockets.utils import apply_mask

logger = logging.getLogger("guestd.emulator")

#: Of a guest's name, which is only shown and compared.
GUEST_NAME_MAX = 200

HALF_OPEN_S = 120.0  # a half-open connection is forgotten after this, as a real network forgets it
CLOSE_TIMEOUT_S = 5.0

#: The first byte of a whole text frame.
TEXT_HEAD = 0x81
#: A header with its longest length and the mask.
HEADER_BYTES_MAX = 14


class GuestServer(ServerContext, Protocol):
    """What a guest's connection may ask of the emulator."""

    def connection_opened(self, connection: GuestConnection) -> None: ...

    def connection_closed(self, connection: GuestConnection) -> None: ...


class GuestConnection(asyncio.Protocol):
    """One guest's WebSocket. `connection_id` is the world's, 0 until the upgrade is done."""

    __slots__ = (
        "_base",
        "_core",
        "_disturbed",
        "_fragments",
        "_frozen",
        "_is_closing",
        "_is_webchat",
        "_record",
        "_server",
        "_tail",
        "heard_at",
        "opened_at",
        "transport",
    )

    def __init__(self, server: GuestServer) -> None:
        self._server = server
        self._core: Core | None = None
        self._fragments: list[bytes] | None = None
        self._tail = b""
        self._frozen = False
        self._is_closing = False
        self._is_webchat = False
        self._record: ConnectionRecord | None = None
        self._disturbed: DisturbedDelivery | None = None
        self._base = server.world.base_url
        self.opened_at = self.heard_at = 0.0

    @property
    def connection_id(self) -> int:
        return self._record.id if self._record is not None else 0

    @property
    def token(self) -> str:
        return self._record.token if self._record is not None else ""

    # ------------------------------------------------------------------ asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        if self._disturbed is not None:
            self._disturbed.abandon()
        self._server.connection_closed(self)

    def eof_received(self) -> bool:
        return False

    def data_received(self, data: bytes) -> None:
        if self._frozen:
            return
        server = self._server
        if (server.stall.is_on or not server.faults.is_quiet) and server.stalls():
            self._tail += data
            self.transport.pause_reading()
            server.stall.wait(self._go_on)
            return
        self.heard_at = server.loop.time()
        if self._tail:
            data = self._tail + data
            self._tail = b""
        if self._record is None:
            data = self._upgrade(data)
        size = len(data) - 8  # nearly all reads are one whole text of 126 to 65,535 bytes
        if (
            size > 125
            and data[0] == TEXT_HEAD
            and data[1] == 0xFE
            and data[2] << 8 | data[3] == size
            and self._fragments is None
            and size <= server.settings.frame_bytes_max
            and not self.transport.is_closing()
        ):
            self._text(apply_mask(data[8:], data[4:8]))
            return
        self._tail = self._consume(data)

    def _go_on(self) -> None:
        """The stall is over."""
        if not self.transport.is_closing():
            self.transport.resume_reading()
            self.data_received(b"")

    # ------------------------------------------------------------------ the upgrade

    def _upgrade(self, data: bytes) -> bytes:
        """The head is whole; what follows it."""
        end = data.find(b"\r\n\r\n") + 4
        request = UpgradeRequest(data[:end])
        answer = request.unreadable() if request.path is None else self._answer(request)
        self.transport.write(answer.data)
        if answer.is_open:
            return data[end:]
        self.transport.close()
        return b""

    def _answer(self, request: UpgradeRequest) -> UpgradeAnswer:
        server = self._server
        now = server.now()
        peer = self.transport.get_extra_info("peername") or (None,)
        base = server.client_url(peer[0], request.values)
        self._base = self._base if base == self._base else base
        path, _, query = (request.path or "").partition("?")
        refused = server.faults.pick("upgrade", "", now)
        if refused is not None:
            return request.refuse(refused.status, "refused by a fault", 1)
        if path not in ("/v1", "/webchat/v1"):
            return request.refuse(404, f"no WebSocket at {path}")
        self._is_webchat = path == "/webchat/v1"
        default = server.settings.deployments[0].id if self._is_webchat else ""
        deployment_id = parse_qs(query).get("deploymentId", [default])[0]
        deployment = server.world.deployment(deployment_id)
        if deployment is None:
            return request.refuse(403, "unknown or inactive deployment")
        origin = request.value("Origin")
        if deployment.allowed_domains and not _is_allowed(origin, deployment.allowed_domains):
            return request.refuse(403, "origin not allowed for this deployment")
        wait_s = server.world.may_connect(deployment, now)
        if wait_s > 0:
            server.counters["connects_refused"] += 1
            return request.refuse(429, "too many new connections", int(wait_s) + 1)
        answer = request.accept(int(now))
        if answer.is_open:
            guest = unquote(request.value(GUEST_HEADER) or "")[:GUEST_NAME_MAX]
            session = (request.value(SESSION_HEADER) or "")[:GUEST_NAME_MAX]
            self._record = server.world.connect(deployment, now, guest, session)
            self.opened_at = server.loop.time()
            server.connection_opened(self)
        return answer

    # ------------------------------------------------------------------ frames in

    def _consume(self, data: bytes) -> bytes:
        """Handle the whole frames in `data`; what is left of it."""
        at, size = 0, len(data)
        while size - at >= 2:
            if self._frozen or self.transport.is_closing():
                return b""
            second = data[at + 1]
            length = second & 0x7F
            if second < 0x80:  # not masked: the library refuses it
                self._through_core(data[at : at + HEADER_BYTES_MAX])
                return b""
            start = at + 6
            if length > 125:
                more = 2 if length == 126 else 8
                start += more
                if size < start:
                    break
                length = int.from_bytes(data[at + 2 : at + 2 + more])
                if length > self._server.settings.frame_bytes_max:
                    self._through_core(data[at:start])
                    return b""
            end = start + length
            if end > size:
                break
            if data[at] == TEXT_HEAD and self._fragments is None:
                self._text(apply_mask(data[start:end], data[start - 4 : start]))
            else:
                self._through_core(data[at:end])
            at = end
        return data[at:] if at else data

    def _through_core(self, frame: bytes) -> None:
        core = self._core
        if core is None:
            core = self._core = Core(
                SERVER, state=OPEN, max_size=self._server.settings.frame_bytes_max
            )
        core.receive_data(frame)
        for event in core.events_received():
            self._frame(cast(Frame, event))
        if self._frozen or self.transport.is_closing():
            return
        for data in core.data_to_send():
            if not data:
                self.transport.close()
            elif not self._is_closing:
                self.transport.write(data)
        if core.state is not OPEN:
            self._is_closing = True
        if core.current_size is None:  # no fragmented message is open
            self._core = None

    def _frame(self, frame: Frame) -> None:
        if frame.opcode is Opcode.TEXT:
            self._fragments = []
        if frame.opcode is Opcode.TEXT or frame.opcode is Opcode.CONT:
            if self._fragments is None:  # the rest of a binary message
                return
            self._fragments.append(bytes(frame.data))
            if frame.fin:
                text = b"".join(self._fragments)
                self._fragments = None
                self._text(text)
        elif frame.opcode is Opcode.BINARY:
            self.close(1003, "text frames only")

    def _text(self, text: bytes) -> None:
        server, record = self._server, self._record
        assert record is not None
        if not text.isascii():
            try:
                text.decode()
            except UnicodeDecodeError:
                self.close(1007, "text that is not UTF-8")
                return
        now = server.now()
        server.record("frame", record.token, text, now)
        rule = None if server.faults.is_quiet else self._fault_in(text, now)
        if rule is not None and self._fault_before(rule, text):
            return
        answer = receive_webchat_frame if self._is_webchat else receive_guest_frame
        server.perform(answer(server.world, record.id, text, now))
        if rule is not None and rule.kind == "drop":
            self.transport.abort()

    def _fault_in(self, text: bytes, now: float) -> FaultRule | None:
        but = () if b'"onMessage"' in text else ("throttle",)
        return self._server.faults.pick("in", self.token, now, but=but, request=text)

    def _fault_before(self, rule: FaultRule, text: bytes) -> bool:
        """Apply a fault to an incoming frame; True if the request must not be answered."""
        server = self._server
        match rule.kind:
            case "drop":
                if rule.when == "before" or (
                    rule.when == "random" and server.faults.random() < 0.5
                ):
                    self.transport.abort()
                    return True
                return False
            case "half_open":
                self.freeze()
                return True
            case "close":
                self.close(rule.code, "fault")
                return True
            case "kick":
                self._evict()
                return True
            case "throttle":
                self.deliver(_throttled(text, rule.retry_after_s, self._is_webchat))
                return True
            case "expired_session":
                self._expire()
                return True
        return False

    def _evict(self) -> None:
        server = self._server
        session = server.world.sessions.get(self.token)
        if session is not None:
            server.perform(server.world.evict(session, self.connection_id, ""))

    def _expire(self) -> None:
        server = self._server
        session = server.world.sessions.get(self.token)
        if session is not None:
            server.perform(server.world.expire(session, server.now()))

    def freeze(self) -> None:
        """Half-open: TCP stays up, and nothing is read or written."""
        self._frozen = True
        self._server.loop.call_later(HALF_OPEN_S, self.transport.abort)

    # ------------------------------------------------------------------ frames out

    def deliver(self, payload: bytes, message: RecordedMessage | None = None) -> None:
        """Send a frame, changed by the faults where it shows a message of the conversation."""
        if self._frozen or self.transport.is_closing():
            return
        server = self._server
        bound, faults = server.world.base_url, server.faults
        if self._base != bound:
            payload = storage_urls.with_base(payload, bound, self._base)
        if self._disturbed is not None or (
            message is not None and not faults.is_quiet and faults.has("out")
        ):
            self._deliver_disturbed(payload, message)
        elif not self._is_closing:
            self.transport.write(_text_header(len(payload)) + payload)

    def _deliver_disturbed(self, payload: bytes, message: RecordedMessage | None) -> None:
        disturbed = self._disturbed
        if disturbed is None:
            disturbed = self._disturbed = DisturbedDelivery(self._server, self)
        if message is None:
            disturbed.write_in_turn(payload)
        else:
            disturbed.deliver(payload, message)
        if disturbed.is_over:
            self._disturbed = None

    def write(self, payload: bytes) -> None:
        """As one text frame, at once."""
        if self._frozen or self._is_closing or self.transport.is_closing():
            return
        self.transport.write(_text_header(len(payload)) + payload)

    def close(self, code: int, reason: str = "") -> None:
        """The client answers with its own close frame, or is cut off after a while."""
        if self._is_closing or self._frozen:
            return
        self._is_closing = True
        close = Frame(Opcode.CLOSE, Close(code, reason).serialize())
        self.transport.write(close.serialize(mask=False))
        self._server.loop.call_later(CLOSE_TIMEOUT_S, self.transport.abort)


@lru_cache(maxsize=2048)
def _text_header(size: int) -> bytes:
    """Of a whole text of so many bytes. Nearly all are shorter than two thousand."""
    if size < 126:
        return bytes((TEXT_HEAD, size))
    if size < 65_536:
        return b"\x81\x7e" + size.to_bytes(2, "big")
    return b"\x81\x7f" + size.to_bytes(8, "big")


def _throttled(text: bytes, retry_after_s: int, is_webchat: bool) -> bytes:
    if is_webchat:
        return webchat_frames.error(f"rate limit exceeded; try again after {retry_after_s} s")
    try:
        trace = str(json.loads(text).get("tracingId") or "")
    except (ValueError, AttributeError, RecursionError):
        trace = ""
    if not is_text(trace):
        trace = ""
    return frames.too_many(retry_after_s, "Message rate too high for this session", trace)


def _is_allowed(origin: str | None, domains: tuple[str, ...]) -> bool:
    """Without an Origin the client is not a browser; a mobile SDK sends a bare host (protocol
    §1.2)."""
    if origin is None:
        return False
    try:
        host = urlsplit(origin if "//" in origin else f"//{origin}").hostname or ""
    except ValueError:  # brackets without an IPv6 address
        return False
    return any(host == domain or host.endswith(f".{domain}") for domain in domains)
