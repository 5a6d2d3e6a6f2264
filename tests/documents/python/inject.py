"""Injects messages into a running interaction, checks what came back, tells a case system, keeps an
audit file."""

from __future__ import annotations

import base64
import json
import os
import re
import time
import uuid
from datetime import UTC, datetime, timedelta

from web import CLIENT, PLATFORM, SECRET, call

CONVERSATION, CRM, AUDIT_FILE = (os.environ[name] for name in ("CONVERSATION", "CRM", "AUDIT_FILE"))
TEXT_MAX = 4096


def token() -> str:
    basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
    url = f"{PLATFORM}/login/oauth2/v2/token?grant_type=client_credentials"
    return call("POST", url, b"", Authorization=f"Basic {basic}")[1]["access_token"]


def payload(messages):
    for index, one in enumerate(messages):
        content = one["html"] if one["type"] == "html" else one["text"]
        if (
            one["from"] not in ("agent", "customer", "bot", "system")
            or not 0 < len(content) <= TEXT_MAX
        ):
            raise ValueError(f"message {index}")
    return {
        "interactionId": CONVERSATION,
        "idempotencyKey": str(uuid.uuid4()),
        "messages": messages,
    }


def inject(body, bearer):
    begun = time.perf_counter()
    headers = {"Authorization": f"Bearer {bearer}", "Idempotency_Key": body["idempotencyKey"]}
    status, data = call("POST", f"{PLATFORM}/api/v2/interactions/chat/inject", body, **headers)
    if status >= 300:
        raise ValueError(
            f"{status}: {(data.get('errors') or [{}])[0].get('message', 'no message')}"
        )
    return status, data, (time.perf_counter() - begun) * 1000


def verified(data, sent):
    assert isinstance(data, list), "the answer is not a list"
    times = [one["timestamp"] for one in data]
    numbers = [[int(part) for part in re.findall(r"\d+", one["id"])] for one in data]
    assert times == sorted(set(times)) and numbers == sorted(numbers), "order"
    return {
        "messageCount": len(data),
        "sequenceMatch": len(data) == len(sent),
        "lastMessageId": data[-1]["id"],
    }


def iso(moment):
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def main():
    bearer = token()
    headers = {"Authorization": f"Bearer {bearer}"}
    _, interaction = call("GET", f"{PLATFORM}/api/v2/interactions/chat/{CONVERSATION}", **headers)
    now = datetime.now(UTC)
    messages = [
        {"type": "text", "from": "agent", "text": "Your case is open.", "timestamp": iso(now)},
        {
            "type": "html",
            "from": "system",
            "html": "<b>Case</b> 4711",
            "timestamp": iso(now + timedelta(milliseconds=100)),
        },
    ]
    body = payload(messages)
    status, data, latency_ms = inject(body, bearer)
    again = inject(body, bearer)[1]
    entry = {
        "timestamp": iso(now),
        "interactionId": CONVERSATION,
        "idempotencyKey": body["idempotencyKey"],
    }
    entry |= {"latencyMs": latency_ms, "status": status, **verified(data, messages)}
    with open(AUDIT_FILE, "a") as audit:
        audit.write(json.dumps(entry) + "\n")
    call("POST", CRM, {"event": "chat.injection.completed", "data": entry}, timeout_s=30.0)
    try:
        inject(
            payload([{"type": "text", "from": "agent", "text": "x", "timestamp": iso(now)}]),
            "not-a-token",
        )
        refused = ""
    except ValueError as error:
        refused = str(error)
    ids, ids_again = ([one["id"] for one in found] for found in (data, again))
    return {
        "before": interaction["state"],
        "ids": ids,
        "idsAgain": ids_again,
        "entry": entry,
        "refused": refused,
    }


print(json.dumps(main()))
