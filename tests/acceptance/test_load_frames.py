"""The report of a failed conversation has the last frames of its guest, without secrets."""

from __future__ import annotations

import json
import re

from .load_harness import guestd

FAILS = """
scenarios:
  Wait in vain:
    - say: hello
    - expect: {containing: never said, within: 500ms}
"""


def test_frames_of_failed_conversations_stand_in_the_report(tmp_path):
    path, summary, report = (tmp_path / name for name in ("f.yml", "s.json", "r.html"))
    path.write_text(FAILS)
    run = ("load", path, "-u", "3", "-r", "100", "--agent", "echo", "-q", "--summary", summary)

    done = guestd(*run, "--report", report)

    assert done.code == 0, done.out + done.err
    told = json.loads(summary.read_text())["conversations"]
    assert [one["why"] for one in told] == ["failed"] * 3
    for one in told:
        assert len(one["frames"]) > 3
        texts = [frame["text"] for frame in one["frames"] if frame.get("direction")]
        assert any("configureSession" in text for text in texts)
        assert any("onMessage" in text and "hello" in text for text in texts)
        assert not any(re.search(r'"token":"[0-9a-f]{8}-', text) for text in texts)
    page = report.read_text()
    assert "Frames around it" in page and "configureSession" in page

    assert guestd(*run, "--frames", "0").code == 0
    told = json.loads(summary.read_text())["conversations"]
    assert told and not any("frames" in one for one in told)
