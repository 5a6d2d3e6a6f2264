"""Of the control API, what needs no client."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

Json = dict[str, Any]


def platform_facts(problem: Json) -> str:
    """What its support asks for of a refusal of the platform's; "" of one of the daemon's own
    (HTTP-3)."""
    names = {
        "platform_status": "status",
        "platform_code": "code",
        "correlation_id": "correlation id",
    }
    facts = [f"{name} {problem[key]}" for key, name in names.items() if problem.get(key)]
    return f"the platform's {', '.join(facts)}" if facts else ""


def what_became(message: str, delivery: Json) -> str:
    """Of a message that did not surely arrive: "'hello' is uncertain: why", "'hello' failed:
    why"."""
    status, reason = delivery.get("status"), delivery.get("reason")
    verb = "is uncertain" if status == "uncertain" else str(status)
    return f"{message} {verb}: {reason}" if reason else f"{message} {verb}"


def session_path(session: str, more: str = "") -> str:
    return f"/v1/sessions/{quote(session, safe='')}{more}"
