"""A program of each design document's own kind does what the document does, against `guestd
emulate` and the simulator.

The programs are in Node.js, as the documents', and stand once more in Python for machines without
Node.js. Nothing in them knows guestd: they speak HTTP and WebSocket to an address that they are
given."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import urllib.request
import uuid
from pathlib import Path

import pytest

from .receiver import Receiver

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CLIENT, SECRET = "emulator-client", "emulator-secret"
QUEUE = "5c1a7e52-90d4-4b6f-8a0e-7d2b3c4e5f60"


@pytest.fixture
def crm():
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture(params=["node", "python"])
def program(request, crm, tmp_path):
    """Runs a document's program to its end and gives the JSON that it printed."""
    if request.param == "node" and not has_node():
        pytest.skip("needs Node.js 20.10 or later")

    def started(name: str, **environment: str):
        command = {
            "node": [
                "node",
                "--no-warnings",
                "--experimental-websocket",
                str(HERE / "node" / f"{name}.mjs"),
            ],
            "python": [sys.executable, str(HERE / "python" / f"{name}.py")],
        }[request.param]
        given = {"CLIENT_ID": CLIENT, "CLIENT_SECRET": SECRET, "QUEUE": QUEUE, "CRM": crm.url}
        given |= {"AUDIT_FILE": str(tmp_path / "audit.jsonl"), **environment}
        done = subprocess.run(
            command, env={**os.environ, **given}, capture_output=True, text=True, timeout=120.0
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return started


def has_node() -> bool:
    if shutil.which("node") is None:
        return False
    version = subprocess.run(["node", "--version"], capture_output=True, text=True).stdout
    return tuple(int(part) for part in version.strip().lstrip("v").split(".")[:2]) >= (20, 10)


@pytest.fixture
def emulator(run):
    def start(*arguments: str) -> str:
        return run("emulate", "--port", "0", *arguments).url()

    return start


def fetched(url: str, body: object = None, **headers: str):
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=30.0) as answer:
        return json.loads(answer.read())


def opened_conversation(platform: str) -> str:
    """A conversation by REST, as document 001 opens one."""
    form = f"grant_type=client_credentials&client_id={CLIENT}&client_secret={SECRET}".encode()
    with urllib.request.urlopen(f"{platform}/oauth/token", form, timeout=30.0) as answer:
        token = json.loads(answer.read())["access_token"]
    body = {
        "id": str(uuid.uuid4()),
        "from": {"id": "guest", "name": "Guest", "type": "user"},
        "to": [{"id": QUEUE, "type": "queue"}],
        "type": "messaging",
        "channelAddress": "web",
        "context": {
            "locale": "en-US",
            "capabilities": ["typing-indicator", "read-receipts"],
            "userAgent": "test",
        },
        "metadata": {
            "sessionDurationLimit": 600,
            "guestIdToken": "t",
            "initiatedAt": "2026-01-01T00:00:00Z",
        },
    }
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    return fetched(f"{platform}/api/v2/conversations/messaging", body, **headers)["id"]


def test_000_messages_are_injected_checked_told_and_recorded(program, emulator, crm, tmp_path):
    platform = emulator("--set", "bare_injections=true")
    conversation = opened_conversation(platform)
    result = program("inject", PLATFORM=platform, CONVERSATION=conversation)
    assert result["before"] in ("active", "queued")
    assert result["idsAgain"] == result["ids"] and len(result["ids"]) == 2
    assert "401: " in result["refused"] and "no message" not in result["refused"]
    entry = result["entry"]
    assert (entry["messageCount"], entry["sequenceMatch"], entry["lastMessageId"]) == (
        2,
        True,
        result["ids"][-1],
    )
    assert crm.bodies == [{"event": "chat.injection.completed", "data": entry}]
    assert [json.loads(line) for line in (tmp_path / "audit.jsonl").read_text().splitlines()] == [
        entry
    ]
    assert len(fetched(f"{platform}/__emulator/injections")["entities"]) == 1


def test_001_a_session_is_opened_kept_alive_and_ended(program, emulator, crm):
    platform = emulator()
    result = program("sessions", PLATFORM=platform)
    statuses = {key: result[key] for key in ("opened", "beats", "ended", "afterwards", "refused")}
    assert statuses == {
        "opened": 201,
        "beats": [200, 200, 200],
        "ended": 200,
        "afterwards": 409,
        "refused": 400,
    }
    assert [(one["conversationId"], one["state"]) for one in crm.bodies] == [
        (result["id"], "connected"),
        (result["id"], "terminated"),
    ]


def test_002_a_guest_talks_sends_a_file_and_comes_back(program, emulator):
    platform = emulator("--agent", "echo")
    result = program("chat_app", PLATFORM=platform)
    assert result["texts"][:3] == ["one", "a photo", "two"]
    seen = result["seen"]
    assert [1000 <= delay <= 2000 for delay in seen["reconnectDelaysMs"]] == [True]
    assert seen["receipts"] >= 2
    assert {one["type"] for one in seen["other"]} == {"error"}
    assert all("10 messages per second" in one["message"] for one in seen["other"])
    assert 9 <= len(result["texts"]) - 3 <= 10


def test_002_a_frontend_uses_the_simulator(program, run, config):
    text = (
        '[platform]\ndialect = "webchat"\n[emulator]\nport = 0\nagent = "echo"\n[simulator]\nport'
        " = 0\n"
    )
    daemon = run("serve", "--config", config(text)).url()
    result = program("frontend", SIMULATOR=daemon.replace("http", "ws", 1))
    assert result["texts"] == ["first", "a file", "last"]
    assert len(result["errors"]) == 1 and "4096" in result["errors"][0]["error"]


def test_003_prompts_are_shown_deferred_and_their_adoption_read(program, emulator, crm):
    platform = emulator("--set", "prompts_viewed=1")
    result = program("prompts", PLATFORM=platform, CONVERSATION=opened_conversation(platform))
    assert [one["status"] for one in result["audits"]] == ["SUCCESS", "FAILED", "SUCCESS"]
    assert result["audits"][1]["code"] == 409
    assert [one["eventType"] for one in crm.bodies] == ["AGENT_ASSIST_PROMPT_INJECTED"] * 2
    assert result["refused"] == 403
    reported = fetched(f"{platform}/__emulator/events")["entities"]
    names = [one["metricName"].rpartition(".")[2] for one in reported]
    # the last prompt may be viewed after the program has asked
    of_first = [one["injectionId"] == crm.bodies[0]["injectionId"] for one in reported]
    read = len(result["events"])
    assert read >= sum(of_first) == 2 and result["events"] == names[:read]


def test_004_a_guest_is_made_once_and_may_come_again(program, emulator, crm, tmp_path):
    platform = emulator()
    result = program("guests", PLATFORM=platform)
    assert result["again"] == result["first"]
    assert result["second"]["contactId"] == result["first"]["contactId"]
    assert result["second"]["conversationId"] != result["first"]["conversationId"]
    assert len(fetched(f"{platform}/__emulator/contacts")["entities"]) == 1
    assert len(fetched(f"{platform}/__emulator/conversations")["entities"]) == 2
    assert [one["data"]["conversationId"] for one in crm.bodies] == [
        result[one]["conversationId"] for one in ("first", "again", "second")
    ]
    assert len((tmp_path / "audit.jsonl").read_text().splitlines()) == 3
