"""Opens a messaging session by REST, keeps it alive with heartbeats, ends it, tells a CRM of
both."""

from __future__ import annotations

import json
import os
import secrets
import time
import uuid
from datetime import UTC, datetime

from web import PLATFORM, call, token

QUEUE, CRM = os.environ["QUEUE"], os.environ["CRM"]
DURATION_S = 10


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def main():
    bearer = token()

    def messaging(method, path, body):
        url = f"{PLATFORM}/api/v2/conversations/messaging{path}"
        return call(method, url, body, Authorization=f"Bearer {bearer}")[0]

    def beat():
        context = {"lastActivityTimestamp": now(), "heartbeatSequence": time.time_ns() // 1_000_000}
        return messaging("PATCH", f"/{opening['id']}", {"context": context})

    def tell(state):
        call("POST", CRM, {"conversationId": opening["id"], "state": state, "timestamp": now()})

    guest = f"jwt_{secrets.token_hex(16)}"
    opening = {
        "id": str(uuid.uuid4()),
        "from": {"id": guest, "name": "Guest", "type": "user"},
        "to": [{"id": QUEUE, "type": "queue"}],
        "type": "messaging",
        "channelAddress": "web",
        "context": {
            "locale": "en-US",
            "capabilities": ["typing-indicator", "read-receipts"],
            "userAgent": "doc/1",
        },
        "metadata": {
            "sessionDurationLimit": DURATION_S,
            "guestIdToken": guest,
            "initiatedAt": now(),
        },
    }
    opened = messaging("POST", "", opening)
    tell("connected")
    beats = []
    for _ in range(3):
        time.sleep(min(30.0, DURATION_S / 10))
        beats.append(beat())
    ended = messaging("PATCH", f"/{opening['id']}", {"status": "disconnected"})
    tell("terminated")
    late = beat()
    bad = {
        **opening,
        "id": str(uuid.uuid4()),
        "context": {**opening["context"], "capabilities": ["read-receipts"]},
    }
    refused = messaging("POST", "", bad)
    reported = {"id": opening["id"], "opened": opened, "beats": beats, "ended": ended}
    return {**reported, "afterwards": late, "refused": refused}


print(json.dumps(main()))
