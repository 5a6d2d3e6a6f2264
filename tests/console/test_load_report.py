"""The HTML report of a load run in Chromium: from a file, with the network off, in both themes, wide
and narrow, on paper, and with its styles blocked."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from guestd.load.measure.compare import compare
from guestd.load.report.compare_html import compare_html
from guestd.load.report.html import report_html
from tests import axe
from tests.unit.load.report import sample

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "docs" / "pictures" / "load"
WIDE, NARROW = (1280, 900), (390, 844)

pytestmark = pytest.mark.timeout(600)

OPEN_FOLDS = "document.querySelectorAll('details').forEach((one) => { one.open = true })"


def compared() -> str:
    calm, stalled = sample.evening_peak(stalls=False), sample.evening_peak()
    return compare_html(calm, stalled, compare(calm, stalled))


FILES = {
    "report": lambda: report_html(sample.evening_peak()),
    "passed": lambda: report_html(sample.evening_peak(stalls=False)),
    "functional": lambda: report_html(sample.functional()),
    "compared": compared,
    "large": lambda: report_html(sample.large()),
}


@pytest.fixture(scope="module")
def addresses(tmp_path_factory) -> dict[str, str]:
    """Of each file."""
    folder = tmp_path_factory.mktemp("reports")
    for name, made in FILES.items():
        (folder / f"{name}.html").write_text(made(), "utf-8")
    return {name: (folder / f"{name}.html").as_uri() for name in FILES}


@pytest.fixture
def opened(browser, addresses):
    """Opens one, offline; whatever it asked for or complained of fails the test."""
    contexts, asked, said = [], [], []

    def open_one(name: str, size=WIDE, theme: str = "light", **more):
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]}, color_scheme=theme, offline=True, **more
        )
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(addresses[name])
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert [url for url in asked if url not in addresses.values()] == []
    assert said == []


def resize(page, size) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})


@pytest.mark.parametrize("name", FILES)
def test_it_opens_from_a_file_without_network_scripts_or_complaints(opened, name):
    page = opened(name)
    assert page.locator("h1").inner_text()
    assert page.locator("script, link, img, iframe, [onclick], [style]").count() == 0
    assert page.locator("svg.plot").count() >= 8
    assert page.evaluate("document.styleSheets[0].cssRules.length") > 100


def test_it_runs_no_script_that_is_put_into_it(browser, tmp_path):
    found = report_html(sample.evening_peak())
    tampered = found.replace("</main>", "<script>document.title = 'taken'</script></main>")
    (tmp_path / "tampered.html").write_text(tampered, "utf-8")
    page = browser.new_page()
    page.goto((tmp_path / "tampered.html").as_uri())
    assert "taken" not in page.title() and page.locator("script").count() == 1
    page.close()


@pytest.fixture
def unfolded(browser, addresses):
    """Opens one for axe, with every fold open and its policy off: axe is a script."""
    pages = []

    def open_one(name: str):
        page = browser.new_page(bypass_csp=True)
        pages.append(page)
        resize(page, WIDE)
        page.goto(addresses[name])
        page.evaluate(OPEN_FOLDS)
        return page

    yield open_one
    for page in pages:
        page.close()


@axe.needed
@pytest.mark.parametrize("name", ["report", "passed", "functional", "compared"])
def test_axe_finds_nothing(unfolded, name):
    page = unfolded(name)
    axe.keep_samples(page)
    found = {}
    for size in (WIDE, NARROW):
        resize(page, size)
        for theme in axe.in_each_theme(page):
            found[size, theme] = axe.violations(page)
    assert {where: broken for where, broken in found.items() if broken} == {}


@axe.needed
def test_axe_finds_nothing_where_no_row_is_left_out(unfolded):
    assert axe.violations(unfolded("report")) == []


@pytest.mark.parametrize("name", ["report", "large", "functional", "compared"])
def test_nothing_is_cut_off(opened, name):
    page = opened(name)
    page.evaluate(OPEN_FOLDS)
    for width in (WIDE[0], 390, 320):
        resize(page, (width, 800))
        beyond = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert beyond <= 0, width


def test_figures_are_told_on_hover_and_behind_each_plot(opened):
    page = opened("report")
    titles = page.locator("svg.plot").first.locator(".hover title").all_text_contents()
    assert len(titles) == 200
    assert re.match(r"\d:\d\d · live [\d,]+, opening \d+", titles[100])
    page.locator(".data summary").first.click()
    assert page.locator(".data").first.locator("tbody tr").count() == 200


def test_folds_open_by_the_keyboard(opened):
    page = opened("report")
    fold = page.locator(".fold").nth(1)
    assert fold.get_attribute("open") is None
    fold.locator("summary").focus()
    page.keyboard.press("Enter")
    assert fold.locator(".turns").is_visible()


@pytest.mark.parametrize("name", ["report", "functional", "compared"])
def test_it_prints_on_a4(opened, tmp_path, name):
    page = opened(name, theme="dark")
    paper = page.pdf(path=tmp_path / "report.pdf", prefer_css_page_size=True, print_background=True)
    boxes = re.findall(rb"/MediaBox \[\s*0 0 ([\d.]+) ([\d.]+)\s*\]", paper)
    assert boxes and {(round(float(w)), round(float(h))) for w, h in boxes} == {(595, 842)}
    pages = len(re.findall(rb"/Type /Page\b", paper))
    assert 2 <= pages <= 6
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not page.locator(".data").first.is_visible()


def test_it_reads_in_order_where_styles_are_blocked(browser, tmp_path):
    bare = re.sub(r"<style>.*?</style>", "", report_html(sample.evening_peak()), flags=re.DOTALL)
    (tmp_path / "bare.html").write_text(bare, "utf-8")
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto((tmp_path / "bare.html").as_uri())
    headings = page.locator("h1, h2").all_inner_texts()
    assert headings[0] == "Parcel questions, evening peak"
    assert [one.split(" ")[0] for one in headings[1:]] == [
        "Thresholds", "Over", "Distributions", "Steps", "Errors", "Failed", "Environment",
    ]  # fmt: skip
    box = page.locator("svg.plot").first.bounding_box()
    assert box is not None and (box["width"], box["height"]) == (600, 136)
    page.close()


@pytest.mark.skipif("TEST_WRITE_PICTURES" not in os.environ, reason="TEST_WRITE_PICTURES")
@pytest.mark.parametrize(("name", "size", "theme"), [
    ("report", WIDE, "light"), ("report", WIDE, "dark"), ("report", NARROW, "light"),
    ("report", NARROW, "dark"), ("passed", WIDE, "light"), ("functional", WIDE, "light"), ("compared", WIDE, "light"),
])  # fmt: skip
def test_pictures(opened, name, size, theme):
    """Looked at, not compared: fonts differ between machines."""
    page = opened(name, size, theme)
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"{name}-{size[0]}-{theme}.png", full_page=True)
