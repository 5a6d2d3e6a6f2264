"""A conversation that was held with a daemon's guest, written as a scenario file that passes."""

from __future__ import annotations

import json
import time
import urllib.request

import pytest

from .conftest import Program
from .load_harness import guestd

GREETING = "What would you like to see?"


class Daemon:
    def __init__(self, url):
        self.url = url

    def ask(self, method, path, body=None):
        data = json.dumps(body).encode() if body is not None else None
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}/v1{path}", data, headers, method=method)
        with urllib.request.urlopen(request, timeout=30.0) as answer:
            text = answer.read()
        return json.loads(text) if text else {}

    def heard(self, name, text, timeout_s=60.0):
        """The first message of the platform's with this text."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            for one in self.ask("GET", f"/sessions/{name}/messages?after=0")["messages"]:
                if one.get("direction") == "Outbound" and text in one.get("text", ""):
                    return one
            time.sleep(0.05)
        raise AssertionError(f"{text!r} was not said")

    def has_ended(self, name, timeout_s=60.0):
        deadline = time.monotonic() + timeout_s
        while not self.ask("GET", f"/sessions?ended=only&name={name}")["sessions"]:
            assert time.monotonic() < deadline
            time.sleep(0.05)


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    place = tmp_path_factory.mktemp("record")
    path = place / "guestd.toml"
    (place / "journal").mkdir()
    path.write_text(f'[emulator]\nagent = "menu"\n[journal]\ndirectory = "{place}/journal"\n')
    program = Program("serve", "-c", str(path), "--port", "0")
    yield Daemon(program.url())
    program.end()


def test_a_recorded_conversation_passes_as_a_scenario(daemon, tmp_path):
    daemon.ask("POST", "/sessions", {"name": "ana"})
    daemon.ask("POST", "/sessions/ana/messages", {"text": "hi, I cost ${5} & more"})
    daemon.heard("ana", GREETING)
    daemon.ask("POST", "/sessions/ana/messages", {"text": "a card"})
    card = daemon.heard("ana", "Our parcel shop")
    book = {"text": "Book slot", "payload": "BOOK_42"}
    reply = {"type": "Button", "choices": [book], "in_reply_to": card["id"]}
    daemon.ask("POST", "/sessions/ana/messages", {"reply": reply})
    daemon.heard("ana", "Slot 42 is yours.")
    daemon.ask("DELETE", "/sessions/ana")
    daemon.has_ended("ana")
    path = tmp_path / "ana.yml"

    done = guestd("test", "--record", "ana", path, "--url", daemon.url)

    assert done.code == 0, done.err
    assert f"guestd test {path}" in done.out
    text = path.read_text()
    assert text.index(GREETING) < text.index("choose: Book slot") < text.index("is yours.")
    assert "Slot 42" not in text and "think" not in text
    done = guestd("test", path, "--agent", "menu")
    assert done.code == 0, done.out + done.err

    done = guestd("test", "--record", "ana", path, "--url", daemon.url)
    assert done.code == 2 and "already exists" in done.err
    done = guestd("test", "--record", "nobody", "--url", daemon.url)
    assert done.code == 1 and "nobody" in done.err and not done.out
