"""Fixtures: the emulated platform with the bot, guestd in front of it, and customers who talk."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

BOT = Path(__file__).with_name("parcel_bot.toml")


@contextmanager
def running(*arguments: str, **environment: str) -> Iterator[str]:
    """`guestd …` on a free port, until the block is over; its URL."""
    command = [sys.executable, "-m", "guestd", *arguments, "--port", "0"]
    with subprocess.Popen(
        command, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            for line in process.stdout:
                if line.startswith("ready "):
                    break
            else:
                pytest.fail(f"guestd {arguments[0]} did not start; it says why above")
            yield line.split()[1]
        finally:
            process.terminate()


def ask(method: str, url: str, body: object = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, data, headers, method=method)
    with urllib.request.urlopen(request, timeout=30.0) as answer:
        return json.loads(answer.read() or b"null")


@pytest.fixture(scope="session")
def emulator() -> Iterator[str]:
    with running("emulate", "--agent", str(BOT)) as url:
        yield f"{url}/__emulator"


@pytest.fixture(scope="session")
def guestd(emulator: str) -> Iterator[str]:
    platform = emulator.removesuffix("/__emulator")
    # Longer than the test of faults delays a message: then order is kept from the first one on.
    strict_order = {"GUESTD_INBOX__HOLD_MIN_MS": "500ms"}
    with running("serve", GUESTD_PLATFORM__EMULATOR=platform, **strict_order) as url:
        yield f"{url}/v1"


@pytest.fixture
def faults(emulator: str) -> Iterator[Any]:
    """Sets what the platform does wrong, by chance of a seed, until the test is over."""
    yield lambda *rules: ask("POST", f"{emulator}/faults", {"seed": 7, "rules": rules})
    ask("DELETE", f"{emulator}/faults")


class Customer:
    """A guest session of its own, and what was said in it."""

    def __init__(self, guestd: str, emulator: str) -> None:
        self.name = f"customer-{uuid.uuid4().hex[:8]}"
        self.url, self.emulator = f"{guestd}/sessions/{self.name}", emulator
        self.seen = 0  # the seq of the last message that `hears` gave back
        ask("POST", f"{guestd}/sessions", {"name": self.name})

    def says(self, text: str) -> None:
        ask("POST", f"{self.url}/messages", {"text": text, "when_down": "queue"})

    def chooses(self, label: str, message: dict[str, Any]) -> None:
        """One of the quick replies that this message offers."""
        offered = {one["quickReply"]["text"]: one["quickReply"] for one in message["content"]}
        reply = {"choices": [{"text": label, "payload": offered[label]["payload"]}]}
        ask("POST", f"{self.url}/messages", {"reply": reply, "when_down": "queue"})

    def hears(self, text: str, timeout_s: float = 60.0) -> dict[str, Any]:
        """The next message of the bot with this text in it."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            for message in ask("GET", f"{self.url}/messages?after={self.seen}")["messages"]:
                if message.get("direction") == "Outbound" and text in message["text"]:
                    self.seen = message["seq"]
                    return dict(message)
            time.sleep(0.05)
        raise AssertionError(f"{text!r} was not said; what was: {self.transcript()}")

    def transcript(self) -> list[str]:
        """What guestd shows, in its order."""
        said = ask("GET", f"{self.url}/messages?after=0&limit=1000")["messages"]
        return [one["text"] for one in said if one["kind"] == "message"]

    def record(self) -> list[str]:
        """What the platform holds: the truth, whatever happened on the way."""
        state = ask("GET", f"{self.emulator}/state?guest={self.name}")
        (session,) = state["sessions"].values()
        return [one["text"] for one in session["messages"] if one["type"] != "Event"]


@pytest.fixture
def customer(guestd: str, emulator: str) -> Iterator[Customer]:
    one = Customer(guestd, emulator)
    yield one
    ask("DELETE", one.url)
