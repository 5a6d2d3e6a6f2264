"""axe-core, the checker of accessibility, on a page in the browser.

    @axe.needed
    def test_it_can_be_read(page, url):
        page.goto(url)
        assert axe.violations(page) == []

It is a script put into the page: a page whose policy forbids scripts is opened with `bypass_csp`.
A page is opened once and looked at in several themes and sizes (`page.emulate_media`,
`page.set_viewport_size`): axe itself is cheap beside a page's first second.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from playwright.sync_api import Page

SCRIPT = Path(__file__).parents[1] / ".ci" / "node" / "node_modules" / "axe-core" / "axe.min.js"
needed = pytest.mark.skipif(not SCRIPT.exists(), reason="axe-core: npm ci --prefix .ci/node")

#: What axe calls an impact: the two highest of four.
SERIOUS = ("serious", "critical")
THEMES = ("light", "dark")

#: The size of targets is of WCAG 2.2, whose rules axe leaves out unless asked.
_RUN = """async () => {
  const rules = { 'target-size': { enabled: true } }
  const found = await axe.run(document, { resultTypes: ['violations'], rules })
  return found.violations.map(({ id, impact, nodes }) => [impact, `${id}: ${nodes.slice(0, 3).map((node) =>
    `${node.html.slice(0, 160)} ${node.any.concat(node.all)[0]?.message ?? ''}`).join(' | ')}`])
}"""

_KEEP_SAMPLES = """(ofEach) => {
  const places = ['x', 'y', 'x1', 'x2', 'y1', 'y2', 'width', 'height', 'd']
  const attributesOf = (part) => [...part.attributes].filter(({ name }) => !places.includes(name))
    .map(({ name, value }) => `${name}=${value}`).sort().join(' ')
  const kindOf = (one) => [one, ...one.querySelectorAll('*')]
    .map((part) => `${part.tagName} ${attributesOf(part)} ${part.textContent.trim() !== ''}`).join('\\n')
  for (const parent of document.querySelectorAll('tbody, svg g')) {
    const seen = new Map()
    parent.replaceChildren(...[...parent.children].filter((one) => {
      const kind = kindOf(one)
      seen.set(kind, 1 + (seen.get(kind) ?? 0))
      return seen.get(kind) <= ofEach
    }))
  }
}"""


def violations(page: Page, impacts: Collection[str] = ()) -> list[str]:
    """Each rule that is broken, with the first three elements that break it. `impacts`: of these
    only, such as SERIOUS; without, all."""
    if page.evaluate("typeof axe === 'undefined'"):
        page.evaluate(SCRIPT.read_text("utf-8"))
    return [told for impact, told in page.evaluate(_RUN) if not impacts or impact in impacts]


def in_each_theme(page: Page) -> Iterator[str]:
    """Turns the page to light, then to dark, and names the theme."""
    for theme in THEMES:
        page.emulate_media(color_scheme=theme)
        yield theme


def keep_samples(page: Page, of_each: int = 3) -> None:
    """Takes the middle out of long tables and drawings: of rows that differ in nothing but their
    words and places (the same elements and attributes, empty where others are empty), the first
    `of_each` stay. Colours and sizes are the same in all of them, and axe takes a tenth of the time."""
    page.evaluate(_KEEP_SAMPLES, of_each)
