"""`guestd serve` on a terminal of 80 columns: a screen for a person; elsewhere no status lines."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time

from guestd.app.opening_screen import OpeningFacts, opening_lines, show_message

from .test_chat import Person


def test_the_opening_screen_fits_80_columns(monkeypatch):
    monkeypatch.setattr(sys, "argv", [".venv/bin/guestd"])
    url = "http://127.0.0.1:65535"
    lines = opening_lines(OpeningFacts(url, url, demo_guests=25))
    assert max(map(len, lines)) < 80
    assert lines[2].split() == ["console", f"{url}/"], "addresses first"
    assert lines[3].split()[0] == "frontends"


def test_with_a_token_the_console_is_opened_by_a_command(monkeypatch):
    monkeypatch.setattr(sys, "argv", [".venv/bin/guestd"])
    url = "http://127.0.0.1:65535"
    lines = opening_lines(OpeningFacts(url, platform="mypurecloud.de", token=True))
    assert lines[2].endswith(f"guestd console --open --url {url}") and len(lines[2]) < 80
    without = opening_lines(OpeningFacts(url, platform="mypurecloud.de", console=False))
    assert not [line for line in without if "console" in line]


def test_a_platform_that_is_not_our_own_is_named_and_where_the_journal_is():
    url = "http://127.0.0.1:3000"
    there = OpeningFacts(url, platform="http://localhost:8080", journal="/var/lib/guestd")
    lines = opening_lines(there)
    assert "  platform     http://localhost:8080" in lines
    assert "  journal      /var/lib/guestd" in lines
    own = opening_lines(OpeningFacts(url, url))
    assert not [line for line in own if "  platform" in line]
    assert [line for line in own if "journal      in memory, gone at the end" in line]


def test_a_message_is_one_line_whatever_the_agent_says(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    shown: list[str] = []
    message = {"direction": "Outbound", "sender": "Leo", "text": "a\nb " * 100}
    show_message(shown.append, "demo-1", message)
    assert len(shown[0]) < 80 and "\n" not in shown[0] and "demo-1 ← Leo: a b a" in shown[0]


def test_on_a_terminal_addresses_come_first_and_the_status_stays_at_the_bottom():
    person = Person("serve", "--port", "0", "--demo", "3")
    try:
        person.sees("Next, in another terminal:")
        person.sees("demo-1 →")
        text = person.screen()
        assert "ready http" not in text and "stands in at" not in text
        assert "the configuration is" not in text, "it is the default one"
        assert text.index("frontends") < text.index("Next, in another terminal:")
        person.child.send_signal(signal.SIGINT)
        assert person.child.wait(60) == 0
        person.sees("guest sessions ended, 0 left behind")
        raw = person.raw()
        assert re.search(r"\r\x1b\[2K\d live", raw)
        last = raw.rpartition("guest sessions ended")[2]
        assert "live" not in last, "the status line is taken away at the end"
    finally:
        person.go()


def test_elsewhere_there_is_no_status_line(run):
    program = run("serve", "--port", "0", "--demo", "2")
    program.url()
    time.sleep(1.5)
    program.interrupt()
    assert program.wait() == 0
    assert not [line for line in program.err if re.search(r"\d live, \d|\x1b", line)]


def test_make_run_passes_the_port_on():
    done = subprocess.run(
        ["make", "-n", "run", "PORT=3001", "DEMO=2"], capture_output=True, text=True, check=True
    )
    assert "serve --demo 2 --port 3001" in done.stdout
