"""Frames of the live screen, JSON lines and the block at the end: pure text of a known size, whose
words cannot command the terminal."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from guestd.load.measure.live_view import LiveView
from guestd.load.report.console_lines import json_line, live_screen, summary_text
from guestd.load.results import ErrorGroup, Overhead, Percentiles, Summary, ThresholdResult
from tests.thoroughness import examples

from . import sample
from .test_html import with_texts
from .test_markup import HOSTILE

#: A failure here is as clear without minutes of shrinking.
QUICK = (Phase.explicit, Phase.reuse, Phase.generate)
COLOURS = re.compile(r"\x1b\[[0-9]+m")
TERMINAL = HOSTILE | st.sampled_from(
    ["\x1b[2J", "\x1b]0;title\x07", "日本語" * 40, "a\nb\r", "🧑‍🚀" * 50]
)


def view(text: str = "first reply", **more) -> LiveView:
    echo = Percentiles(count=4120, p50=2.6, p95=7.1, p99=212.0, max=1200.0)
    given = {
        "title": "Parcel questions, evening peak",
        "elapsed_s": 151.0,
        "left_s": 449.0,
        "planned": 3000,
        "guests": {"live": 2871, "opening": 12, "resting": 3, "waiting": 114, "leaving": 0},
        "opened": 2886,
        "ended": 0,
        "failed": 1,
        "sent": 4120,
        "confirmed": 4118,
        "received": 8230,
        "opened_per_s": 24.9,
        "sent_per_s": 27.4,
        "received_per_s": 54.9,
        "echo": echo,
        "first_reply": Percentiles(count=1200, p50=5100.0, p95=9300.0, p99=11_800.0, max=12_000.0),
        "echo_minute": [7.0 + n % 5 + (600 if n == 40 else 0) for n in range(60)],
        "sent_minute": [20.0 + n % 9 for n in range(60)],
        "waits": [(f"{text} {n}", 1204 - n) for n in range(6)],
        "errors": [
            ErrorGroup(what="step 3: no reply", count=118),
            ErrorGroup(what=f"{text}: upload refused", count=6),
        ],
        "thresholds": [
            ThresholdResult(expression="echo_latency.p99 < 500ms", ok=True, value=212.0, unit="ms"),
            ThresholdResult(expression="lost == 0", ok=False, value=3.0, unit="count", note=text),
        ],
        "overhead": Overhead(cpu_share=0.41, lag_p99_ms=2.3),
    }
    return LiveView(**(given | more))


@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40), (40, 20)])
def test_a_frame_has_its_size(width, height, colour):
    lines = live_screen(view(), width, height, colour).split("\n")
    assert len(lines) == height
    assert max(cell_len(COLOURS.sub("", one)) for one in lines) <= width


def test_a_frame_says_what_is_going_on():
    frame = live_screen(view(), colour=False)
    for told in (
        "Parcel questions, evening peak", "2:31, 7:29 left", "live 2,871", "of 3,000",
        "4,120 sent (27.4/s), 4,118 confirmed", "212 ms", "9.3 s", "▁", "█", "607 ms",
        "first reply 0", "1,204", "3 other kinds", "step 3: no reply", "118", "1 of 2 failed",
        "failed  lost == 0", "CPU 41 %, loop lag 2.3 ms", "Ctrl-C: stop",
    ):  # fmt: skip
        assert told in frame, told
    assert "\x1b" not in frame


def test_without_colour_and_with_it_the_words_are_the_same():
    assert COLOURS.sub("", live_screen(view(), colour=True)) == live_screen(view(), colour=False)
    run = sample.evening_peak()
    assert COLOURS.sub("", summary_text(run, colour=True)) == summary_text(run, colour=False)


def test_a_client_that_is_too_slow_and_one_that_stops_are_told():
    slow = live_screen(view(overhead=Overhead(cpu_share=0.93)), colour=False)
    assert "too slow, so not valid" in slow
    stopping = live_screen(view(stopping=True, left_s=None), colour=False)
    assert "2:31, stopping" in stopping and "Ctrl-C again" in stopping


def test_a_run_that_has_just_begun_is_drawn():
    frame = live_screen(LiveView(title="x", elapsed_s=0.0), colour=False)
    assert "until all are through" in frame and "no errors" in frame and "–" in frame
    assert len(frame.split("\n")) == 24


@settings(max_examples=examples(50), phases=QUICK)
@given(TERMINAL)
def test_no_text_commands_the_terminal_or_breaks_a_line(text):
    frame = live_screen(view(text, title=text), colour=True).split("\n")
    assert len(frame) == 24
    ended = summary_text(with_texts(sample.functional(), text), colour=True)
    for line in [*frame, *ended.split("\n")]:
        plain = COLOURS.sub("", line)
        assert cell_len(plain) <= 80 or plain.startswith("  again: "), "that one is to be copied"
        assert not re.search(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", plain)


@settings(max_examples=examples(50))
@given(TERMINAL)
def test_a_json_line_is_one_line_of_json(text):
    line = json_line(view(text))
    assert "\n" not in line and "\x1b" not in line
    found = json.loads(line)
    assert found["guests"]["live"] == 2871
    assert found["echo_ms"]["p99"] == 212.0
    assert found["thresholds"][1]["ok"] is False
    assert found["waits"][f"{text} 0"] == 1204


FIGURES = [
    "Failed: 2 of 6 thresholds", "failed  first_reply.p95 < 8s", "met     echo_latency.p99 < 500ms",
    "3,000 of 3,000 opened, 3,000 ended, 0 failed, most at once 3,000", "3 lost, 0 doubled",
    "2 uncertain", "16,199 run, 124 failed", "connection lost: 1006", "13,612", "echo, as sent",
    "lost  a message of the bot’s, and step 3 with it", "The run is valid:",
    "again: guestd load parcel.yaml --seed 7 --only p-1187",
]  # fmt: skip


def test_the_end_of_a_run_says_its_figures():
    block = summary_text(sample.evening_peak(), colour=False)
    assert [one for one in FIGURES if one not in block] == []
    assert max(map(cell_len, block.split("\n"))) <= 80
    assert len(block.split("\n")) < 70


def test_the_last_lines_of_a_long_report_are_thresholds_and_verdict():
    lines = summary_text(sample.evening_peak(), colour=False).rstrip().split("\n")
    assert len(lines) > 24, "more than a terminal shows"
    kept = lines[-23:]
    head, blank = kept.index("thresholds"), kept.index("", kept.index("thresholds"))
    marks = [one.split()[0] for one in kept[head + 1 : blank]]
    assert marks == ["met"] * 4 + ["failed"] * 2, "the failed ones next to the verdict"
    assert kept[blank + 1] == "Failed: 2 of 6 thresholds"
    said = " ".join(kept[blank + 2 :])
    assert said.startswith("from 5:54 on, ") and " The run is valid: " in said
    assert lines[:2] == [
        "Parcel questions, evening peak",
        "29 November 2026, 18:00:04 to 18:10:11 UTC",
    ]
    assert "\n".join(lines).count("Failed: 2 of 6") == 1


def test_no_two_blank_lines_follow_each_other():
    for run in (Summary(), sample.evening_peak(), sample.functional()):
        assert "\n\n\n" not in summary_text(run, colour=False)


def test_a_run_that_is_not_valid_is_said_at_the_end():
    run = Summary(valid=False, overhead=Overhead(reasons=["it was busy"]))
    block = summary_text(run, colour=False).splitlines()
    at = block.index("Not valid")
    assert "The run is not valid: it was busy." in block[at + 1]
    assert " ".join(block[-2:]).endswith("with --require-valid it is 111")
    run.exit_code = 111
    block = summary_text(run, colour=False)
    assert "\nNot valid\n" in block and "--require-valid" not in block


def test_a_threshold_that_failed_is_named_once():
    failed = ThresholdResult(expression="echo_latency.p99 < 5ms", ok=False, value=9.0, unit="ms")
    block = summary_text(Summary(exit_code=99, thresholds=[failed]), colour=False)
    assert block.count("echo_latency.p99 < 5ms") == 1
    assert block.count("1 of 1") == 1


def test_the_end_of_an_empty_run_is_told():
    assert "Passed" in summary_text(Summary(), colour=False)
