"""`guestd load --workers`: the guests of one plan in several processes."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest

from .load_processes import (
    GUESTS,
    PATIENCE_S,
    emulator,
    files,
    forked,
    open_conversations,
    reap,
    running,
    scenario,
    wait_until,
)

__all__ = ["emulator", "scenario"]


def children_of(run, word):
    """Those whose command line has the word."""
    try:
        found = Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text().split()
        return [int(one) for one in found if word in Path(f"/proc/{one}/cmdline").read_bytes()]
    except OSError:  # one of them has just ended
        return []


def workers_of(run):
    return children_of(run, b"load_runs.worker")


def emulators_of(run):
    return children_of(run, b"emulate")


def is_alive(number):
    try:
        return Path(f"/proc/{number}/stat").read_text().split()[2] != "Z"
    except OSError:
        return False


def summary_of(folder):
    return json.loads((folder / "s.json").read_text())


@pytest.mark.parametrize("compared", ["record", "history"])
def test_two_workers_do_what_one_would_and_their_measures_are_one(
    emulator, scenario, tmp_path, compared
):
    outputs = ("--workers", "2", "--summary", str(tmp_path / "s.json"), "--reconcile", compared)
    with running(emulator, scenario, "-t", "2s", "--threshold", "lost == 0", *outputs) as run:
        assert run.wait(PATIENCE_S) == 0
    summary = summary_of(tmp_path)
    opened, ended = (summary["sessions"][one] for one in ("opened", "ended"))
    assert opened == ended == GUESTS and summary["overhead"]["workers"] == 2
    reconciled = summary["reconciled"]
    assert (reconciled["by"], reconciled["conversations"]) == (compared, GUESTS)
    assert reconciled["not_compared"] == {}
    assert summary["thresholds"][0]["value"] == 0
    assert summary["messages"]["sent"] == summary["messages"]["confirmed"] >= GUESTS
    names = [one["guest"] for one in summary["conversations"]]
    assert names and len(set(names)) == len(names)
    assert files(tmp_path) == []


def test_without_a_platform_each_worker_has_an_emulator_of_its_own(scenario, tmp_path):
    summary, shown = tmp_path / "s.json", tmp_path / "stdout"
    arguments = ["load", str(scenario), "-u", str(GUESTS), "-t", "4s", "--workers", "2"]
    with open(shown, "w") as out, open(tmp_path / "stderr", "w") as said:
        run = forked([*arguments, "--summary", str(summary)], stdout=out, stderr=said)
        try:
            seen = set()
            wait_until(lambda: seen.update(emulators_of(run)) or run.poll() is not None, "its end")
        finally:
            run.kill()
            run.wait(PATIENCE_S)
    assert run.returncode == 0 and len(seen) == 2
    reconciled = summary_of(tmp_path)["reconciled"]
    assert reconciled["conversations"] == GUESTS and not any(map(is_alive, seen))


def test_a_worker_that_dies_is_told_of_and_its_guests_count_as_failed(emulator, scenario, tmp_path):
    outputs = ("--workers", "2", "--summary", str(tmp_path / "s.json"))
    with running(emulator, scenario, *outputs) as run:
        wait_until(lambda: open_conversations(emulator) == GUESTS, "its conversations")
        time.sleep(2.5)  # their states are told once a second
        os.kill(workers_of(run)[0], signal.SIGKILL)
        wait_until(lambda: open_conversations(emulator) == GUESTS, "the others, who go on")
        run.send_signal(signal.SIGTERM)
        assert run.wait(PATIENCE_S) == 105
    summary = summary_of(tmp_path)
    assert not summary["valid"] and "worker 0 ended" in summary["overhead"]["reasons"][-1]
    assert summary["sessions"]["failed"] == GUESTS // 2 == summary["sessions"]["ended"]
    assert f"{GUESTS // 2} conversations may still be open" in (tmp_path / "stderr").read_text()
    code, counts = reap(tmp_path)
    assert (code, counts["ended"]) == (0, GUESTS // 2)
    assert open_conversations(emulator) == 0


def test_workers_whose_parent_was_killed_end_their_conversations(emulator, scenario, tmp_path):
    with running(emulator, scenario, "--workers", "2") as run:
        wait_until(lambda: open_conversations(emulator) == GUESTS, "its conversations")
        workers = workers_of(run)
        assert len(workers) == 2
        os.kill(workers[0], signal.SIGINT)
        run.kill()
        run.wait(PATIENCE_S)
        wait_until(lambda: not any(map(is_alive, workers)), "the workers' end")
    assert open_conversations(emulator) == 0 and files(tmp_path) == []
