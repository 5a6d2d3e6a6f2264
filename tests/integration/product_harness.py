"""Of the daemon as `guestd serve` has it: a webhook receiver, a prompt, and the lines of the audit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from guestd.audit.verify import select
from tests.webhooks.harness import Receiver

PROMPT_ID = "77ab0000-0000-4000-8000-000000000001"


DISPLAY = {"delayMs": 1000, "maxConcurrentPrompts": 1, "autoDismissMs": 10_000}


def hooks(crm: Receiver, *events: str, **more: Any) -> dict[str, Any]:
    """The section [webhooks] with that receiver."""
    target = {
        "name": "crm",
        "url": crm.url,
        "secrets": ["0123456789abcdef"],
        "allow_internal": ["127.0.0.1"],
    }
    figures = {"retry_base_s": 0.01, "retry_cap_s": 0.02, "circuit_failures": 99}
    # a machine under load answers late, and a webhook is then sent again
    figures |= {"time_out_s": 60.0, "prompt_time_out_s": 60.0}
    return {
        "targets": [{**target, "events": list(events)}],
        "operation_allow_internal": ["127.0.0.1"],
        **figures,
        **more,
    }


def wish(conversation_id: str, operation_id: str, **more: Any) -> dict[str, Any]:
    settings = {
        "conversationId": conversation_id,
        "promptId": PROMPT_ID,
        "displaySettings": DISPLAY,
    }
    return {**settings, "operation_id": operation_id, **more}


def audited(directory: Path, *actions: str) -> list[dict[str, Any]]:
    return [line for line in select(directory / "audit") if line["action"] in actions]


def outcomes(directory: Path, *actions: str) -> list[dict[str, Any]]:
    """Without the lines that stand before an attempt."""
    return [one for one in audited(directory, *actions) if one["status"] != "attempt"]
