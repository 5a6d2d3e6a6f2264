"""Load runs that are interrupted, told to stop, or killed at any moment: no conversation of theirs
stays open, at the latest after `guestd load reap`."""

from __future__ import annotations

import json
import os
import random
import signal
import time

import pytest

from .load_processes import (
    GUESTS,
    PATIENCE_S,
    emulator,
    files,
    open_conversations,
    reap,
    running,
    scenario,
    wait_until,
)

__all__ = ["emulator", "scenario"]

KILLS = int(os.environ.get("LOAD_KILLS", "9"))
#: From the moment that the first guests are there.
LATEST_S = float(os.environ.get("LOAD_KILLS_LATEST_S", "1.5"))


@pytest.mark.parametrize("number", range(KILLS))
def test_nothing_stays_open_after_a_kill_at_any_moment(emulator, scenario, number):
    chance = random.Random(number)
    kind = (signal.SIGKILL, signal.SIGINT, signal.SIGTERM)[number % 3]
    with running(emulator, scenario, "--seed", str(number)) as run:
        time.sleep(chance.uniform(0.0, LATEST_S))
        run.send_signal(kind)
        code = run.wait(PATIENCE_S)
    assert code == (-kind if kind == signal.SIGKILL else 105)
    if kind != signal.SIGKILL:
        assert open_conversations(emulator) == 0 and files(scenario.parent) == []
    code, counts = reap(scenario.parent)
    assert (code, counts["open"], counts["problems"]) == (0, 0, [])
    assert open_conversations(emulator) == 0
    assert files(scenario.parent) == []


@pytest.mark.parametrize("compared", ["record", "history"])
def test_a_stopped_run_is_judged_and_reported(emulator, scenario, tmp_path, compared):
    outputs = ("--reconcile", compared)
    outputs += ("--summary", str(tmp_path / "s.json"), "--report", str(tmp_path / "r.html"))
    with running(emulator, scenario, "--threshold", "lost == 0", *outputs) as run:
        wait_until(lambda: open_conversations(emulator) == GUESTS, "its conversations")
        run.send_signal(signal.SIGTERM)
        assert run.wait(PATIENCE_S) == 105
    summary = json.loads((tmp_path / "s.json").read_text())
    assert summary["exit_code"] == 105 and summary["stopped_by"] == "signal"
    assert summary["sessions"]["ended"] == summary["sessions"]["opened"] == GUESTS
    assert [one["ok"] for one in summary["thresholds"]] == [True]
    reconciled = summary["reconciled"]
    assert (reconciled["by"], reconciled["conversations"]) == (compared, GUESTS)
    assert "<html" in (tmp_path / "r.html").read_text()


def test_a_second_signal_leaves_at_once_and_says_what_is_open(emulator, scenario, tmp_path):
    with running(emulator, scenario) as run:
        wait_until(lambda: open_conversations(emulator) == GUESTS, "its conversations")
        run.send_signal(signal.SIGSTOP)
        run.send_signal(signal.SIGTERM)
        run.send_signal(signal.SIGINT)
        run.send_signal(signal.SIGCONT)
        assert run.wait(PATIENCE_S) == 105
    left = open_conversations(emulator)
    if left:
        assert "`guestd load reap` ends them" in (tmp_path / "stderr").read_text()
        code, counts = reap(tmp_path, "--dry-run")
        assert code == 1 and counts["open"] >= left
    assert reap(tmp_path)[0] == 0
    assert open_conversations(emulator) == 0
