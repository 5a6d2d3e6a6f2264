"""Makes a guest: the queue is looked up, a token signed, a contact registered, a conversation
opened, a CRM told."""

from __future__ import annotations

import json
import os
import time
import uuid

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from web import PLATFORM, call, token

QUEUE, CRM, AUDIT_FILE = (os.environ[name] for name in ("QUEUE", "CRM", "AUDIT_FILE"))
KEY_ID = "webchat-guest-key-v1"
KEY = rsa.generate_private_key(65537, 2048)
GUEST = "user-8842"
ATTRIBUTES = {"source": "web-portal", "tier": 1, "vip": True}


def signed():
    now = int(time.time())
    claims = {"guestId": GUEST, **ATTRIBUTES, "iat": now, "exp": now + 300}
    made = jwt.encode(claims, KEY, "RS256", {"kid": KEY_ID})
    assert jwt.decode(made, KEY.public_key(), ["RS256"])["guestId"] == GUEST
    return made


def create(key, guest_token):
    begun = time.monotonic()
    bearer = {"Authorization": f"Bearer {token('/api/v2/oauth/token')}"}
    api = f"{PLATFORM}/api/v2"
    assert call("GET", f"{api}/routing/queues/{QUEUE}", **bearer)[0] == 200
    address = f"guest-{GUEST}"
    contact = {"type": "webchat", "address": address, "externalContactId": GUEST}
    contact["customAttributes"] = {"guestToken": guest_token, **ATTRIBUTES}
    url = f"{api}/externalcontacts/contacts"
    status, found = call("POST", url, contact, **bearer, Idempotency_Key=f"{key}-contact")
    messaging = {
        "contactId": address,
        "routingData": {"queueId": QUEUE, "skillRequirements": []},
        "customAttributes": {"sessionToken": guest_token, "routingTarget": QUEUE},
    }
    url = f"{api}/conversations/messaging"
    opened, conversation = call(
        "POST", url, messaging, **bearer, Idempotency_Key=f"{key}-conversation"
    )
    latency_ms = (time.monotonic() - begun) * 1000
    made = {"contactId": found.get("id"), "conversationId": conversation.get("id")}
    with open(AUDIT_FILE, "a") as audit:
        audit.write(
            json.dumps({"guestId": GUEST, "action": "session.create", "latencyMs": latency_ms})
            + "\n"
        )
    data = {**made, "initializationLatencyMs": latency_ms}
    call("POST", CRM, {"event": "webchat.session.created", "data": data}, timeout_s=30.0)
    return {"statuses": [status, opened], **made}


def main():
    key, guest_token = f"webchat-session-{uuid.uuid4()}", signed()
    first, again = create(key, guest_token), create(key, guest_token)
    return {
        "first": first,
        "again": again,
        "second": create(f"webchat-session-{uuid.uuid4()}", signed()),
    }


print(json.dumps(main()))
