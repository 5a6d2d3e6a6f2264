"""Two runs on one page and in a block of text: the verdicts of the comparison, and both curves."""

from __future__ import annotations

import re

import pytest
from hypothesis import Phase, given, settings
from rich.cells import cell_len

from guestd.load.measure.compare import RunComparison, compare
from guestd.load.report.compare_html import compare_html
from guestd.load.report.compare_text import compare_text
from guestd.load.report.html import POLICY
from guestd.load.results import Summary
from tests.thoroughness import examples

from . import sample
from .test_html import Seen, with_texts
from .test_markup import HOSTILE

COLOURS = re.compile(r"\x1b\[[0-9]+m")


@pytest.fixture(scope="module")
def calm() -> Summary:
    return sample.evening_peak(stalls=False)


@pytest.fixture(scope="module")
def stalled() -> Summary:
    return sample.evening_peak()


@pytest.fixture(scope="module")
def comparison(calm, stalled) -> RunComparison:
    return compare(calm, stalled)


@pytest.fixture(scope="module")
def page(calm, stalled, comparison) -> Seen:
    return Seen(compare_html(calm, stalled, comparison))


def test_the_page_says_the_verdict_and_each_measure(comparison, page):
    assert comparison.verdict.lower() in page.text.lower()
    for one in (*comparison.measures, *comparison.counts):
        assert one.sentence in page.text
    for heading in ("Runs", "Latencies", "Counts", "Over time", "Distributions"):
        assert heading in page.text


def test_both_curves_are_in_the_same_plots(page):
    names = [dict(attributes).get("class") for tag, attributes in page.tags if tag == "path"]
    assert names.count("n") == names.count("a") >= 8
    assert page.text.count("first ") > 100
    assert sum(("class", "data") in attributes for _, attributes in page.tags) == (names.count("a"))


def test_the_page_has_the_policy_and_no_script(calm, stalled, comparison, page):
    tags = {tag for tag, _ in page.tags}
    assert not tags & {"script", "img", "link", "a"}
    whole = compare_html(calm, stalled, comparison)
    assert POLICY.replace("'", "&#x27;") in whole
    assert len(whole.encode()) < 2_000_000


def test_runs_that_may_not_be_comparable_are_told_so(calm):
    other = sample.evening_peak(stalls=False, seed=8)
    text = Seen(compare_html(calm, other, compare(calm, other))).text
    assert "They may not be comparable: the seeds differ" in text


def test_runs_of_different_length_share_an_axis(calm):
    half = sample.evening_peak(stalls=False)
    half.points = half.points[:50]
    for a, b in ((calm, half), (half, calm)):
        assert "9:58" in Seen(compare_html(a, b, compare(a, b))).text


def test_a_run_without_rows_has_no_plots_over_time(calm):
    bare = sample.evening_peak(stalls=False)
    bare.points = []
    assert "Over time" not in Seen(compare_html(bare, calm, compare(bare, calm))).text


def test_the_block_of_text_says_the_same_in_its_width(calm, stalled, comparison):
    block = compare_text(calm, stalled, comparison, colour=False)
    assert block.startswith(comparison.verdict[:40])
    assert "first reply" in block and "restored" in block and "→" in block
    assert max(map(cell_len, block.split("\n"))) <= 80
    assert COLOURS.sub("", compare_text(calm, stalled, comparison)) == block


@settings(max_examples=examples(15), phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(HOSTILE)
def test_no_text_makes_an_element_or_a_command(calm, stalled, text):
    def strange(found):
        kept = found.latency_ms
        changed = with_texts(found, text)
        changed.latency_ms, changed.points = kept, changed.points[110:120]
        return changed

    a, b = strange(calm), strange(stalled)
    comparison = compare(a, b)
    comparison.warnings.append(text)
    comparison.verdict = text
    seen = Seen(compare_html(a, b, comparison))
    assert not {tag for tag, _ in seen.tags} & {"script", "img", "b onload", "style/"}
    block = COLOURS.sub("", compare_text(a, b, comparison))
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]", block)
