"""Load runs as processes of their own, and the emulator that they share."""

from __future__ import annotations

import json
import os
import subprocess
import time
import urllib.request
from contextlib import contextmanager

import pytest

from .conftest import forked
from .load_harness import guestd

GUESTS = int(os.environ.get("LOAD_KILLS_GUESTS", "100"))
PATIENCE_S = 120.0

SCENARIO = """
scenarios:
  Talk:
    - repeat:
        every: 300ms
        steps:
          - say: hello
          - waitForReplyContaining: hello
"""


@pytest.fixture(scope="module")
def emulator():
    arguments = ("--port", "0", "--agent", "echo", "--set", "limits.connections_per_minute=null")
    child = forked(("emulate", *arguments), stderr=subprocess.DEVNULL)
    try:
        for line in child.stdout:
            if line.startswith("ready "):
                break
        yield line.split()[1]
    finally:
        child.terminate()
        child.wait(PATIENCE_S)
        child.stdout.close()


@pytest.fixture
def scenario(tmp_path):
    path = tmp_path / "talk.yml"
    path.write_text(SCENARIO)
    return path


@contextmanager
def running(emulator, scenario, *more):
    """A run of its own process, with its guests on their way."""
    folder = scenario.parent
    with open(folder / "stderr", "w") as said:
        arguments = [
            *("load", str(scenario), "-u", str(GUESTS), "-t", "10m", "--emulator", emulator),
            *("--connects-per-minute", "60000", "--state-dir", str(folder / "state"), *more),
        ]
        child = forked(arguments, stdout=subprocess.DEVNULL, stderr=said)
    try:
        wait_until(lambda: child.poll() is not None or files(folder), "its first guests")
        yield child
    finally:
        if child.poll() is None:
            child.kill()
            child.wait(PATIENCE_S)


def wait_until(is_so, what):
    end = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < end, f"waited for {what}"
        time.sleep(0.05)


def files(folder):
    return list((folder / "state").glob("*.tokens"))


def open_conversations(emulator):
    query = "attribute=guestd_run&state=open&limit=1"
    with urllib.request.urlopen(f"{emulator}/__emulator/sessions?{query}") as answer:
        return json.load(answer)["total"]


def reap(folder, *more):
    done = guestd("load", "reap", "--json", "--state-dir", folder / "state", *more)
    return done.code, json.loads(done.out)
