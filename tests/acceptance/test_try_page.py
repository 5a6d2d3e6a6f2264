"""The page on which the control API is tried, in a real browser, of a daemon that runs as a
program. Needs Chromium (Debian's package `chromium`)."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next((found for name in NAMES if (found := shutil.which(name))), None)

pytestmark = pytest.mark.skipif(BROWSER is None, reason="chromium is not installed")


def test_the_page_shows_every_route_and_the_browser_refuses_nothing(run, tmp_path):
    url = run("serve", "--port", "0").url()
    shown = subprocess.run(
        [
            str(BROWSER),
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
            "--enable-logging=stderr",
            f"--user-data-dir={tmp_path / 'profile'}",
            "--virtual-time-budget=20000",
            "--dump-dom",
            f"{url}/docs",
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert len(re.findall(r'class="opblock ', shown.stdout)) > 30
    assert re.findall(r".*CONSOLE.*", shown.stderr) == []
