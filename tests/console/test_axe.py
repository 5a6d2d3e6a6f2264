"""The checker of accessibility finds what is wrong, in the theme and at the width where it is."""

from __future__ import annotations

import pytest

from tests import axe

pytestmark = [pytest.mark.timeout(300), axe.needed]

WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}

PAGE = """<!doctype html><html lang="en"><title>Planted</title><style>
  :root { color-scheme: light dark }
  body { background: light-dark(#fff, #111); color: light-dark(#111, #eee) }
  %s
</style><main><h1>Planted</h1>%s</main></html>"""
TOO_FAINT = "p, .faint { color: light-dark(#111, #444) }"


def rules(found: list[str]) -> list[str]:
    return [one.partition(":")[0] for one in found]


def test_a_contrast_too_low_is_found_in_its_theme_and_size_only(page):
    page.set_content(PAGE % (f"@media (max-width: 760px) {{ {TOO_FAINT} }}", "<p>Some words</p>"))
    found = {}
    for size in (WIDE, NARROW):
        page.set_viewport_size(size)
        for theme in axe.in_each_theme(page):
            found[size["width"], theme] = rules(axe.violations(page, axe.SERIOUS))
    there = {where for where, broken in found.items() if broken}
    assert there == {(390, "dark")} and found[390, "dark"] == ["color-contrast"]


@pytest.mark.parametrize(("broken", "rule"), [
    ("<button><svg width=30 height=30></svg></button>", "button-name"),
    ("<label for=a>A</label><input id=b>", "label"),
])  # fmt: skip
@pytest.mark.parametrize("theme", axe.THEMES)
def test_what_is_wrong_in_each_theme_is_found_in_each(page, broken, rule, theme):
    page.emulate_media(color_scheme=theme)
    page.set_content(PAGE % ("", broken))
    assert rules(axe.violations(page, axe.SERIOUS)) == [rule]


def test_what_is_not_serious_is_found_where_all_is_asked_for(page):
    page.set_content(PAGE % ("", "<h4>Out of order</h4>"))
    assert axe.violations(page, axe.SERIOUS) == []
    assert rules(axe.violations(page)) == ["heading-order"]


def test_the_samples_kept_of_a_long_table_have_one_of_each_kind(page):
    rows = "<tr><th scope=row>A</th><td>one</td></tr>" * 50
    other = "<tr><th scope=row>B</th><td class=faint>two</td></tr>"
    page.set_content(PAGE % (TOO_FAINT, f"<table><tbody>{rows}{other}{rows}</tbody></table>"))
    page.emulate_media(color_scheme="dark")
    axe.keep_samples(page)
    assert page.locator("tr").count() == 4
    assert rules(axe.violations(page)) == ["color-contrast"]
