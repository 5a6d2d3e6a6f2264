"""The faults of one call to the platform API, as rules for the emulator."""

from __future__ import annotations

from typing import Any

Rule = dict[str, Any]


def _status(status: int, **more: Any) -> Rule:
    return {"kind": "http_status", "status": status, "when": "before", **more}


CALL_FAULTS: dict[str, Rule] = {
    "401": _status(401),
    "403": _status(403),
    "404": _status(404),
    "409": _status(409),
    "429, Retry-After in seconds": _status(429),
    "429, Retry-After as a date": _status(429, retry_after_form="date"),
    "500 before it acted": _status(500),
    "500 after it acted": _status(500, when="after"),
    "502": _status(502),
    "503": _status(503),
    "time-out before it acted": {"kind": "no_answer", "when": "before"},
    "time-out after it acted": {"kind": "no_answer", "when": "after"},
    "reset before it acted": {"kind": "reset", "when": "before"},
    "reset after it acted": {"kind": "reset", "when": "after"},
    "slow body": {"kind": "slow_body", "ms": 60_000},
    "malformed JSON": {"kind": "broken_json"},
}

#: Those that an answer is waited for in vain.
WITHOUT_ANSWER = ("time-out before it acted", "time-out after it acted", "slow body")
