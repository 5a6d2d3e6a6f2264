"""`guestd test` judges the thresholds of a file that say something of one round."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

from .load_harness import guestd

BOT = """
scenarios:
  Hello:
    - say: hello
    - waitForReplyContaining: hello
thresholds:
  - lost == 0
  - first_reply.max < 0.001ms
  - {expression: messages.sent.rate > 1000, abortOnFail: true}
"""


def test_a_threshold_that_does_not_hold_fails_the_run(tmp_path):
    path, junit, report = (tmp_path / name for name in ("bot.yml", "r.xml", "r.html"))
    path.write_text(BOT)

    done = guestd("test", path, "--agent", "echo", "--junit", junit, "--report", report)

    assert done.code == 1, done.out + done.err
    assert "PASS  Hello" in done.out and "threshold met: lost == 0" in done.out
    assert "threshold failed: first_reply.max < 0.001ms" in done.out
    assert done.out.endswith("1 passed, 0 failed; 1 threshold failed\n")
    ignored = "messages.sent.rate > 1000 is ignored: a rate per second depends on the load"
    assert ignored in done.err
    cases = {one.get("name"): one for one in ET.parse(junit).iter("testcase")}
    assert cases["first_reply.max < 0.001ms"].find("failure") is not None
    assert cases["messages.sent.rate > 1000"].find("skipped") is not None
    assert "ignored" in report.read_text()


def test_a_program_reads_the_thresholds_beside_the_cases(tmp_path):
    path = tmp_path / "bot.yml"
    path.write_text(BOT.replace("0.001ms", "100s"))

    done = guestd("test", path, "--agent", "echo", "--json")

    assert done.code == 0, done.out + done.err
    found = json.loads(done.out)
    assert found["passed"]
    told = {one["expression"]: (one["ok"], one["ignored"]) for one in found["thresholds"]}
    assert told["first_reply.max < 100s"] == (True, False)
    assert told["messages.sent.rate > 1000"] == (True, True)
