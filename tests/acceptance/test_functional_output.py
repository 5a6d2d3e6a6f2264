"""What `guestd test` leaves when its reader, or the emulator, is gone before it is over."""

from __future__ import annotations

import os
import subprocess
from xml.etree import ElementTree as ET

from .conftest import forked
from .load_harness import RUN_S, guestd

FAILS = """
scenarios:
  Fails:
    - say: hello
    - {waitForReplyContaining: goodbye, within: 1s}
  Passes:
    - say: hello
    - waitForReplyContaining: hello
"""


def test_a_reader_that_has_enough_changes_neither_code_nor_files(tmp_path):
    path, junit = tmp_path / "fails.yml", tmp_path / "p.xml"
    path.write_text(FAILS)
    reading, writing = os.pipe()
    os.close(reading)
    command = ["test", str(path), "--agent", "echo", "--junit", str(junit)]
    child = forked(command, None, stdout=writing, stderr=subprocess.DEVNULL)
    os.close(writing)
    try:
        assert child.wait(RUN_S) == 1
    finally:
        child.kill()
    found = [one.find("failure") is not None for one in ET.parse(junit).iter("testcase")]
    assert found == [True, False]


def test_a_full_disk_at_the_end_costs_neither_figures_nor_the_verdict(tmp_path):
    path = tmp_path / "fails.yml"
    path.write_text(FAILS)
    done = guestd("test", path, "--agent", "echo", "--summary", "/dev/full")
    assert done.code == 1 and done.out.endswith("1 passed, 1 failed\n")
    assert done.err.splitlines()[-1].startswith("guestd: --summary: /dev/full cannot be written")
