"""A page of thirty lines that speaks at once on open, many times over: each message is delivered
once, and no guest session is left behind, neither of those who spoke nor of those who only looked.

    .venv/bin/python -m pytest -m soak -s tests/acceptance/test_page.py       # a thousand pages
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from guestd.emulator import DEFAULT_DEPLOYMENT_ID

from .test_restart_while_away import ask

PAGE = Path(__file__).with_name("page.mjs")
NODE = shutil.which("node")

CONFIG = """
[platform]
guest_socket_url = "{ws}"
api_url = "{http}"
deployment_id = "{deployment}"
[simulator]
unused_after_s = 1.0
"""


@pytest.mark.skipif(NODE is None, reason="node is not installed")
@pytest.mark.parametrize(
    "pages",
    [40, pytest.param(1000, marks=[pytest.mark.soak, pytest.mark.timeout(600)])],
)
def test_a_page_that_speaks_at_once_on_open_is_heard_each_time(run, config, pages):
    platform = run("emulate", "--port", "0", "--agent", "echo").url()
    path = config(
        CONFIG.format(ws=f"ws{platform[4:]}", http=platform, deployment=DEFAULT_DEPLOYMENT_ID)
    )
    daemon = run("serve", "-c", path, "--port", "0")
    url = daemon.url()
    assert NODE is not None
    visit = subprocess.run(
        [NODE, "--experimental-websocket", str(PAGE)],
        env={**os.environ, "SIMULATOR": f"ws{url[4:]}/", "PAGES": str(pages)},
        capture_output=True,
        text=True,
        timeout=60.0 + pages / 4,
        check=False,
    )
    assert (visit.returncode, visit.stdout) == (0, f"{pages} pages were heard\n"), visit.stderr
    said = Counter(
        message["text"]
        for session in ask(f"{platform}/__emulator/state")["sessions"].values()
        for message in session["messages"]
        if message["direction"] == "Inbound" and message.get("text")
    )
    assert said == {f"hello from page {n}": 1 for n in range(pages)}
    deadline = time.monotonic() + 120.0
    while ask(f"{url}/v1/sessions")["total"] and time.monotonic() < deadline:
        time.sleep(0.1)
    assert ask(f"{url}/v1/sessions")["total"] == 0
    daemon.interrupt()
    assert daemon.wait() == 0
    platform_sessions = ask(f"{platform}/__emulator/state")["sessions"].values()
    assert [one for one in platform_sessions if one["connections"]] == []
