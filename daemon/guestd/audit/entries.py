"""What the audit says of an event, and the chain that its lines make (AUDIT-1, AUDIT-2, ASSIST-5).

A line is a JSON object that ends with `"prev"` and `"hash"`: the hash of the line before, and the
SHA-256 of the line itself as it stands, up to and including `prev` (closed with a brace). So a line
can be changed only together with all that follow.
`n` counts from 1 without holes through all files. The first line's `prev` is sixty-four zeros.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Any

import orjson

from ..model.endings import ASKED_FOR, CAUSE_BY_WORD
from ..model.journal import StoredEvent
from ..model.times import iso_of_ms
from ..observe.redaction import body_digest, without_bodies, without_secrets

GENESIS = "0" * 64
#: The action of a line with which a new file begins after damage was found.
BREAK = "audit.break"
#: The kind of an event that the journal has found damaged, and gives without its content.
DAMAGED = "damaged"
_HASH_AT = len(',"hash":""}') + 64

_SESSION_ACTIONS = {"live": "session.connected", "ended": "session.ended"}
_COMPLIANCE = ("auditId", "complianceTag", "retentionPolicy", "status")


def entry(kept: StoredEvent, bodies: bool, retention_days: int) -> dict[str, Any] | None:
    """The line of an event, without its place in the chain; None if the audit does not keep it. An
    event that cannot be read has a line that says so: the audit goes on with the next."""
    kind = kept.row.kind
    if kind not in KINDS:
        return None
    try:
        found = (
            _WRITERS[kind](orjson.loads(kept.row.payload), bodies, retention_days)
            if kind != DAMAGED
            else _damaged(kind)
        )
    except (ValueError, LookupError, TypeError, AttributeError):
        found = _damaged(kind)
    if found is None:
        return None
    session, seq = kept.row.session_id, kept.row.seq
    place = {
        "time": iso_of_ms(kept.at_ms),
        "offset": kept.offset,
        **({"session": session} if session else {}),
        "seq": seq,
    }
    return {
        **place,
        **{name: value for name, value in found.items() if value not in ("", None, {})},
    }


def _damaged(kind: str) -> dict[str, Any]:
    return {
        "action": "journal.damaged",
        "status": "failed",
        "details": {"kind": kind} if kind != DAMAGED else {},
    }


def seal(n: int, line: dict[str, Any], prev: str) -> tuple[bytes, str]:
    """The line as it is written, newline included, and its hash."""
    body = orjson.dumps({"n": n, **line, "prev": prev})
    own = sha256(body).hexdigest()
    return body[:-1] + b',"hash":"%s"}\n' % own.encode(), own


def unseal(raw: bytes) -> dict[str, Any] | None:
    """The line, or None if it is not as it was written. `raw` is without its newline."""
    body, tail = raw[:-_HASH_AT], raw[-_HASH_AT:]
    if tail != b',"hash":"%s"}' % sha256(body + b"}").hexdigest().encode():
        return None
    try:
        found = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    is_ours = (
        isinstance(found, dict)
        and isinstance(found.get("n"), int)
        and isinstance(found.get("prev"), str)
    )
    return found if is_ours else None


def identity(line: dict[str, Any]) -> tuple[Any, ...]:
    """Which event of which journal a line is about: the same event is not written twice."""
    return line.get("offset"), line.get("session"), line.get("seq"), line.get("time")


def _fact(fact: dict[str, Any], bodies: bool, retention_days: int) -> dict[str, Any]:
    details = (without_secrets if bodies else without_bodies)(dict(fact.get("details") or {}))
    session, idempotency_key, latency_ms = (
        details.pop("session_id", ""),
        details.pop("idempotency_key", ""),
        details.pop("latency_ms", None),
    )
    error = {
        name: details.pop(name)
        for name in list(details)
        if name.startswith("error") or name == "platform_code"
    }
    compliance = {}
    if details.get("complianceTag"):
        compliance = {name: details.pop(name) for name in _COMPLIANCE if name in details}
        compliance["retentionPolicy"] = f"{retention_days}_DAYS"
    return {
        "action": fact["action"],
        "status": fact["status"],
        "session": session,
        "conversation": fact.get("conversation_id", ""),
        "operation": fact.get("operation_id", ""),
        "idempotency_key": idempotency_key,
        "latency_ms": latency_ms,
        "error": error,
        "compliance": compliance,
        "details": {name: one for name, one in details.items() if one not in ("", None)},
    }


def _session(event: dict[str, Any], bodies: bool, retention_days: int) -> dict[str, Any] | None:
    action = _SESSION_ACTIONS.get(event["state"])
    if action is None:
        return None
    reason = event.get("reason", "")
    cause = CAUSE_BY_WORD.get(reason)  # None for a live, and for words of earlier versions
    error = {}
    if cause is not None and cause not in ASKED_FOR:
        error = {"error_code": reason, "error_message": cause.meaning}
    return {
        "action": action,
        "status": "failed" if error else "success",
        "latency_ms": event.get("latency_ms"),
        "error": error,
        "details": {"reason": reason},
    }


def _accepted(event: dict[str, Any], bodies: bool, retention_days: int) -> dict[str, Any]:
    text = event.get("text", "")
    details: dict[str, Any] = {"action": event["action"]}
    if text:
        details["text"] = without_secrets(text) if bodies else body_digest(text)
    return {
        "action": "command.accepted",
        "status": "attempt",
        "idempotency_key": event["command_id"],
        "details": details,
    }


def _delivery(event: dict[str, Any], bodies: bool, retention_days: int) -> dict[str, Any]:
    """Events of earlier versions have no codes."""
    is_well = not event.get("reason")
    error = {
        "error_code": event.get("code") or event["status"],
        "error_message": without_secrets(event.get("reason", "")),
        "error_status": event.get("platform_status"),
        "platform_code": event.get("platform_code"),
    }
    details = {name: event.get(name) for name in ("message_id", "correlation_id")}
    return {
        "action": "command.settled",
        "status": event["status"],
        "idempotency_key": event["command_id"],
        "latency_ms": event.get("latency_ms"),
        "error": {} if is_well else {name: one for name, one in error.items() if one},
        "details": {name: one for name, one in details.items() if one},
    }


_Writer = Callable[[dict[str, Any], bool, int], dict[str, Any] | None]
_WRITERS: dict[str, _Writer] = {
    "fact": _fact,
    "session": _session,
    "accepted": _accepted,
    "delivery": _delivery,
}
KINDS = (*_WRITERS, DAMAGED)
