"""The page of examples/page in a browser, against a daemon and an emulator as programs."""

from __future__ import annotations

import functools
import json
import re
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "examples" / "page"
#: As docs and examples say.
LINES_MAX = {"index.html": 38, "client.html": 30}
TOKEN = "a-token-that-is-right"

pytestmark = pytest.mark.timeout(600)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def page(page):
    """With time for a daemon that starts again on a busy machine."""
    page.set_default_timeout(180_000)
    return page


@pytest.fixture
def site() -> Iterator[str]:
    """As `python3 -m http.server -d examples/page` serves it."""
    handler = functools.partial(Quiet, directory=str(PAGE))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_address[1]}/"
        server.shutdown()


def said(emulator: str) -> Counter[str]:
    """How often the platform has each message of a guest."""
    with urllib.request.urlopen(f"{emulator}/__emulator/state", timeout=10.0) as answer:
        sessions = json.loads(answer.read())["sessions"].values()
    messages = (one for session in sessions for one in session["messages"])
    return Counter(
        one["text"] for one in messages if one["direction"] == "Inbound" and "text" in one
    )


def until(holds) -> None:
    deadline = time.monotonic() + 180.0
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def write(page, text: str) -> None:
    page.fill("input", text)
    page.press("input", "Enter")


@pytest.mark.parametrize(
    ("name", "scheme"), [("index.html", "ws"), ("client.html", "http")], ids=["socket", "client"]
)
def test_a_page_talks_and_comes_back_where_it_was(run, config, page, site, tmp_path, name, scheme):
    emulator = run("emulate", "--port", "0", "--agent", "echo").url()
    (tmp_path / "journal").mkdir()
    text = f'[platform]\nemulator = "{emulator}"\n[journal]\ndirectory = "{tmp_path}/journal"\n'
    path = config(text)
    daemon = run("serve", "-c", path, "--port", "0")
    port = daemon.url().rpartition(":")[2]
    page.goto(f"{site}{name}?server={scheme}://localhost:{port}")
    write(page, "sent at once")
    page.wait_for_function("document.querySelectorAll('li').length === 2")
    assert page.locator("li").all_inner_texts() == ["sent at once", "sent at once"]
    assert page.inner_text("output") == "live"

    daemon.interrupt()
    assert daemon.wait() == 0
    page.wait_for_function("document.querySelector('output').value !== 'live'")
    write(page, "while nobody was there")
    run("serve", "-c", path, "--port", port).url()
    page.wait_for_function("document.querySelectorAll('li').length === 4")
    until(lambda: said(emulator)["while nobody was there"] == 1)
    assert said(emulator)["sent at once"] == 1

    page.reload()
    page.wait_for_function("document.querySelectorAll('li').length === 4")
    assert (
        page.locator("li").all_inner_texts()
        == ["sent at once"] * 2 + ["while nobody was there"] * 2
    )


@pytest.mark.parametrize(
    ("name", "scheme"), [("index.html", "ws"), ("client.html", "http")], ids=["socket", "client"]
)
def test_a_page_of_plain_http_under_another_name_talks(run, config, page, site, name, scheme):
    """No secure context, so the browser leaves `crypto.randomUUID` out: a phone, a container."""
    foreign = site.replace("localhost", "shop.example.org")
    path = config(
        f'[simulator]\norigins_allowed = ["{foreign.rstrip("/")}"]\n'
        'hosts_allowed = ["guestd.example.org"]\n[emulator]\nagent = "echo"\n'
    )
    port = run("serve", "-c", path, "--port", "0").url().rpartition(":")[2]
    page.goto(f"{foreign}{name}?server={scheme}://guestd.example.org:{port}")
    assert not page.evaluate("isSecureContext")
    write(page, "from a phone")
    page.wait_for_function("document.querySelectorAll('li').length === 2")


def test_the_code_that_is_shown_runs_in_such_a_page(page, site):
    """What docs and examples draw an id with."""
    page.goto(site.replace("localhost", "shop.example.org"))
    assert page.evaluate("typeof crypto.randomUUID") == "undefined"
    root = PAGE.parents[1]
    shown = [*root.glob("docs/**/*.md"), *root.glob("README.md"), *PAGE.glob("*.html")]
    calls = re.compile(r"crypto\.randomUUID\(\)(?! is only there)")
    assert not [str(one) for one in shown if calls.search(one.read_text())]
    drawing = re.findall(r"^const newId = (.+)$", (root / "docs/simulator.md").read_text(), re.M)
    assert re.fullmatch(r"\d+-\d+-\d+-\d+", page.evaluate(f"({drawing[0]})()"))


def test_a_page_that_is_not_let_in_says_why(run, page, site):
    daemon = run("serve", "--port", "0").url()
    foreign = site.replace("localhost", "shop.example.org")
    page.goto(f"{foreign}?server=ws{daemon[4:]}")
    page.wait_for_function("document.querySelector('output').value.includes('is not allowed')")


def test_the_pages_are_as_short_as_is_said():
    for name, lines_max in LINES_MAX.items():
        lines = (PAGE / name).read_text().splitlines()
        assert len(lines) <= lines_max
        assert max(map(len, lines)) <= 100


@pytest.mark.parametrize(
    ("name", "scheme"), [("index.html", "http"), ("client.html", "ws")], ids=["socket", "client"]
)
def test_what_is_typed_when_the_session_is_over_is_kept(run, page, site, name, scheme):
    """And the address may be of the other scheme."""
    daemon = run("serve", "--port", "0", env={"GUESTD_EMULATOR__AGENT": "echo"}).url()
    page.goto(f"{site}{name}?server={scheme}{daemon[4:]}")
    write(page, "heard")
    page.wait_for_function("document.querySelectorAll('li').length === 2")
    page.fill("input", "too late")
    guest = page.evaluate("sessionStorage.guest")
    request = urllib.request.Request(f"{daemon}/v1/sessions/{guest}", method="DELETE")
    urllib.request.urlopen(request, timeout=60.0).close()
    page.wait_for_function("document.querySelector('input').disabled")
    assert page.input_value("input") == "too late"
    assert page.inner_text("output") in ("over", "ended: finished", "the guest session has ended")


def with_journal(run, config, folder: Path) -> str:
    """A configuration under which a guest session outlives a stop of the daemon."""
    emulator = run("emulate", "--port", "0", "--agent", "echo").url()
    (folder / "journal").mkdir()
    return config(
        f'[platform]\nemulator = "{emulator}"\n[journal]\ndirectory = "{folder}/journal"\n'
    )


@pytest.mark.parametrize("name", ["index.html", "client.html"], ids=["socket", "client"])
def test_what_was_written_to_a_daemon_that_lets_nobody_in_is_kept(
    run, config, page, site, tmp_path, name
):
    path = with_journal(run, config, tmp_path)
    daemon = run("serve", "-c", path, "--port", "0")
    url = daemon.url()
    page.goto(f"{site}{name}?server={url}")
    write(page, "heard")
    page.wait_for_function("document.querySelectorAll('li').length === 2")
    daemon.interrupt()
    assert daemon.wait() == 0
    page.wait_for_function("document.querySelector('output').value !== 'live'")
    write(page, "said to nobody")
    assert page.input_value("input") == ""
    port = url.rpartition(":")[2]
    run("serve", "-c", path, "--port", port, env={"GUESTD_SIMULATOR__TOKEN": TOKEN}).url()
    page.wait_for_function("document.querySelector('input').disabled")
    page.wait_for_function("document.querySelector('input').value === 'said to nobody'")
    assert "simulator.token" in page.inner_text("output")
