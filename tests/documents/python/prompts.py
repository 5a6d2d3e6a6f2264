"""Shows prompts to an agent, waits where the agent's screen is full, and reads how they were
taken."""

from __future__ import annotations

import json
import os
import time
import uuid

from web import PLATFORM, call, token

CONVERSATION, CRM = os.environ["CONVERSATION"], os.environ["CRM"]
AUTO_DISMISS_MS = 10_000


def prompt():
    return {
        "conversationId": CONVERSATION,
        "promptId": str(uuid.uuid4()),
        "triggerConditions": [{"type": "sentiment", "value": "negative", "threshold": 0.7}],
        "displaySettings": {
            "delayMs": 500,
            "maxConcurrentPrompts": 1,
            "autoDismissMs": AUTO_DISMISS_MS,
        },
        "contextData": {"queue": "billing"},
    }


def show(bearer):
    begun = time.monotonic()
    url = f"{PLATFORM}/api/v2/agent-assist/prompt-injections"
    code, body = call("POST", url, prompt(), Authorization=f"Bearer {bearer}")
    latency_ms = (time.monotonic() - begun) * 1000
    if code < 300:
        reported = {
            "eventType": "AGENT_ASSIST_PROMPT_INJECTED",
            "injectionId": body["id"],
            "latencyMs": latency_ms,
        }
        call("POST", CRM, reported, timeout_s=30.0)
    return {
        "auditId": str(uuid.uuid4()),
        "status": "SUCCESS" if code < 300 else "FAILED",
        "code": code,
    }


def adoption(bearer):
    question = {
        "interval": "2020-01-01T00:00:00Z/2100-01-01T00:00:00Z",
        "metricNames": [f"agent-assist.prompt.{one}" for one in ("viewed", "clicked", "dismissed")],
        "pageSize": 1,
        "entityIds": ["all"],
    }
    events = []
    while True:
        url = f"{PLATFORM}/api/v2/analytics/events/query"
        page = call("POST", url, question, Authorization=f"Bearer {bearer}")[1]
        events += page.get("events", [])
        if not page.get("pageToken"):
            return [one["metricName"].rpartition(".")[2] for one in events]
        question["pageToken"] = page["pageToken"]


def main():
    bearer = token(scope="agent-assist:prompt:write analytics:events:read")
    audits = [show(bearer), show(bearer)]
    time.sleep(AUTO_DISMISS_MS / 1000 + 1)
    audits.append(show(bearer))
    refused = show(token(scope="analytics:events:read"))["code"]
    return {"audits": audits, "events": adoption(bearer), "refused": refused}


print(json.dumps(main()))
