"""Events of a guest session as its watcher gets them, read into what a virtual guest hears."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from ...model.journal import EventRow
from ...model.signals import INBOUND
from ..guest import heard as h

Reader = Callable[[bytes], h.Heard | None]


class _Message(msgspec.Struct):
    id: str
    direction: str
    text: str
    sender: str = ""
    bot: bool = False
    late: bool = False
    command_id: str = ""
    content: list[Any] = []


class _Presence(msgspec.Struct):
    direction: str
    presence: str
    read_only: bool = False


class _Session(msgspec.Struct):
    state: str
    reason: str = ""
    first: bool = False


class _Typing(msgspec.Struct):
    on: bool


class _Delivery(msgspec.Struct):
    command_id: str
    status: str
    reason: str = ""
    code: str = ""
    took_ms: float | None = None


class _Gap(msgspec.Struct):
    reason: str


_message = msgspec.json.Decoder(_Message).decode
_presence = msgspec.json.Decoder(_Presence).decode
_session = msgspec.json.Decoder(_Session).decode
_typing = msgspec.json.Decoder(_Typing).decode
_delivery = msgspec.json.Decoder(_Delivery).decode
_gap = msgspec.json.Decoder(_Gap).decode


def _read_message(payload: bytes) -> h.Heard:
    one = _message(payload)
    if one.direction == INBOUND:
        return h.EchoHeard(one.command_id, one.id, one.text)
    return h.MessageHeard(one.id, one.text, one.sender, one.bot, one.content, one.late)


def _read_presence(payload: bytes) -> h.Heard:
    one = _presence(payload)
    return h.PresenceHeard(one.presence, one.read_only)


def _read_session(payload: bytes) -> h.Heard | None:
    one = _session(payload)
    match one.state:
        case "live":
            return h.Live(one.first)
        case "resting":
            return h.Resting(one.reason)
        case "ended":
            return h.SessionOver(one.reason)
    return None


def _read_typing(payload: bytes) -> h.Heard | None:
    return h.TypingHeard() if _typing(payload).on else None


def _read_delivery(payload: bytes) -> h.Heard:
    one = _delivery(payload)
    took_s = one.took_ms / 1000 if one.took_ms is not None else None
    return h.Settled(one.command_id, one.status, one.reason, one.code, took_s)


_READERS: dict[str, Reader] = {
    "message": _read_message,
    "presence": _read_presence,
    "session": _read_session,
    "typing": _read_typing,
    "delivery": _read_delivery,
    "gap": lambda payload: h.GapHeard(_gap(payload).reason),
}


def heard_in(row: EventRow) -> h.Heard | None:
    """None for what a virtual guest does not ask about."""
    read = _READERS.get(row.kind)
    return read(row.payload) if read is not None else None
