"""What `guestd top` shows."""

from __future__ import annotations

from datetime import UTC, datetime

from rich.console import Console
from typer.testing import CliRunner

from guestd.app.cli import app
from guestd.app.commands.top import Rates, head_lines, picture

HEALTH = {"ready": True, "live": 2, "resting": 0, "messages_in": 100, "messages_out": 40}
HEALTH |= {"echo_p99_s": 0.0031, "reordered": 1, "gaps_filled": 0}
PAGE = {
    "sessions": [
        {"name": "bo\x1b[2J", "state": "dialing", "seq": 1, "opened_at": "2026-11-29T12:00:50Z"},
        {"name": "ana", "state": "live", "seq": 4, "last_message_at": "2026-11-29T12:00:00Z"},
    ],
    "counts": {"live": 1, "dialing": 1},
}


def test_rates_are_of_the_time_between_two_looks():
    rates = Rates()
    rates.note(HEALTH, 10.0)
    assert (rates.in_per_s, rates.out_per_s) == (0.0, 0.0)
    rates.note({**HEALTH, "messages_in": 120, "messages_out": 44}, 14.0)
    assert (rates.in_per_s, rates.out_per_s) == (5.0, 1.0)
    rates.note({**HEALTH, "messages_in": 0, "messages_out": 0}, 15.0)
    assert rates.in_per_s == 0.0, "the daemon began anew"


def test_the_screen_fits_80_by_24_and_obeys_no_guest():
    console = Console(width=80, height=24, record=True, force_terminal=False)
    now = datetime(2026, 11, 29, 12, 1, tzinfo=UTC)
    shown = picture("http://127.0.0.1:3000", HEALTH, PAGE, Rates(), 18, now)
    with console.capture() as capture:
        console.print(shown)
    lines = capture.get().splitlines()
    assert len(lines) <= 24 and all(len(line) <= 80 for line in lines)
    assert "\x1b" not in capture.get()
    assert lines[1].startswith("sessions   2 live, 0 resting, 1 connecting")
    assert lines[-2].split()[:4] == ["ana", "live", "-", "-"] and "1m 0s" in lines[-2]
    assert lines[-1] == "q or Ctrl-C leaves"


def test_what_the_screen_has_no_place_for_is_said():
    page = {**PAGE, "counts": {"live": 30}}
    shown = picture("x", HEALTH, page, Rates(), 1, datetime(2026, 11, 29, 12, 1, tzinfo=UTC))
    console = Console(width=80, height=24, force_terminal=False)
    with console.capture() as capture:
        console.print(shown)
    foot = capture.get().splitlines()[-1]
    assert foot == "29 more that a taller window shows; q or Ctrl-C leaves"


def test_a_daemon_that_is_away_is_not_called_ready():
    now = datetime(2026, 11, 29, 12, 1, tzinfo=UTC)
    shown = picture("http://127.0.0.1:3000", HEALTH, PAGE, Rates(), 18, now, "13:01:02 (1m 5s)")
    console = Console(width=80, height=24, force_terminal=False)
    with console.capture() as capture:
        console.print(shown)
    lines = capture.get().splitlines()
    assert lines[0] == "guestd at http://127.0.0.1:3000 does not answer"
    assert lines[-1] == "no answer since 13:01:02 (1m 5s), trying again; q or Ctrl-C leaves"
    assert lines[-2].startswith("ana"), "what was seen last stays"


def test_a_daemon_that_is_not_ready_says_why():
    health = {**HEALTH, "ready": False, "reason": "storage_full"}
    assert "not ready: storage_full" in head_lines("x", health, PAGE, Rates())[0]


def test_it_needs_a_terminal():
    done = CliRunner().invoke(app, ["top"])
    assert done.exit_code == 2
    said = "Error: guestd top needs a terminal; for scripts: guestd sessions list --json"
    assert said in done.stderr
