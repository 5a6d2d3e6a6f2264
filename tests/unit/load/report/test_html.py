"""The report says all that the summary says, as text and never as markup, and stays small."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import Phase, given, settings

from guestd.load.report import html
from guestd.load.report.chosen import EACH_KIND_MAX, SLOW_MAX, chosen
from guestd.load.report.html import POLICY, report_html
from guestd.load.report.html_conversations import ENTRIES_MAX, FRAMES_MAX
from guestd.load.results import (
    Band,
    ConversationReport,
    FrameEntry,
    Summary,
    ThresholdResult,
    TranscriptEntry,
)
from tests.thoroughness import examples

from . import sample
from .test_markup import HOSTILE, Seen

BYTES_MAX = 2_000_000


def drawn(summary: Summary) -> Seen:
    return Seen(report_html(summary))


@pytest.fixture(scope="module")
def peak() -> Summary:
    return sample.evening_peak()


@pytest.fixture(scope="module")
def page(peak) -> Seen:
    return drawn(peak)


def test_the_head_says_the_verdict_and_two_sentences(page):
    assert "Failed: 2 of 6 thresholds" in page.text
    assert "from 5:54 on, in “stall”: 633 connections were lost (all restored" in page.text
    assert "3 messages were lost, 2 messages were of uncertain fate, and 124 steps failed" in (
        page.text
    )
    assert "The run is valid: the load generator used 41 % of a core" in page.text
    assert "29 November 2026, 18:00:04 to 18:10:11 UTC" in page.text
    assert "seed 7" in page.text and "exit code 99" in page.text


def test_failed_thresholds_come_first(page):
    places = [page.text.index(one) for one in ("first_reply.p95", "lost == 0", "echo_latency.p99")]
    assert places == sorted(places)


@pytest.mark.parametrize("heading", [
    "Thresholds", "Over time", "Distributions", "Steps", "Errors and throttling",
    "Failed and slowest conversations", "Environment",
])  # fmt: skip
def test_every_part_of_the_design_is_there(page, heading):
    assert heading in page.text


FIGURES = [
    "13,612 messages", "633", "20", "60 requests a minute and connection", "118", "send_failed",
    "71 MiB", "3,061 of 20,000", "41,211 messages of 3,000 conversations", "wall drift 0.2 ms",
    "guestd load parcel.yaml --seed 7 --only p-1187", "Python 3.12.4, Linux 6.1", "5be1f0",
    "2 cores, 24 GiB", "p99 2.3 ms, most 14 ms", "Late starts12", "closed 1006",
    "StructuredMessage Typing  287 B", "41 others", "c0ffee00-1187", "r-20261129-1800",
    "a reply containing “parcel” within 30 s", "117 more", "0.77 %",
]  # fmt: skip


@pytest.mark.parametrize("figure", FIGURES)
def test_a_figure_of_the_summary_appears(page, figure):
    assert figure in page.text


def test_every_count_of_the_summary_appears():
    """Counts that occur once, each with a value of its own."""
    found = sample.evening_peak()
    number = iter(range(1_000_100, 1_000_000, -1))  # fewer ended than opened than planned
    for section, names in (
        (found.sessions, ("planned", "opened", "ended", "failed", "most_at_once")),
        (found.messages, ("sent", "confirmed", "received", "failed")),
        (found, ("lost", "doubled", "reordered", "uncertain", "seed")),
        (found.steps[0], ("run", "failed")),
        (found.errors[0], ("count",)),
        (found.throttling[0], ("count",)),
        (found.lost_connections[0], ("count",)),
        (found.overhead, ("workers", "late_starts")),
        (found.environment, ("cores", "open_files", "open_files_limit")),
        (found.reconciled, ("messages", "conversations")),
        (found.conversations[4], ("frames_left_out",)),
        (found.points[3], ("sent", "confirmed", "received", "opened", "ended", "steps_failed",
            "lost_connections", "throttled")),
        (found.latency_ms.echo, ("count",)),
    ):  # fmt: skip
        for name in names:
            setattr(section, name, next(number))
    text = drawn(found).text.replace(",", "")
    assert [n for n in range(1_000_100, next(number), -1) if str(n) not in text] == []


def test_every_latency_appears(page, peak):
    for found in msgspec.structs.astuple(peak.latency_ms):
        assert f"{found.count:,}" in page.text


def test_no_script_no_address_and_the_policy(page):
    tags = {tag for tag, _ in page.tags}
    assert not tags & {"script", "img", "link", "a", "iframe", "form", "input"}
    names = {name for _, attributes in page.tags for name, _ in attributes}
    assert not {name for name in names if name.startswith("on")} | names & {"src", "href", "style"}
    (policy,) = [dict(one)["content"] for tag, one in page.tags if ("http-equiv",
        "Content-Security-Policy") in one]  # fmt: skip
    assert policy == POLICY
    whole = report_html(sample.evening_peak())
    assert "://" not in whole and "url(" not in whole and "@import" not in whole


def test_colours_and_type_are_the_consoles():
    """But for the ground, which is the paper's white, and what lies on it."""
    product = Path(html.__file__).parents[2]

    def words(sheet: Path) -> dict[str, str]:
        return dict(re.findall(r"^  (--[\w-]+): (.+);$", sheet.read_text(), re.MULTILINE))

    mine = words(product / "load" / "report" / "report.css")
    consoles = words(product / "console" / "page" / "main.css")
    shared = mine.keys() & consoles.keys() - {"--bg", "--sunken"}
    assert len(shared) > 15
    assert {name: mine[name] for name in shared} == {name: consoles[name] for name in shared}


def test_at_most_200_points_a_plot_and_a_table_behind_each(page):
    assert sum(tag == "svg" for tag, _ in page.tags) == 8 + 6  # and a bar for each threshold
    assert sum(("class", "data") in attributes for _, attributes in page.tags) == 8


def with_texts(found, text: str):
    """The same with `text` in every field that is a text, and as every key."""
    if isinstance(found, str):
        return text
    if isinstance(found, list):
        return [with_texts(one, text) for one in found]
    if isinstance(found, dict):
        return dict.fromkeys([text] * len(found), next(iter(found.values()), None))
    if not isinstance(found, msgspec.Struct):
        return found
    fields = {name: getattr(found, name) for name in found.__struct_fields__}
    literal = isinstance(found, Summary | Band)
    return type(found)(**{
        name: one if name == "kind" and literal else with_texts(one, text)
        for name, one in fields.items()
    })  # fmt: skip


@pytest.fixture(scope="module")
def tags_of_small(small):
    return drawn(small).tags


@settings(max_examples=examples(25), phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(HOSTILE)
def test_no_text_in_any_field_makes_an_element_or_an_attribute(small, tags_of_small, text):
    seen = drawn(with_texts(small, text))
    names = {name for _, attributes in seen.tags for name, _ in attributes}
    allowed = {name for _, attributes in tags_of_small for name, _ in attributes}
    assert names <= allowed
    tags = [tag for tag, _ in tags_of_small]
    assert {tag for tag, _ in seen.tags} <= set(tags)
    assert sum(tag == "h2" for tag, _ in seen.tags) == tags.count("h2")


def test_a_long_message_is_cut_and_says_so():
    found = sample.evening_peak()
    found.conversations[0].transcript = [
        TranscriptEntry(at_s=1.0, who="guest", text="x" * 4000 + "hidden" * 2000)
    ]
    text = drawn(found).text
    assert "hidden" not in text and "… (cut: 16,000 characters)" in text


def test_many_lines_and_frames_are_left_out_in_the_middle():
    found = sample.evening_peak()
    one = found.conversations[0]
    one.transcript = [
        TranscriptEntry(at_s=float(n), who="guest", text=f"line-{n}.") for n in range(1000)
    ]
    one.frames = [FrameEntry(at_s=1.0, direction="in", text=f"frame-{n}.") for n in range(1000)]
    text = drawn(found).text
    assert f"{1000 - ENTRIES_MAX} lines are left out" in text
    assert f"{1000 - FRAMES_MAX} frames are left out" in text
    for kept in ("line-0.", "line-999.", "frame-0.", "frame-999."):
        assert kept in text
    assert "line-500." not in text and "frame-500." not in text


def test_15000_guests_and_10000_failures_are_a_page_of_less_than_2_mb():
    whole = report_html(sample.large())
    assert len(whole.encode()) < BYTES_MAX
    text = Seen(whole).text
    assert "more" in text and "Its transcript is left out" in text


def test_long_and_strange_texts_everywhere_do_not_make_it_larger():
    strange = with_texts(sample.large(failures=300), '"<\u202e&📦' * 2000)
    assert len(report_html(strange).encode()) < BYTES_MAX


def test_five_of_each_failure_are_told_and_the_others_counted():
    def some(why: str, what: str, times: int, alike: int = 0):
        return [
            ConversationReport(guest=f"{why}-{what}-{n}", scenario="s", why=why, outcome="failed",
                what=what, alike=alike)
            for n in range(times)
        ]  # fmt: skip

    found = chosen([
        *some("slow", "", 30), *some("failed", "a", 9), *some("failed", "b", 3, alike=2),
        *some("lost", "", 20), *some("doubled", "", 1),
    ])  # fmt: skip
    whys = [one.why for one in found.told]
    assert whys == ["lost"] * 20 + ["doubled"] + ["failed"] * (EACH_KIND_MAX + 3) + ["slow"] * (
        SLOW_MAX
    )
    assert sorted(found.others) == [("failed", "a", 4), ("failed", "b", 6), ("slow", "", 20)]


def test_an_empty_summary_is_drawn():
    text = drawn(Summary()).text
    assert "Passed" in text and "Nothing went wrong" in text and "None were set." in text


def test_a_summary_read_from_json_is_drawn_alike():
    found = sample.evening_peak()
    again = msgspec.json.decode(msgspec.json.encode(found), type=Summary)
    assert report_html(again) == report_html(found)


def test_nothing_measured_and_nothing_finite_are_drawn():
    found = sample.evening_peak()
    for point in found.points[10:20]:
        point.echo_ms.p50 = point.echo_ms.p95 = point.echo_ms.p99 = None
    found.thresholds.append(ThresholdResult(expression="first_human_reply.p95 < 1s", ok=False))
    found.latency_ms.echo.histogram = "not one"
    text = drawn(found).text
    assert "nothing measured" in text
    assert not re.search(r"\bnan\b|\binf\b|None", text)


def test_a_functional_run_shows_its_conversations():
    text = drawn(sample.functional(failures=1)).text
    assert "Failed: 1 of 4 conversations" in text and "greets 3" in text
    assert "1 conversation did not pass: “greets 0”" in text and "Nothing went wrong" not in text
    assert "Parcel bot" in text and "None were set" not in text
