"""The legacy dialect's frames to a guest: bare, with a `type` (SOCK-3).

The documents have `connect`, `message`, `typing` and `readReceipt`. They leave open how a refusal
looks and how a conversation ends; for these there are `error` and `disconnect`, which their program
prints as unrecognized and lives on."""

from __future__ import annotations

from typing import Any, Literal

Json = dict[str, Any]

#: Why the platform ends it: another connection took the place, the session was too old, a logout,
#: the agent.
Reason = Literal["replaced", "expired", "logout", "agent"]

CONNECTED: Json = {"type": "connect"}


def message(text: str, sequence: str) -> Json:
    return {"type": "message", "text": text, "sequenceId": sequence}


def typing(state: str | bool) -> Json:
    return {"type": "typing", "state": state}


def read_receipt(sequence: str) -> Json:
    return {"type": "readReceipt", "sequenceId": sequence}


def error(why: str) -> Json:
    return {"type": "error", "message": why}


def disconnect(reason: Reason, read_only: bool = False) -> Json:
    return {"type": "disconnect", "reason": reason, **({"readOnly": True} if read_only else {})}


def labels(body: Json) -> str:
    """What a structured message says in a dialect that has text only."""
    replies = [
        item.get("quickReply") for item in body.get("content") or () if isinstance(item, dict)
    ]
    return ", ".join(str(one.get("text", "")) for one in replies if isinstance(one, dict))
