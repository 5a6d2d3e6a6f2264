"""The `webchat` dialect: the legacy JSON frames of the design documents (SOCK-1, 3, 4, 6)."""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

from ..model import client_messages as m
from ..model import signals as s
from ..model.errors import CommandError
from ..model.ids import Guest
from ..model.text_length import UTF16_UNITS, utf16_units
from ..model.traits import Beating, FileRules, Ordering, Traits
from .reading import identity_of, passable, text

TRAITS = Traits(
    name="webchat",
    name_required=True,
    ordering=Ordering.BY_SEQUENCE,
    beating=Beating.PING,
    has_history=False,
    confirms=False,
    has_goodbye=False,
    has_context=True,
    deployment_required=False,
    reconnect_codes=frozenset({1001, 1005, 1006, 1011, 1012, 1013}),
    messages_per_s=10.0,
    requests_per_minute=None,
    text_max=4096,
    text_unit=UTF16_UNITS,
    text_length=utf16_units,
    slot_by_rest=True,
    guests_by_email=True,
    file_rules=FileRules(  # SOCK-7
        types=("image/png", "image/jpeg", "application/pdf"), needs_extension=False
    ),
)

#: Of a typing state that is passed on; the documents' words have fewer than ten.
STATE_CHARACTERS_MAX = 64

_NOT_TYPING = frozenset(
    {"", "false", "off", "stop", "stopped", "paused", "idle", "inactive", "gone"}
)

#: RFC 5321 §4.1.2 without quoted parts and address literals; words of any script (RFC 6531 §3.3).
_ATOM = r"[\w!#$%&'*+/=?^`{|}~-]+"
_LABEL = r"[^\W_](?:(?:[^\W_]|-){0,61}[^\W_])?"
_EMAIL = re.compile(rf"(?=[^@]{{1,64}}@){_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})+")


class Webchat:
    traits = TRAITS

    def url(self, base: str) -> str:
        return f"{base.rstrip('/')}/webchat/v1"

    def check_guest(self, guest: Guest) -> None:
        """SOCK-1: a name and a valid e-mail are required before connecting."""
        if not (guest.display_name or guest.name).strip():
            raise CommandError("a webchat guest needs a name", field="name")
        if not _EMAIL.fullmatch(guest.email):
            raise CommandError(
                "a webchat guest needs a valid e-mail address, such as ana@example.org",
                field="email",
            )

    def encode(self, guest: Guest, request: m.ClientMessage) -> bytes | None:
        """The documents know four frames from a guest; there is no typing, no heartbeat and no
        goodbye among them."""
        if isinstance(request, m.Hello):
            info = {"name": guest.display_name or guest.name, "email": guest.email}
            hello = {"type": "connect", "guestInfo": info, "metadata": dict(guest.metadata)}
            return orjson.dumps(hello)
        if isinstance(request, m.SayText):
            return orjson.dumps({"type": "message", "text": request.text})
        if isinstance(request, m.SayReply):
            return orjson.dumps(
                {"type": "message", "text": ", ".join(label for label, _ in request.choices)}
            )
        if isinstance(request, m.SayAttachments):
            attachments = list(request.attachments)
            return orjson.dumps(
                {"type": "message", "text": request.caption, "attachments": attachments}
            )
        if isinstance(request, m.SetContext):
            return orjson.dumps({"type": "setContext", "context": request.context})
        return None

    def decode(self, frame: bytes) -> list[s.Signal]:
        try:
            found = orjson.loads(frame)
        except ValueError:
            return [s.Garbage("not JSON")]
        if type(found) is not dict:
            return [s.Garbage("not a JSON object")]
        if type(found.get("sequenceId")) is float:
            found = _with_long_number(frame, found)
        kind = text(found, "type")
        if kind == "message":
            return self._message(found)
        signals = self._other(kind, found)
        sequence = _sequence(found) if kind != "readReceipt" else ""  # that of a message of ours
        return [*signals, s.SequenceUsed(sequence)] if sequence else signals

    def _other(self, kind: str, found: dict[str, Any]) -> list[s.Signal]:
        """A frame that is not a message."""
        if kind == "typing":
            return [_typing(found.get("state"))]
        if kind == "readReceipt":
            return [s.ReceiptArrived(_sequence(found))]
        if kind == "connect":
            return [s.Joined(new_session=False)]
        if kind == "error":
            return [s.Refused(400, text(found, "message") or text(found, "error"))]
        if kind == "disconnect":
            return [_disconnect(found)]
        return [s.Unknown(kind[:64])] if kind else [s.Garbage("a frame without a type")]

    def decode_history(self, entity: dict[str, Any]) -> list[s.Signal]:
        return []

    def _message(self, found: dict[str, Any]) -> list[s.Signal]:
        """A message without a sequenceId has no identity: it is shown as it comes, and never taken
        for a repetition.

        One that says nothing and has no place is none that we know, such as a frame of another
        dialect; with a place in the order it is an empty message."""
        sequence = _sequence(found)
        attachments = found.get("attachments")
        refused = ""
        if type(attachments) is not list or (attachments and (refused := passable(attachments))):
            attachments = []
        if not (text(found, "text") or attachments or refused or sequence):
            return [s.Unknown("a message without text")]
        message = s.MessageArrived(
            sequence,
            s.OUTBOUND,
            "Text",
            text=text(found, "text"),
            sequence=sequence,
            message_id=sequence,
            sender=text(found, "from"),
            content=attachments,
        )
        return [s.ContentRefused(refused), message] if refused else [message]


def _typing(state: object) -> s.TypingShown:
    """`state` is true, false, or any word; what is not a word for stopping means that someone
    types."""
    if not isinstance(state, str):
        return s.TypingShown(state not in (False, None))
    return s.TypingShown(state.casefold() not in _NOT_TYPING, state=state[:STATE_CHARACTERS_MAX])


def _disconnect(found: dict[str, Any]) -> s.Signal:
    """The documents leave open how the platform ends a conversation; this is how the emulator
    does."""
    match text(found, "reason"):
        case "replaced":
            return s.ConnectionClosed()
        case "expired":
            return s.SessionExpired()
        case "logout":
            return s.LoggedOut()
        case "agent":
            read_only = found.get("readOnly") is True
            return s.MessageArrived(
                "", s.OUTBOUND, "Presence", presence="Disconnect", read_only=read_only
            )
        case reason:
            return s.Unknown(f"disconnect {reason[:48]}")


def _sequence(found: dict[str, Any]) -> str:
    """Sequence ids are strings; a number is read as its digits."""
    value = found.get("sequenceId")
    if type(value) is str:
        return identity_of(value)
    return identity_of(str(value)) if type(value) is int else ""


def _with_long_number(frame: bytes, found: dict[str, Any]) -> dict[str, Any]:
    """A number of more than 64 bits is read as a double, whose last digits are lost; this reads all
    of them."""
    try:
        number = json.loads(frame)["sequenceId"]
    except (ValueError, RecursionError):  # more digits than an integer is ever built from
        return found
    return {**found, "sequenceId": number}
