"""A load run in the console while it lasts: its figures move, it is stopped, and its end is seen.

    TEST_WRITE_PICTURES=1 .venv/bin/python -m pytest tests/acceptance/console/test_load.py

makes the pictures of docs/pictures/load/ again: they are looked at, not compared."""

from __future__ import annotations

import json
import os
import re
import urllib.request
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests import axe

FOLDER = Path(__file__).parents[3] / "docs" / "pictures" / "load"
WIDE, NARROW = (1280, 900), (390, 844)

pytestmark = pytest.mark.timeout(600)

#: Its words are a file's own: they must stay text.
HOSTILE = "<img src=x onerror=alert(1)>"
SCENARIO = f"""
name: Parcel questions <b>bold</b>
scenarios:
  Talk:
    - repeat:
        every: 1800ms
        steps:
          - say: hello
          - waitForReplyContaining: hello
  Wait:
    - say: {json.dumps(HOSTILE)}
    - waitForReplyContaining: {json.dumps(HOSTILE)}
    - waitForReplyContaining: what never comes
      within: 2s
  Patient:
    - say: Are you there?
    - waitForReplyContaining: a person
      within: 10m
"""
SHOWN = """
name: Parcel questions, evening peak
scenarios:
  Ask:
    - repeat:
        every: 2s
        steps:
          - say: Where is my parcel?
          - waitForReplyContaining: parcel
  Ask and pick up:
    - think: {exponential: 3s, max: 9s}
    - say: When will it come?
    - waitForReplyContaining: tomorrow
"""
SHOWN_THRESHOLDS = ("echo_latency.p99 < 100ms", "lost == 0", "first_reply.p95 < 8s")
THRESHOLDS = ("echo_latency.p99 < 20s", "lost == 0", "first_reply.p95 < 0.001ms")


class LoadProgram:
    """A run of some guests against an emulator of its own."""

    def __init__(self, run, tmp_path, *more: str, scenario=SCENARIO, thresholds=THRESHOLDS):
        path = tmp_path / "parcel.yml"
        path.write_text(scenario)
        judged = [word for one in thresholds for word in ("--threshold", one)]
        self.program = run(
            *("load", str(path), "-u", "30", "-t", "10m", "--agent", "echo", "--console", "0"),
            *("--seed", "7", "-q", "--state-dir", str(tmp_path / "state"), *judged, *more),
        )
        line = self.program.until("in the console", self.program.err)
        self.url = line.rpartition(" ")[2]

    def ask(self, path: str):
        with urllib.request.urlopen(f"{self.url.partition('#')[0]}{path}", timeout=30) as answer:
            return json.load(answer)

    def stop(self) -> None:
        run_id = self.ask("v1/info")["load_runs"][0]
        address = f"{self.url.partition('#')[0]}v1/load/{run_id}/stop"
        headers = {"Content-Type": "application/json"}
        urllib.request.urlopen(urllib.request.Request(address, b"{}", headers), timeout=30).close()


@pytest.fixture
def load(run, tmp_path) -> LoadProgram:
    return LoadProgram(run, tmp_path)


def figure(page, name: str) -> float:
    """Of a tile, the number in its note."""
    note = page.locator(".tile", has_text=name).locator("em").inner_text()
    return float(re.search(r"[\d,]+", note)[0].replace(",", ""))


def seconds_shown(page) -> None:
    expect(page.locator(".plot").nth(1)).to_be_visible()
    expect(page.locator(".tile b").first).to_have_text(re.compile(r"^[1-9]\d* of 30$"))


def test_a_run_is_seen_while_it_lasts_and_its_end_too(load, console):
    console.goto(load.url)
    expect(console.get_by_role("heading", level=1)).to_have_text("Parcel questions <b>bold</b>")
    seconds_shown(console)
    before = figure(console, "Messages in")
    expect(console.locator(".tile", has_text="Messages in").locator("em")).not_to_contain_text(
        f"{before:,.0f} in all"
    )
    assert figure(console, "Messages in") > before
    state = console.locator(".run")
    expect(state).to_contain_text("Running")
    expect(state).to_contain_text(re.compile(r"9 m \d\d s left"))
    expect(state).to_contain_text("30 guests at a time, for 10 min")
    expect(console.locator(".tile", has_text="Guests live")).to_contain_text(" of 30")
    expect(console.locator(".tile", has_text="Lost connections")).to_contain_text("none")
    table = console.get_by_role("region", name="Thresholds so far")
    expect(table.get_by_role("row", name="echo_latency.p99 < 20s")).to_contain_text("met")
    lost = table.get_by_role("row", name="lost == 0")
    expect(lost).to_contain_text("not known yet")
    expect(lost).to_contain_text("messages of either side that never arrived; known at the end")
    expect(table.get_by_role("row", name="first_reply.p95")).to_contain_text("not met")
    waits = console.get_by_role("region", name="Waiting for")
    expect(waits).to_contain_text("a person")
    errors = console.get_by_role("region", name="Errors by kind")
    expect(errors).to_contain_text("no reply as expected in time")
    assert console.locator("main img").count() == 0 == console.locator("main h1 b").count()
    labels = console.locator("svg.plot").evaluate_all(
        "all => all.map((one) => one.getAttribute('aria-label'))"
    )
    assert any(one.startswith("Guests by state: now live") for one in labels)
    nav = console.get_by_role("navigation", name="Main", exact=True)
    assert nav.get_by_role("link").all_inner_texts() == ["Load"]

    console.get_by_role("button", name="Stop").focus()
    console.keyboard.press("Enter")
    dialog = console.get_by_role("dialog")
    expect(dialog).to_contain_text(re.compile(r"\d+ guests will end the conversation"))
    dialog.get_by_role("button", name="Cancel").click()
    expect(state).to_contain_text("Running")
    console.get_by_role("button", name="Stop").click()
    dialog.get_by_role("button", name="Stop", exact=True).click()
    expect(state).to_contain_text("Exit code 103.")
    expect(state).to_contain_text("Failed: 1 of 3 thresholds")
    ended = console.get_by_role("region", name="Thresholds")
    expect(ended.get_by_role("row", name="lost == 0")).to_contain_text("met")
    assert load.program.wait() == 103
    console.wait_for_timeout(1500)
    expect(console.locator(".notice")).to_have_count(0)
    expect(console.get_by_role("button", name="Stop")).to_have_count(0)
    assert figure(console, "Messages in") > before


AT_ONCE = """() => [
  document.querySelector('.tile b').firstChild.data,
  document.querySelector('svg.plot').getAttribute('aria-label').match(/now live (\\d+)/)[1],
  document.querySelector('[aria-label="Guests now"] td.num').textContent,
]"""


def test_the_figures_of_one_moment_agree(run, tmp_path, console):
    load = LoadProgram(run, tmp_path, "-r", "1")
    console.goto(load.url)
    seconds_shown(console)
    for _ in range(30):
        shown = console.evaluate(AT_ONCE)
        assert len(set(shown)) == 1, shown
        console.wait_for_timeout(200)
    load.stop()


def test_a_page_that_comes_late_or_again_shows_the_same_points(load, console):
    console.goto(load.url)
    seconds_shown(console)
    console.wait_for_timeout(3000)
    console.keyboard.press("p")
    expect(console.get_by_text("Live updates are paused")).to_be_visible()
    path = console.locator("svg.plot path.ln").first
    drawn = path.get_attribute("d")
    console.wait_for_timeout(2500)
    assert path.get_attribute("d") == drawn
    console.reload()
    seconds_shown(console)
    assert path.get_attribute("d").count("L") > drawn.count("L")


def test_the_page_need_not_be_there_and_is_not_waited_for(load, browser):
    page = browser.new_page()
    page.goto(load.url)
    seconds_shown(page)
    page.close()
    load.stop()
    assert load.program.wait() == 103


def test_two_workers_are_one_run(run, tmp_path, console):
    load = LoadProgram(run, tmp_path, "--workers", "2")
    console.goto(load.url)
    seconds_shown(console)
    expect(console.locator(".run")).to_contain_text("2 processes")
    load.stop()
    expect(console.locator(".run")).to_contain_text("Exit code 103.")


def test_a_daemon_says_how_to_start_one(daemon, console):
    console.goto(f"{daemon.url}/#/load")
    expect(console.get_by_role("heading", name="No load run")).to_be_visible()
    expect(console.locator("code")).to_contain_text("--console 0")
    nav = console.get_by_role("navigation", name="Main", exact=True)
    assert "Load" not in nav.get_by_role("link").all_inner_texts()


@axe.needed
def test_axe_finds_nothing_and_nothing_is_cut_off(load, browser):
    found = {}
    with browser.new_page(reduced_motion="reduce") as page:
        page.goto(load.url)
        for width, height in (WIDE, NARROW, (320, 640), (512, 360)):  # the last: 250 % of 1280
            page.set_viewport_size({"width": width, "height": height})
            seconds_shown(page)
            for theme in axe.in_each_theme(page):
                found[width, theme] = axe.violations(page, axe.SERIOUS)
            assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, width
    assert {where: broken for where, broken in found.items() if broken} == {}


@pytest.mark.skipif("TEST_WRITE_PICTURES" not in os.environ, reason="TEST_WRITE_PICTURES")
def test_pictures(run, tmp_path, browser):
    load = LoadProgram(run, tmp_path, scenario=SHOWN, thresholds=SHOWN_THRESHOLDS)
    contexts = []
    for size, theme in ((WIDE, "light"), (WIDE, "dark"), (NARROW, "light")):
        viewport = {"width": size[0], "height": size[1]}
        context = browser.new_context(viewport=viewport, color_scheme=theme)
        contexts.append((context, context.new_page(), f"live-{size[0]}-{theme}.png"))
        contexts[-1][1].goto(load.url)
    contexts[0][1].wait_for_timeout(45_000)
    for context, page, name in contexts:
        page.screenshot(path=FOLDER / name)
        context.close()
