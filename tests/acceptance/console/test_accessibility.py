"""axe-core finds nothing serious on any view, in both themes, wide and narrow."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from .scenes import hold_a_conversation

AXE = Path(__file__).parents[3] / ".ci" / "node" / "node_modules" / "axe-core" / "axe.min.js"

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.skipif(not AXE.exists(), reason="axe-core: npm ci --prefix .ci/node"),
]

VIEWS = {
    "#/guests": ".guests .row",
    "#/guests/ana": ".talk .card",
    "#/guests/ana/frames?n=2": ".frames .row",
    "#/guests/ana/events?seq=4": ".detail",
    "#/guests/ana/explain": ".why",
    "#/guests/ana/agent": ".inspect form",
    "#/guests/ana/faults": ".grid3",
    "#/guests?q=nothing-like-this": ".empty",
    "#/overview": ".tiles",
    "#/faults": ".grid3",
}
SIZES = {"wide": (1280, 800), "narrow": (390, 844)}

RUN = """async () => {
  const found = await axe.run(document, { resultTypes: ['violations'] })
  return found.violations.filter(({ impact }) => ['serious', 'critical'].includes(impact))
    .map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map((node) => `${node.html.slice(0, 160)} ${node.any.concat(node.all)[0]?.message ?? ''}`).join(' | ')}`)
}"""


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_no_view_has_a_serious_violation(daemon, browser, theme, size):
    hold_a_conversation(daemon)
    width, height = SIZES[size]
    context = browser.new_context(
        color_scheme=theme, viewport={"width": width, "height": height}, reduced_motion="reduce"
    )
    page = context.new_page()
    found: dict[str, list[str]] = {}
    page.goto(daemon.url)
    page.evaluate(AXE.read_text())
    for address, landmark in VIEWS.items():
        page.evaluate("(address) => { location.hash = address }", address)
        expect(page.locator(landmark).first).to_be_attached()
        page.wait_for_timeout(300)
        if violations := page.evaluate(RUN):
            found[address] = violations
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    found |= {"help": violations} if (violations := page.evaluate(RUN)) else {}
    context.close()
    assert found == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_page_that_asks_for_a_token_has_none_either(start, browser, theme):
    daemon = start(token="a-token-of-enough-length")
    context = browser.new_context(color_scheme=theme)
    page = context.new_page()
    page.goto(daemon.url)
    expect(page.get_by_role("textbox", name="Token")).to_be_focused()
    page.evaluate(AXE.read_text())
    assert page.evaluate(RUN) == []
    context.close()


@pytest.mark.parametrize("size", [(320, 640), (390, 844)], ids=str)
def test_nothing_is_cut_off_on_a_phone_and_no_key_is_spoken_of(daemon, browser, size):
    hold_a_conversation(daemon)
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, has_touch=True, is_mobile=True
    )
    page = context.new_page()
    for address, landmark in VIEWS.items():
        page.goto(f"{daemon.url}/{address}")
        expect(page.locator(landmark).first).to_be_attached()
        beyond = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert beyond <= 0, address
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
    context.close()


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_the_letters_of_a_plot_keep_their_size(daemon, browser, width):
    page = browser.new_page(viewport={"width": width, "height": 800})
    page.goto(f"{daemon.url}/#/overview?window=5m")
    label = page.locator(".plot text").first
    expect(label).to_be_visible()
    assert 9 <= label.bounding_box()["height"] <= 16
    page.close()
