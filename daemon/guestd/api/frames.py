"""The simulator's frames: what a frontend may send (SIM-1), and the answers (SIM-2).

    {"action": "send", "text": …}
    {"action": "context", "data": {…}}
    {"action": "upload", "filename": …, "contentType": …, "buffer": base64 or {"type": "Buffer",
    "data": [0..255, …]}, "caption"?} {"action": "reply", "type": "QuickReply", "text": …,
    "payload": …, "in_reply_to"?: …}
    {"action": "withdraw", "target": the command_id of an upload}
    {"action": "link", "attachment_id": …}
    {"action": "typing"}    {"action": "end"}    {"action": "resume", "since": 12}

A send, reply or upload may say `"when_down": "queue"` or `"reject"`: what is to become of it while
a lost connection is not back.

Any of them may carry a `command_id`: then success is answered too, {"ok": true, "command_id": …,
"seq": …}, and the same id again gets the same answer again; a link's success is always answered,
with its `result`. An error is {"error": message, "code": stable word, "field"?, "command_id"?};
`not_ready` has the guest session's "state" and "retry_after_ms" as well.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import Any

from ..model.commands import (
    Command,
    Context,
    End,
    RenewDownloadLink,
    Reply,
    Send,
    Typing,
    WhenDown,
    Withdraw,
)
from ..model.errors import CommandError, NotReady
from ..model.ids import COMMAND_ID_CHARS_MAX
from ..model.json_values import is_text, refusal_of
from .unknown_fields import unknown_field

#: The largest integer that every JSON reader represents exactly.
SEQ_MAX = 2**53 - 1

Json = dict[str, Any]

#: What a command's field is called in a frame, where that is not the same.
_FIELDS = {"content_type": "contentType", "size_bytes": "buffer"}


@dataclass(slots=True, frozen=True)
class ResumeFrame:
    """Not a command: show again what came after `since`."""

    since: int


@dataclass(slots=True, frozen=True)
class UploadFrame:
    """Not yet a command: the bytes must be on disk first (SIM-1)."""

    command_id: str
    filename: str
    content_type: str
    buffer: bytes
    caption: str
    when_down: WhenDown = ""


@dataclass(slots=True, frozen=True)
class ParsedFrame:
    """A parsed frame: the command, and whether to answer success."""

    command: Command | ResumeFrame | UploadFrame
    answered: bool

    @property
    def command_id(self) -> str:
        return "" if isinstance(self.command, ResumeFrame) else self.command.command_id


def parse(text: str, draw_id: Callable[[], str], when_down: WhenDown = "") -> ParsedFrame:
    """`when_down`: that of the socket, for messages that do not give their own. Raises
    CommandError."""
    frame = _load(text)
    command_id = frame.get("command_id")
    if command_id is not None and not (
        isinstance(command_id, str) and 0 < len(command_id) <= COMMAND_ID_CHARS_MAX
    ):
        raise CommandError(
            f"command_id must be a string of 1 to {COMMAND_ID_CHARS_MAX} characters",
            field="command_id",
        )
    action = frame.get("action")
    read = _READ.get(action) if isinstance(action, str) else None
    if read is None:
        raise CommandError(
            f"action must be one of {', '.join(_READ)}", code="unknown_action", field="action"
        )
    known = _KNOWN[str(action)]
    if not frame.keys() <= known:
        unknown = next(key for key in frame if key not in known)
        raise unknown_field(unknown, known, f"a frame with the action {action}")
    if when_down:
        frame.setdefault("when_down", when_down)
    needs_id = (
        command_id is None and action != "resume"
    )  # to draw one is a call of the operating system
    return ParsedFrame(
        read(frame, draw_id() if needs_id else command_id or ""), command_id is not None
    )


def command_id_of(text: str) -> str | None:
    """The command id of an invalid frame, for the error; None if it has none."""
    try:
        found = json.loads(text).get("command_id")
    except (ValueError, RecursionError, AttributeError):
        return None
    return (
        found
        if isinstance(found, str) and len(found) <= COMMAND_ID_CHARS_MAX and is_text(found)
        else None
    )


def error_frame(error: CommandError, command_id: str | None = None) -> Json:
    frame: Json = {"error": str(error), "code": error.code}
    if error.field:
        frame["field"] = _FIELDS.get(error.field, error.field)
    if isinstance(error, NotReady):
        frame |= {"state": error.state, "retry_after_ms": ceil(error.retry_after_s * 1000)}
    if command_id:
        frame["command_id"] = command_id
    return frame


def _load(text: str) -> Json:
    try:
        frame = json.loads(text, parse_constant=_no_number)
    except RecursionError:
        raise CommandError("the frame is nested too deep", code="bad_json") from None
    except ValueError as error:
        raise CommandError(f"the frame is not JSON: {str(error)[:100]}", code="bad_json") from None
    if not isinstance(frame, dict):
        raise CommandError("the frame must be a JSON object", code="bad_json")
    _check_writable(frame)
    return frame


def _check_writable(frame: Json) -> None:
    """Refuse what could not be encoded again, in whatever field. A buffer's bytes are checked
    later."""
    for key, value in frame.items():
        if not is_text(key):
            raise CommandError(
                "a field's name contains half a surrogate pair, which is not text", field="frame"
            )
        if key != "buffer" and (refused := refusal_of(key[:64], value)) is not None:
            raise refused


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is not a JSON number")


def _text(frame: Json, key: str) -> str:
    value = frame.get(key)
    if not isinstance(value, str):
        raise CommandError(f"{key} must be a string", field=key)
    return value


def _send(frame: Json, command_id: str) -> Send:
    return Send(command_id, _text(frame, "text"), when_down=_when_down(frame))


def _when_down(frame: Json) -> WhenDown:
    return when_down_of(frame.get("when_down", ""))


def when_down_of(value: object) -> WhenDown:
    """Raises CommandError."""
    if value == "queue":
        return "queue"
    if value == "reject":
        return "reject"
    if value == "":
        return ""
    raise CommandError("when_down must be queue or reject", field="when_down")


def _context(frame: Json, command_id: str) -> Context:
    data = frame.get("data")
    if not isinstance(data, dict):
        raise CommandError("data must be a JSON object", field="data")
    return Context(command_id, data)


def _reply(frame: Json, command_id: str) -> Reply:
    origin = frame.get("in_reply_to", "")
    if not isinstance(origin, str):
        raise CommandError(
            "in_reply_to must be a string, the id of the message answered", field="in_reply_to"
        )
    kind = frame.get("type", "QuickReply")
    choice = (_text(frame, "text"), _text(frame, "payload"))
    kind = kind if isinstance(kind, str) else ""
    return Reply(command_id, kind, (choice,), origin, _when_down(frame))


def _typing(frame: Json, command_id: str) -> Typing:
    return Typing(command_id)


def _end(frame: Json, command_id: str) -> End:
    return End(command_id)


def _resume(frame: Json, command_id: str) -> ResumeFrame:
    return ResumeFrame(since_of(frame.get("since")))


def since_of(value: object) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 18:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= SEQ_MAX:
        raise CommandError(
            f"since must be the last seq you have, an integer from 0 to {SEQ_MAX}", field="since"
        )
    return value


def _upload(frame: Json, command_id: str) -> UploadFrame:
    filename, content_type = _text(frame, "filename"), _text(frame, "contentType")
    caption = _text(frame, "caption") if frame.get("caption") is not None else ""
    when_down, buffer = _when_down(frame), _buffer(frame.get("buffer"))
    if not buffer:
        raise CommandError("the file is empty; send one with a byte at least", field="buffer")
    return UploadFrame(command_id, filename, content_type, buffer, caption, when_down)


def _withdraw(frame: Json, command_id: str) -> Withdraw:
    return Withdraw(command_id, _text(frame, "target"))


def _link(frame: Json, command_id: str) -> RenewDownloadLink:
    return RenewDownloadLink(command_id, _text(frame, "attachment_id"))


def _buffer(value: object) -> bytes:
    """Base64, or the JSON form of a Node.js Buffer."""
    if isinstance(value, str):
        try:
            return base64.b64decode(value, validate=True)
        except ValueError:  # also a character that is not ASCII
            raise CommandError("buffer must be base64", field="buffer") from None
    if (
        isinstance(value, dict)
        and value.get("type") == "Buffer"
        and isinstance(value.get("data"), list)
    ):
        return _bytes_of(value["data"])
    raise CommandError('buffer is base64 or {"type": "Buffer", "data": [...]}', field="buffer")


def _bytes_of(numbers: list[Any]) -> bytes:
    try:
        if set(map(type, numbers)) <= {int}:  # `true` is not a byte
            return bytes(numbers)
    except (ValueError, OverflowError):
        pass
    raise CommandError("buffer.data must be a list of integers from 0 to 255", field="buffer")


_READ: dict[str, Callable[[Json, str], Command | ResumeFrame | UploadFrame]] = {
    "send": _send,
    "context": _context,
    "upload": _upload,
    "withdraw": _withdraw,
    "link": _link,
    "reply": _reply,
    "typing": _typing,
    "end": _end,
    "resume": _resume,
}

_OF_ACTION: dict[str, tuple[str, ...]] = {
    "send": ("text", "when_down"),
    "context": ("data",),
    "upload": ("filename", "contentType", "buffer", "caption", "when_down"),
    "withdraw": ("target",),
    "link": ("attachment_id",),
    "reply": ("type", "text", "payload", "in_reply_to", "when_down"),
    "typing": (),
    "end": (),
    "resume": ("since",),
}
#: By action, every field that its frame may have.
_KNOWN = {action: frozenset((*of, "action", "command_id")) for action, of in _OF_ACTION.items()}
