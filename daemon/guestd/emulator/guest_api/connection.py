"""The WebSocket of one guest.

A connection drives the Sans-I/O server core of `websockets` and writes its own frames: always one
unfragmented text frame per message, and close frames always with a code (real clients need both,
protocol §1.5, §1.6).

Every outgoing frame passes the faults. What they delay, repeat, replace or drop is only the frame:
the world has recorded the message already.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from typing import Protocol, cast
from urllib.parse import parse_qs, unquote, urlsplit

import orjson
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from ...model.json_values import is_text
from .. import GUEST_HEADER, SESSION_HEADER
from ..context import ServerContext
from ..core import frames, storage_urls, webchat_frames
from ..core.faults import FaultRule
from ..core.records import Json
from ..webchat.requests import receive_webchat_frame
from .actions import receive_guest_frame

logger = logging.getLogger("guestd.emulator")

#: Of a guest's name, which is only shown and compared.
GUEST_NAME_MAX = 200

HALF_OPEN_S = 120.0  # a half-open connection is forgotten after this, as a real network forgets it


class GuestServer(ServerContext, Protocol):
    """What a guest's connection may ask of the emulator."""

    def connection_opened(self, connection: GuestConnection) -> None: ...

    def connection_closed(self, connection: GuestConnection) -> None: ...


class GuestConnection(asyncio.Protocol):
    """One guest's WebSocket. `connection_id` is the world's, 0 until the upgrade is done."""

    __slots__ = (
        "_base",
        "_core",
        "_fragments",
        "_frozen",
        "_held",
        "_is_webchat",
        "_late",
        "_server",
        "connection_id",
        "heard_at",
        "opened_at",
        "transport",
    )

    def __init__(self, server: GuestServer) -> None:
        self._server = server
        self._core = ServerProtocol(max_size=server.settings.frame_bytes_max)
        self._fragments: list[bytes] | None = None
        self._frozen = False
        self._is_webchat = False
        self._held: dict[str, list[bytes]] | None = None
        self._late: deque[tuple[float, bytes]] | None = None
        self._base = server.world.base_url
        self.connection_id = 0
        self.opened_at = self.heard_at = 0.0

    @property
    def token(self) -> str:
        connection = self._server.world.connections.get(self.connection_id)
        return connection.token if connection is not None else ""

    # ------------------------------------------------------------------ asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._server.connection_closed(self)

    def eof_received(self) -> bool:
        return False

    def data_received(self, data: bytes) -> None:
        if self._frozen:
            return
        self.heard_at = self._server.loop.time()
        core = self._core
        core.receive_data(data)
        for event in core.events_received():
            if self._frozen or self.transport.is_closing():
                return
            if isinstance(event, Request):
                self._upgrade(event)
            else:
                self._frame(cast(Frame, event))
        self._flush()

    # ------------------------------------------------------------------ the upgrade

    def _upgrade(self, request: Request) -> None:
        server = self._server
        peer = self.transport.get_extra_info("peername") or (None,)
        self._base = server.client_url(peer[0], request.headers.get_all)
        path, _, query = request.path.partition("?")
        refused = server.faults.pick("upgrade", "", server.now())
        if refused is not None:
            return self._refuse(refused.status, "refused by a fault", 1)
        if path not in ("/v1", "/webchat/v1"):
            return self._refuse(404, f"no WebSocket at {path}")
        self._is_webchat = path == "/webchat/v1"
        default = server.settings.deployments[0].id if self._is_webchat else ""
        deployment_id = parse_qs(query).get("deploymentId", [default])[0]
        deployment = server.world.deployment(deployment_id)
        if deployment is None:
            return self._refuse(403, "unknown or inactive deployment")
        origin = request.headers.get("Origin")
        if deployment.allowed_domains and not _is_allowed(origin, deployment.allowed_domains):
            return self._refuse(403, "origin not allowed for this deployment")
        wait_s = server.world.may_connect(deployment, server.now())
        if wait_s > 0:
            server.counters["connects_refused"] += 1
            return self._refuse(429, "too many new connections", int(wait_s) + 1)
        response = self._core.accept(request)
        self._core.send_response(response)
        self._flush()
        if response.status_code == 101:
            guest = unquote(request.headers.get(GUEST_HEADER, ""))[:GUEST_NAME_MAX]
            session = request.headers.get(SESSION_HEADER, "")[:GUEST_NAME_MAX]
            self.connection_id = server.world.connect(deployment, server.now(), guest, session)
            self.opened_at = server.loop.time()
            server.connection_opened(self)
        return None

    def _refuse(self, status: int, text: str, retry_after_s: int | None = None) -> None:
        response = self._core.reject(status, text + "\n")
        if retry_after_s is not None:
            response.headers["Retry-After"] = str(retry_after_s)
        self._core.send_response(response)
        self._flush()

    # ------------------------------------------------------------------ frames in

    def _frame(self, frame: Frame) -> None:
        if frame.opcode is Opcode.CLOSE:
            return
        if frame.opcode is Opcode.TEXT or frame.opcode is Opcode.CONT:
            if self._fragments is None:
                self._fragments = []
            self._fragments.append(bytes(frame.data))
            if frame.fin:
                text = b"".join(self._fragments)
                self._fragments = None
                self._text(text)
        elif frame.opcode is Opcode.BINARY:
            self.close(1003, "text frames only")

    def _text(self, text: bytes) -> None:
        server = self._server
        if not text.isascii():
            try:
                text.decode()
            except UnicodeDecodeError:
                self.close(1007, "text that is not UTF-8")
                return
        server.record("frame", self.token, text)
        rule = server.faults.pick(
            "in", self.token, server.now(), but=() if b'"onMessage"' in text else ("throttle",)
        )
        before = rule is not None and self._fault_before(rule, text)
        if before:
            return
        answer = receive_webchat_frame if self._is_webchat else receive_guest_frame
        server.perform(answer(server.world, self.connection_id, text, server.now()))
        if rule is not None and rule.kind == "drop":
            self.transport.abort()

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

    def deliver(self, frame: Json, at: str = "") -> None:
        """Send a frame, changed by the faults. `at` is its channel.time if it belongs to
        the conversation."""
        if self._frozen or self.transport.is_closing():
            return
        bound = self._server.world.base_url
        payload = storage_urls.with_base(orjson.dumps(frame), bound, self._base)
        rule = self._server.faults.pick("out", self.token, self._server.now()) if at else None
        if self._held and at in self._held:
            self._held[at].append(payload)
        elif rule is None:
            self._write_in_turn(payload, 0.0)
        else:
            self._fault_out(rule, payload, at)

    def _fault_out(self, rule: FaultRule, payload: bytes, at: str) -> None:
        faults = self._server.faults
        match rule.kind:
            case "drop_out":
                self.transport.abort()
            case "mute":
                pass
            case "delay":
                self._write_in_turn(payload, faults.random() * rule.ms / 1000.0)
            case "reorder":
                self._hold(payload, at, faults.random() * rule.ms / 1000.0)
            case "duplicate":
                self._write_in_turn(payload, 0.0)
                self._write_in_turn(payload, 0.0)
            case _:
                if not (rule.kind == "malformed" and rule.mode == "replace"):
                    self._write_in_turn(payload, 0.0)
                self._write_odd(rule, payload)

    def _write_odd(self, rule: FaultRule, payload: bytes) -> None:
        match rule.kind:
            case "malformed":
                self._write(payload[: max(1, len(payload) // 2)])
            case "binary":
                self.transport.write(Frame(Opcode.BINARY, b"\x00\x01\x02").serialize(mask=False))
            case "invalid_utf8":
                self._write(b'{"class":"\xff\xfe"}')
            case "oversize":
                self._write(b'"' + b"x" * (rule.bytes - 2) + b'"')
            case "deep_json":
                self._write(b"[" * rule.depth + b"]" * rule.depth)

    def _hold(self, payload: bytes, at: str, delay_s: float) -> None:
        if self._held is None:
            self._held = {}
        self._held[at] = [payload]
        self._server.loop.call_later(delay_s, self._release, at)

    def _release(self, at: str) -> None:
        for payload in (self._held or {}).pop(at, ()):
            self._write_in_turn(
                payload, 0.0
            )  # behind what is late: one of the late ones may have the same time

    def _write_in_turn(self, payload: bytes, delay_s: float) -> None:
        """Now, or after the frames that are late already: a queue, because timers alone may
        overtake each other."""
        late = self._late
        if late is not None:
            late.append((self._server.loop.time() + delay_s, payload))
        elif delay_s > 0:
            due = self._server.loop.time() + delay_s
            self._late = deque([(due, payload)])
            self._server.loop.call_at(due, self._write_late)
        else:
            self._write(payload)

    def _write_late(self) -> None:
        loop, late = self._server.loop, self._late
        assert late is not None
        while late and late[0][0] <= loop.time() + 1e-3:
            self._write(late.popleft()[1])
        if late:
            loop.call_at(late[0][0], self._write_late)
        else:
            self._late = None

    def _write(self, payload: bytes) -> None:
        if not self._frozen and not self.transport.is_closing() and self._core.state is OPEN:
            size = len(payload)
            if size < 126:
                head = bytes((0x81, size))
            elif size < 65_536:
                head = b"\x81\x7e" + size.to_bytes(2, "big")
            else:
                head = b"\x81\x7f" + size.to_bytes(8, "big")
            self.transport.write(head + payload)

    def close(self, code: int, reason: str = "") -> None:
        if self._core.state is OPEN and not self._frozen:
            self._core.send_close(code, reason)
            self._flush()
            self._server.loop.call_later(5.0, self.transport.abort)

    def _flush(self) -> None:
        if self._frozen or self.transport.is_closing():
            return
        for data in self._core.data_to_send():
            if data:
                self.transport.write(data)
            else:
                self.transport.close()
        if self._core.close_expected() and self._core.close_rcvd is not None:
            self.transport.close()


def _throttled(text: bytes, retry_after_s: int, is_webchat: bool) -> Json:
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
