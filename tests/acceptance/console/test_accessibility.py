"""axe-core finds nothing serious on any view, in both themes, wide and narrow."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests import axe

from .scenes import hold_a_conversation

pytestmark = pytest.mark.timeout(600)

#: What a view shows when it is complete.
VIEWS = {
    "#/guests": (".guests .row",),
    "#/guests/ana": (".talk .card", ".frames .row", ".why dl"),
    "#/guests/ana/frames?n=2": ("#tab-frames[aria-selected=true]", ".frames .row", ".detail"),
    "#/guests/ana/events?seq=4": ("#tab-events[aria-selected=true]", ".detail"),
    "#/guests/ana/explain": (".why dl",),
    "#/guests/ana/agent": (".inspect form", ".inspect select option"),
    "#/guests/ana/faults": (".inspect .grid3", ".inspect h3:has-text('seed')"),
    "#/guests?q=nothing-like-this": (".empty",),
    "#/overview": (".tiles", ".plot"),
    "#/faults": (".grid3", "main h3:has-text('seed')"),
}
SIZES = {"wide": (1280, 800), "narrow": (390, 844)}

#: Resolves when the page has taken up its address and drawn that.
GO = """(address) => new Promise((resolve) => {
  location.hash = address
  requestAnimationFrame(() => requestAnimationFrame(resolve))
})"""


def show(page, address: str) -> None:
    page.evaluate(GO, address)
    for landmark in VIEWS[address]:
        expect(page.locator(landmark).first).to_be_attached()


@axe.needed
def test_no_view_has_a_serious_violation(daemon, browser):
    hold_a_conversation(daemon)
    found = {}
    with browser.new_page(reduced_motion="reduce") as page:
        page.goto(daemon.url)
        for size, (width, height) in SIZES.items():
            page.set_viewport_size({"width": width, "height": height})
            for address in VIEWS:
                show(page, address)
                for theme in axe.in_each_theme(page):
                    found[size, address, theme] = axe.violations(page, axe.SERIOUS)
            page.keyboard.press("Escape")
            page.keyboard.press("?")
            dialog = page.get_by_role("dialog")
            expect(dialog).to_be_visible()
            for theme in axe.in_each_theme(page):
                found[size, "help", theme] = axe.violations(page, axe.SERIOUS)
            page.keyboard.press("Escape")
            expect(dialog).to_have_count(0)
    assert {where: broken for where, broken in found.items() if broken} == {}


@axe.needed
def test_the_page_that_asks_for_a_token_has_none_either(start, browser):
    daemon = start(token="a-token-of-enough-length")
    with browser.new_page() as page:
        page.goto(daemon.url)
        expect(page.get_by_role("textbox", name="Token")).to_be_focused()
        for theme in axe.in_each_theme(page):
            assert axe.violations(page, axe.SERIOUS) == [], theme


def test_nothing_is_cut_off_on_a_phone_and_no_key_is_spoken_of(daemon, browser):
    hold_a_conversation(daemon)
    with browser.new_page(has_touch=True, is_mobile=True) as page:
        page.goto(daemon.url)
        for width, height in ((320, 640), (390, 844)):
            page.set_viewport_size({"width": width, "height": height})
            for address in VIEWS:
                show(page, address)
                beyond = page.evaluate("document.documentElement.scrollWidth - innerWidth")
                assert beyond <= 0, (width, address)
            all_is_in_reach(page, daemon)


def all_is_in_reach(page, daemon) -> None:
    page.goto(f"{daemon.url}/#/guests/ana")
    in_reach = [
        page.get_by_role("textbox", name="Message as ana"),
        page.get_by_role("button", name="Send"),
        page.get_by_role("button", name="More actions"),
        page.get_by_role("button", name="Keyboard and help"),
        page.get_by_role("navigation", name="Main, below"),
        *page.get_by_role("navigation", name="Panes").get_by_role("link").all(),
        page.get_by_role("button", name="Show its frame", exact=True).last,
    ]
    for one in in_reach:
        expect(one).to_be_in_viewport(ratio=1)
    expect(page.locator("kbd:visible")).to_have_count(0)
    page.get_by_role("button", name="Show its frame", exact=True).last.tap()
    expect(page.get_by_role("listbox", name="Frames of this session")).to_be_visible()


def test_the_letters_of_a_plot_keep_their_size(daemon, browser):
    with browser.new_page() as page:
        page.goto(f"{daemon.url}/#/overview?window=5m")
        for width in (320, 390, 768, 1280):
            page.set_viewport_size({"width": width, "height": 800})
            page.reload()
            label = page.locator(".plot text").first
            expect(label).to_be_visible()
            assert 9 <= label.bounding_box()["height"] <= 16, width
