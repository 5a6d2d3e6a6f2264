"""`guestd load --daemon`: a run whose guests are those of a running daemon."""

from __future__ import annotations

import json
import os
import signal
import time
from contextlib import contextmanager

import pytest

from tests.ports import free_port

from .conftest import Program
from .load_harness import guestd
from .load_processes import (
    GUESTS,
    PATIENCE_S,
    emulator,
    files,
    open_conversations,
    reap,
    running_through,
    scenario,
    wait_until,
)

__all__ = ["emulator", "scenario"]

TOKEN = "0123456789abcdef0123456789abcdef"


class Daemon:
    """With its journal on disk, and able to start again at the same address."""

    def __init__(self, emulator, folder, **settings):
        (folder / "journal").mkdir(exist_ok=True)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._environment = {
            "GUESTD_SIMULATOR__PORT": str(self.port),
            "GUESTD_PLATFORM__EMULATOR": emulator,
            "GUESTD_JOURNAL__DIRECTORY": str(folder / "journal"),
            "GUESTD_ADMISSION__CONNECTS_PER_MINUTE": "60000",
            "GUESTD_LOG__LEVEL": "warning",
            **settings,
        }
        self.start()

    def start(self):
        self.program = Program("serve", env=self._environment)
        self.program.until("ready")

    def kill(self):
        self.program.child.kill()
        self.program.end()


@contextmanager
def daemon_at(emulator, folder, **settings):
    daemon = Daemon(emulator, folder, **settings)
    try:
        yield daemon
    finally:
        daemon.program.end()


def test_what_a_killed_run_has_left_is_ended_at_the_daemon(emulator, scenario):
    folder = scenario.parent
    with daemon_at(emulator, folder) as daemon:
        with running_through(("--daemon", daemon.url), scenario) as run:
            wait_until(lambda: open_conversations(emulator) == GUESTS, "its conversations")
            run.kill()
            run.wait(PATIENCE_S)
        assert len(files(folder)) == 1
        assert os.stat(files(folder)[0]).st_mode & 0o777 == 0o600
        code, counts = reap(folder, "--dry-run")
        assert (code, counts["open"]) == (1, GUESTS)
        code, counts = reap(folder)
        assert (code, counts["ended"], counts["open"], counts["problems"]) == (0, GUESTS, 0, [])
        wait_until(lambda: open_conversations(emulator) == 0, "their end at the platform")
    assert files(folder) == []


def test_a_run_that_is_told_to_stop_ends_its_guests_and_reports(emulator, scenario, tmp_path):
    summary, more = tmp_path / "s.json", ("--emulator", emulator)
    with daemon_at(emulator, tmp_path, GUESTD_API__TOKEN=TOKEN) as daemon:
        (tmp_path / "token").write_text(TOKEN)
        (tmp_path / "token").chmod(0o600)
        where = ("--daemon", daemon.url, "--token-file", str(tmp_path / "token"), *more)
        with running_through(where, scenario, "--summary", str(summary)) as run:
            wait_until(lambda: open_conversations(emulator) == GUESTS, "its conversations")
            run.send_signal(signal.SIGINT)
            assert run.wait(PATIENCE_S) == 105
        wait_until(lambda: open_conversations(emulator) == 0, "their end at the platform")
    found = json.loads(summary.read_text())
    assert found["sessions"]["opened"] == found["sessions"]["ended"] == GUESTS
    assert found["lost"] == 0 and found["reconciled"]["by"] == "record"
    assert found["environment"]["target"] == daemon.url
    assert files(tmp_path) == [] and TOKEN not in summary.read_text()


def test_a_daemon_that_is_killed_and_starts_again_goes_on_with_the_run(
    emulator, scenario, tmp_path
):
    outputs = ("--summary", str(tmp_path / "s.json"), "--emulator", emulator)
    with daemon_at(emulator, tmp_path) as daemon:
        with running_through(("--daemon", daemon.url), scenario, *outputs) as run:
            wait_until(lambda: open_conversations(emulator) == GUESTS, "its conversations")
            time.sleep(1.0)
            daemon.kill()
            daemon.start()
            time.sleep(4.0)
            run.send_signal(signal.SIGTERM)
            assert run.wait(PATIENCE_S) == 105
        wait_until(lambda: open_conversations(emulator) == 0, "their end at the platform")
    found = json.loads((tmp_path / "s.json").read_text())
    assert found["sessions"]["ended"] == found["sessions"]["opened"] == GUESTS
    assert (found["lost"], found["doubled"]) == (0, 0)
    assert found["messages"]["confirmed"] + found["uncertain"] >= found["messages"]["sent"] - GUESTS
    assert "the connection to the daemon was lost" in found["notes"][0]
    assert files(tmp_path) == []


def test_a_wrong_token_is_said_with_the_remedy(emulator, scenario, tmp_path):
    with daemon_at(emulator, tmp_path, GUESTD_API__TOKEN=TOKEN) as daemon:
        done = guestd("load", scenario, "--daemon", daemon.url, env={"GUESTDCTL_TOKEN": "wrong"})
    assert done.code == 1 and "unauthorized" in done.err and "GUESTDCTL_TOKEN" in done.err


def test_no_daemon_is_said(scenario):
    done = guestd("load", scenario, "--daemon", f"http://127.0.0.1:{free_port()}")
    assert done.code == 69 and "start guestd serve" in done.err


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--daemon", "ftp://localhost:3000"), "write host:port or http://host:port"),
        (("--daemon", "http://localhost:3000", "--workers", "2"), "leave it out"),
        (("--workers", "2", "--only", "talk-1"), "leave out --workers 2"),
    ],
)
def test_what_does_not_go_together_is_wrong_usage(scenario, options, says):
    done = guestd("load", scenario, *options)
    assert done.code == 2 and says in " ".join(done.err.replace("│", " ").split())
