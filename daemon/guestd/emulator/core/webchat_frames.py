"""The legacy dialect's frames to a guest: bare, with a `type` (SOCK-3).

The documents have `connect`, `message`, `typing` and `readReceipt`. They leave open how a refusal
looks and how a conversation ends; for these there are `error` and `disconnect`, which their program
prints as unrecognized and lives on."""

from __future__ import annotations

from typing import Literal

import orjson

from .stored_messages import Json

#: Why the platform ends it: another connection took the place, the session was too old, a logout,
#: the agent.
Reason = Literal["replaced", "expired", "logout", "agent"]

CONNECTED = orjson.dumps({"type": "connect"})


def message(text: str, sequence: str) -> bytes:
    return orjson.dumps({"type": "message", "text": text, "sequenceId": sequence})


def typing(state: str | bool) -> bytes:
    return orjson.dumps({"type": "typing", "state": state})


def read_receipt(sequence: str) -> bytes:
    return orjson.dumps({"type": "readReceipt", "sequenceId": sequence})


def error(why: str) -> bytes:
    return orjson.dumps({"type": "error", "message": why})


def disconnect(reason: Reason, read_only: bool = False) -> bytes:
    frame: Json = {"type": "disconnect", "reason": reason}
    return orjson.dumps({**frame, "readOnly": True} if read_only else frame)


def labels(body: Json) -> str:
    """What a structured message says in a dialect that has text only."""
    replies = [
        item.get("quickReply") for item in body.get("content") or () if isinstance(item, dict)
    ]
    return ", ".join(str(one.get("text", "")) for one in replies if isinstance(one, dict))
