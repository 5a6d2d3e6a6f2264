"""Pages in a real browser: a test that takes `page` gets a fresh one in Chromium, by Playwright.

    def test_the_title_is_said(page, url):
        page.goto(url)
        assert page.inner_text("h1") == "guestd"

`page` has cookies and storage of its own, and its test fails when a script left an error uncaught.
`browser` is the Chromium behind it, one per module, for tests that need several pages or other
settings: `browser.new_context(viewport=...)`.

It is Debian's Chromium, or the one that TEST_BROWSER names: Playwright's own is not on PyPI. Where
it is installed, its shell is taken, which has the same engine but no windows: a page costs it a
third of the CPU. `whole_browser` is never the shell where the other is there.

It reaches this machine and nothing else; the hosts below example.org are this machine too, for
pages of a foreign origin. Without a browser these tests are skipped; with TEST_BROWSER they fail.

A module that takes these fixtures has no `async` test: Playwright keeps an event loop of its own
running until the module is through. A page under test sends files as a `Blob`: of other bodies
DevTools copies every byte to Playwright.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SHELL = "chromium-headless-shell"
WHOLE = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox",  # refuses to start as root otherwise
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP *.example.org 127.0.0.1, MAP * ~NOTFOUND,"
    "EXCLUDE localhost, EXCLUDE 127.0.0.1",
)
#: A machine under load draws a page late; a test that waits for a thing is not about that.
TIMEOUT_MS = 60_000


def browser_path() -> str | None:
    """Where the browser is, or None. With TEST_BROWSER it must be there."""
    named = os.environ.get("TEST_BROWSER")
    if named:
        assert shutil.which(named), f"TEST_BROWSER={named} is not a program"
        return named
    return _first(SHELL, *WHOLE)


def whole_browser_path() -> str | None:
    """The same, but not the shell, if there is another."""
    path = browser_path()
    if path is None or Path(path).name != SHELL:
        return path
    return _first(*WHOLE) or path


def _first(*names: str) -> str | None:
    return next((found for name in names if (found := shutil.which(name))), None)


@contextmanager
def _launched(path: str | None) -> Iterator[Browser]:
    if path is None:
        pytest.skip("no browser: apt install chromium, or TEST_BROWSER=/path/to/one")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with _launched(browser_path()) as found:
        yield found


@pytest.fixture(scope="module")
def whole_browser() -> Iterator[Browser]:
    with _launched(whole_browser_path()) as found:
        yield found


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    context.set_default_timeout(TIMEOUT_MS)
    errors: list[str] = []
    context.on("weberror", lambda error: errors.append(str(error.error)))
    yield context.new_page()
    context.close()
    assert not errors, f"errors of the page's scripts: {errors}"
