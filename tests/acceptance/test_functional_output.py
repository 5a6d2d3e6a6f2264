"""What `guestd test` leaves when its reader, or the emulator, is gone before it is over."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from tempfile import TemporaryFile
from xml.etree import ElementTree as ET

from .conftest import Program, forked
from .load_harness import RUN_S, RunningEmulator, guestd

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


ROWS = """
scenarios:
  Track:
    data: [{code: a-1, answer: a-1}, {code: b-2, answer: nothing}, {code: c-3, answer: c-3}]
    steps:
      - say: "${code}"
      - {waitForReplyContaining: "${answer}", within: 1s}
"""


def test_output_on_a_full_disk_changes_neither_the_verdict_nor_the_files(tmp_path):
    path, junit = tmp_path / "fails.yml", tmp_path / "p.xml"
    path.write_text(FAILS)
    for options, code in ([], 1), (["--only", "passes-2"], 74):
        with Path("/dev/full").open("w") as full, TemporaryFile("w+") as said:
            command = ["test", str(path), "--agent", "echo", "--junit", str(junit), *options]
            child = forked(command, None, stdout=full, stderr=said)
            try:
                assert child.wait(RUN_S) == code
            finally:
                child.kill()
            said.seek(0)
            assert said.read().endswith(
                "guestd: the output: cannot be written: no space left on device;"
                " name another place\n"
            )
        assert ET.parse(junit).getroot().get("failures") == str(int(code == 1))


def test_each_row_of_data_is_a_test_case(tmp_path):
    path, junit = tmp_path / "rows.yml", tmp_path / "p.xml"
    path.write_text(ROWS)

    done = guestd("test", path, "--agent", "echo", "--junit", junit, "-p", "3")

    assert done.code == 1, done.out + done.err
    results = [line.split("  ")[:2] for line in done.out.splitlines() if line[:1] in ("P", "F")]
    assert results == [
        ["PASS", "Track, row 1 of 3"],
        ["FAIL", "Track, row 2 of 3"],
        ["PASS", "Track, row 3 of 3"],
    ]
    assert f"again: guestd test {path} --agent echo --only track-2" in done.out
    names = [one.get("name") for one in ET.parse(junit).iter("testcase")]
    assert names == [f"Track, row {row} [track-{row}]" for row in (1, 2, 3)]

    done = guestd("test", path, "--agent", "echo", "--only", "track-2", "--json")
    (case,) = json.loads(done.out)["cases"]
    assert (case["row"], case["rows"], case["outcome"]) == (2, 3, "failed")


def test_a_full_disk_at_the_end_costs_neither_figures_nor_the_verdict(tmp_path):
    path = tmp_path / "fails.yml"
    path.write_text(FAILS)
    done = guestd("test", path, "--agent", "echo", "--summary", "/dev/full")
    assert done.code == 1 and done.out.endswith("1 passed, 1 failed\n")
    assert done.err.splitlines()[-1].startswith("guestd: --summary: /dev/full cannot be written")


def test_a_file_that_cannot_be_run_costs_nothing_of_those_before(tmp_path):
    """The platform has forgotten the deployment when it is asked for the second time."""
    paths, junit = [tmp_path / "a.yml", tmp_path / "b.yml"], tmp_path / "p.xml"
    for path in paths:
        path.write_text(FAILS.replace("goodbye", "hello"))
    program = Program("emulate", "--port", "0", "--agent", "echo")
    try:
        emulator = RunningEmulator(program.url())
        rule = {"kind": "http_status", "every": 2, "path": "/webdeployments", "status": 404}
        emulator.ask("faults", [rule])
        done = guestd("test", *paths, "--emulator", emulator.url, "--junit", junit)
    finally:
        program.end()

    assert done.code == 69, done.out + done.err
    assert done.out.count("PASS  ") == 2 and done.out.count("(not run)") == 2
    assert done.out.endswith("2 passed, 0 failed, 2 not run\n")
    assert len(list(ET.parse(junit).iter("testcase"))) == 4
