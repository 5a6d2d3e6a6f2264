"""The checker of accessibility finds what is wrong, in the theme and at the width where it is."""

from __future__ import annotations

import pytest

from tests import axe

pytestmark = [pytest.mark.timeout(300), axe.needed]

WIDE, NARROW = 1280, 390
#: In `ROWS` one row of a hundred and one is of another kind.
ROW = "<tr><th scope=row>A</th><td>one</td></tr>"
ROWS = ROW * 50 + "<tr><th scope=row>B</th><td class=faint>two</td></tr>" + ROW * 50
PAGE = f"""<!doctype html><html lang="en"><title>Planted</title><style>
  :root {{ color-scheme: light dark }}
  body {{ background: light-dark(#fff, #111); color: light-dark(#111, #eee) }}
  button {{ all: unset; display: block; width: 9px; height: 9px }}
  #nameless {{ width: 30px; height: 30px }}
  @media (max-width: 760px) {{ .faint {{ color: light-dark(#111, #444) }} }}
</style><main>
  <h1>Planted</h1><h4>Out of order</h4><button aria-label="A"></button><button aria-label="B"></button>
  <button id="nameless"></button><table><tbody>{ROWS}</tbody></table>
</main></html>"""
SERIOUS = {"button-name", "target-size"}


def rules(found: list[str]) -> set[str]:
    return {one.partition(":")[0] for one in found}


def test_what_is_wrong_is_found_in_its_theme_and_at_its_width_and_among_samples(page):
    page.set_content(PAGE)
    axe.keep_samples(page)
    assert page.locator("tr").count() == 4
    found = {}
    for width in (WIDE, NARROW):
        page.set_viewport_size({"width": width, "height": 844})
        for theme in axe.in_each_theme(page):
            found[width, theme] = rules(axe.violations(page, axe.SERIOUS))
    assert found.pop((NARROW, "dark")) == {*SERIOUS, "color-contrast"}
    assert list(found.values()) == [SERIOUS] * 3
    assert rules(axe.violations(page)) == {*SERIOUS, "color-contrast", "heading-order"}
