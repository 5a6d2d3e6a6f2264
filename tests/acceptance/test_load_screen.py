"""`guestd load` on a terminal: nothing but its own frames is written while it lasts."""

from __future__ import annotations

import json
import os
import pty
import re
import threading

from .conftest import forked
from .load_harness import RUN_S, guestd

DROPS = """
name: Drops
scenarios:
  Lose it:
    - say: hello
    - repeat:
        times: 3
        steps:
          - drop: abort
          - think: 700ms
"""
WARNING = "guest session lost its connection: reconnect_asked"
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


def test_warnings_of_dropped_connections_are_counted_and_not_written_into_the_screen(tmp_path):
    path, summary, report = (tmp_path / name for name in ("drops.yml", "s.json", "r.html"))
    path.write_text(DROPS)

    said, out, code = on_a_terminal(
        *("load", path, *COMMAND, "--agent", "echo"), *("--summary", summary, "--report", report)
    )

    assert code == 0, said + out
    screen = said.split("\x1b[?1049h")[1].split("\x1b[?1049l")[0]
    assert "WARNING" not in screen and "log warnings" in screen
    assert "WARNING" not in said
    warned = {one["what"]: one["count"] for one in json.loads(summary.read_text())["warnings"]}
    assert warned == {WARNING: 12}
    assert "warnings of the log" in out and re.search(rf"12\s+{WARNING}", out)
    assert WARNING in report.read_text()


def test_outside_a_terminal_every_line_of_the_run_is_json(tmp_path):
    path = tmp_path / "drops.yml"
    path.write_text(DROPS)

    done = guestd("load", path, *COMMAND, "--agent", "echo", "--workers", "2")

    assert done.code == 0, done.out + done.err
    lines = [json.loads(one) for one in done.err.splitlines()]
    assert 5 <= lines[-1]["warnings"][WARNING] <= 12
    assert re.search(rf"12\s+{WARNING}", done.out)
