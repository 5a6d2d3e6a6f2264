"""The pictures of docs/pictures/console/, made again on demand:

    TEST_WRITE_PICTURES=1 .venv/bin/python -m pytest tests/acceptance/console/test_pictures.py

They are looked at, not compared: fonts differ between machines."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from playwright.sync_api import expect

from .scenes import hold_a_conversation, until
from .test_newcomer import PATIENT

FOLDER = Path(__file__).parents[3] / "docs" / "pictures" / "console"

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.skipif("TEST_WRITE_PICTURES" not in os.environ, reason="TEST_WRITE_PICTURES"),
]

WIDE, NARROW = (1280, 800), (390, 844)

#: File, address, size, theme, and what must be there.
PICTURES = [
    ("conversation", "#/guests/ana/frames?n=3", WIDE, "light", ".detail"),
    ("conversation-dark", "#/guests/ana/frames?n=3", WIDE, "dark", ".detail"),
    ("agent", "#/guests/ana/agent", WIDE, "light", ".inspect form"),
    ("faults", "#/guests/ana/faults", WIDE, "light", ".grid3"),
    ("overview", "#/overview?window=5m", WIDE, "light", ".plot"),
    ("overview-dark", "#/overview?window=5m", WIDE, "dark", ".plot"),
    ("narrow-list", "#/guests", NARROW, "light", ".guests .row"),
    ("narrow-chat", "#/guests/ana", NARROW, "dark", ".talk .card"),
    ("narrow-frames", "#/guests/ana/frames", NARROW, "dark", ".frames .row"),
    ("narrow-explain", "#/guests/ana/explain", NARROW, "light", ".why"),
]


def take(browser, url, name, address, size, theme, landmark, prepare=None, **more):
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme=theme,
        reduced_motion="reduce",
        **more,
    )
    page = context.new_page()
    if prepare is not None:
        prepare(page)
    page.goto(f"{url}/{address}")
    expect(page.locator(landmark).first).to_be_visible()
    page.wait_for_timeout(1500)
    FOLDER.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=FOLDER / f"{name}.png")
    context.close()


def test_pictures_of_a_conversation(daemon, browser):
    context = browser.new_context()
    watcher = context.new_page()  # so that frames are kept from the beginning
    daemon.open("ana", attributes={"tier": "gold", "locale": "de"})
    watcher.goto(f"{daemon.url}/#/guests/ana/frames")
    expect(watcher.locator(".talk")).to_contain_text("Live")
    hold_a_conversation(daemon)
    rule = {"kind": "reorder", "rate": 0.1, "ms": 150, "guest": "ana"}
    daemon.emulate("faults", {"seed": 7, "rules": [rule, {"kind": "drop", "rate": 0.01}]})
    for name, address, size, theme, landmark in PICTURES:
        take(browser, daemon.url, name, address, size, theme, landmark)
    context.close()


def test_a_picture_without_guests(daemon, browser):
    take(browser, daemon.url, "empty", "#/guests", WIDE, "light", ".listpane .empty")


def test_a_picture_of_a_daemon_that_is_away(daemon, browser):
    hold_a_conversation(daemon)

    def watch(page):
        page.goto(f"{daemon.url}/#/guests/ana")
        expect(page.locator(".talk .card")).to_be_visible()
        daemon.program.end()
        expect(page.locator(".notice.bad")).to_be_visible()
        page.wait_for_timeout(1500)
        page.screenshot(path=FOLDER / "lost.png")

    FOLDER.mkdir(parents=True, exist_ok=True)
    page = browser.new_page(viewport={"width": WIDE[0], "height": WIDE[1]})
    watch(page)
    page.close()


def test_a_picture_of_what_waits(start, browser):
    """A message without its echo on a half-open connection, which a heartbeat has noticed."""
    daemon = start(**PATIENT)
    hold_a_conversation(daemon)
    daemon.emulate("inject", {"guest": "ana", "kind": "half_open"})
    daemon.send("ana", "Does anybody hear me?")
    daemon.emulate("inject", {"guest": "bruno", "kind": "half_open"})
    until(lambda: len(daemon.ask("GET", "/v1/sessions?attention=unanswered")["sessions"]) == 2)

    def slow(page):
        answer = {
            "status": 200,
            "content_type": "application/json",
            "body": json.dumps({"ready": False, "reason": "platform_unreachable"}),
        }
        page.route("**/readyz", lambda route: route.fulfill(**answer))

    take(browser, daemon.url, "trouble", "#/guests/ana", WIDE, "light", ".notice", slow)


def test_pictures_of_forced_colours_and_of_large_letters(daemon, browser):
    hold_a_conversation(daemon)
    where = ("#/guests/ana", WIDE, "light", ".talk .card")
    take(browser, daemon.url, "forced-colours", *where, forced_colors="active")
    half = (640, 400)
    take(
        browser,
        daemon.url,
        "large-letters",
        "#/guests/ana",
        half,
        "light",
        ".talk .card",
        device_scale_factor=2,
    )
