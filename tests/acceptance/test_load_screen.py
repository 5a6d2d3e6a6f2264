"""`guestd load` on a terminal: nothing but its own frames is written while it lasts."""

from __future__ import annotations

import json
import os
import pty
import re
import threading

import pytest

from .conftest import Program, forked
from .load_harness import RUN_S, RunningEmulator, guestd

TALKS = """
name: Talks
scenarios:
  Lose it:
    - repeat:
        times: 3
        steps:
          - say: hello
          - waitForReplyContaining: hello
    - drop: abort
    - think: 700ms
"""
WARNING = "guest session lost its connection: lost"
#: The platform breaks the connection in place of a reply, eight times.
LOSSES = {"rules": [{"kind": "drop_out", "sender": "agent", "count": 8}]}
COMMAND = ("-u", "4", "-r", "100")


def on_a_terminal(*arguments):
    """What was written to the terminal, which is its standard error; standard output; exit code."""
    ours, its = pty.openpty()
    child = forked([*map(str, arguments)], {"TERM": "xterm"}, stderr=its)
    os.close(its)
    found = bytearray()

    def read():
        while True:
            try:
                data = os.read(ours, 65536)
            except OSError:
                return
            found.extend(data)

    reader = threading.Thread(target=read)
    reader.start()
    with child.stdout as stream:
        out = stream.read()
    child.wait(RUN_S)
    reader.join(RUN_S)
    os.close(ours)
    return found.decode(errors="replace"), out, child.returncode


@pytest.fixture(scope="module")
def emulator():
    program = Program("emulate", "--port", "0", "--agent", "echo")
    yield RunningEmulator(program.url())
    program.end()


def test_warnings_of_lost_connections_are_counted_and_not_written_into_the_screen(
    emulator, tmp_path
):
    path, summary, report = (tmp_path / name for name in ("talks.yml", "s.json", "r.html"))
    path.write_text(TALKS)
    emulator.ask("faults", LOSSES)

    said, out, code = on_a_terminal(
        *("load", path, *COMMAND, "--emulator", emulator.url),
        *("--summary", summary, "--report", report),
    )

    assert code == 0, said + out
    screen = said.split("\x1b[?1049h")[1].split("\x1b[?1049l")[0]
    assert "WARNING" not in screen and "log warnings" in screen
    assert "WARNING" not in said
    found = json.loads(summary.read_text())
    assert {one["what"]: one["count"] for one in found["warnings"]} == {WARNING: 8}
    assert "warnings of the log" in out and re.search(rf"8\s+{WARNING}", out)
    assert WARNING in report.read_text()
    assert [one["count"] for one in found["lost_connections"]] == [8]
    assert found["dropped_connections"]["count"] == 4 and found["doubled"] == 0
    assert "4 connections dropped by `drop`, all back within" in out


def test_outside_a_terminal_every_line_of_the_run_is_json(emulator, tmp_path):
    path = tmp_path / "talks.yml"
    path.write_text(TALKS)
    emulator.ask("faults", LOSSES)

    done = guestd("load", path, *COMMAND, "--emulator", emulator.url, "--workers", "2")

    assert done.code == 0, done.out + done.err
    lines = [json.loads(one) for one in done.err.splitlines()]
    assert 1 <= lines[-1]["warnings"][WARNING] <= 8
    assert re.search(rf"8\s+{WARNING}", done.out)
