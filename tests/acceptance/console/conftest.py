"""A daemon with an emulator of its own, and the console's page on it."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

#: What a machine under load may take.
START_S = 120.0
SLOW_MS = 60_000
expect.set_options(timeout=SLOW_MS)


class Daemon:
    """A daemon under test. `emulator` is the address of the embedded emulator."""

    def __init__(self, program: Any, token: str = "") -> None:
        self.program = program
        ready = program.until("ready http", timeout_s=START_S)
        self.url = ready.removeprefix("ready ")
        self.token = token
        line = program.until("stands in at", program.err)
        self.emulator = json.loads(line)["message"].rpartition(" ")[2]

    def ask(self, method: str, path: str, body: Any = None, base: str = "") -> Any:
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{base or self.url}{path}", data, headers, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            text = answer.read()
        return json.loads(text) if text else {}

    def open(self, name: str, **more: Any) -> dict[str, Any]:
        found: dict[str, Any] = self.ask("POST", "/v1/sessions?wait=live", {"name": name, **more})
        return found

    def say(self, guest: str, text: str, **more: Any) -> None:
        """As the agent."""
        self.emulate("say", {"guest": guest, "text": text, "nickname": "Leo", **more})

    def emulate(self, path: str, body: Any) -> Any:
        return self.ask("POST", f"/__emulator/{path}", body, self.emulator)

    def send(self, guest: str, text: str) -> None:
        self.ask("POST", f"/v1/sessions/{guest}/messages", {"text": text})

    def upload(self, guest: str, name: str, kind: str, body: bytes) -> None:
        path = f"{self.url}/v1/sessions/{guest}/attachments?filename={name}"
        request = urllib.request.Request(path, body, {"Content-Type": kind})
        urllib.request.urlopen(request, timeout=30).close()

    def transcript(self, guest: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask("GET", f"/v1/sessions/{guest}/messages?after=0")[
            "messages"
        ]
        return found


@pytest.fixture
def start(run, tmp_path):
    """Starts a daemon, and another one on the same journal."""

    def daemon(*arguments: str, token: str = "", **env: str) -> Daemon:
        journal = tmp_path / "journal"
        journal.mkdir(exist_ok=True)
        settings = {
            "GUESTD_EMULATOR__AGENT": "silent",
            "GUESTD_JOURNAL__DIRECTORY": str(journal),
            **env,
        }
        if token:
            settings["GUESTD_API__TOKEN"] = token
        return Daemon(run("serve", "--port", "0", *arguments, env=settings), token)

    return daemon


@pytest.fixture
def daemon(start) -> Daemon:
    found: Daemon = start()
    return found


@pytest.fixture
def console(page) -> Iterator[Any]:
    """The page, whose errors in the browser's console fail the test. Those of requests are the
    test's own business: a refused request is an error there too."""
    said: list[str] = []

    def heard(message: Any) -> None:
        if message.type == "error" and "Failed to load resource" not in message.text:
            said.append(message.text)

    page.on("console", heard)
    page.set_default_timeout(SLOW_MS)
    yield page
    lost = "WebSocket connection to"  # what a browser says of a daemon that is away
    assert [one for one in said if lost not in one] == []
