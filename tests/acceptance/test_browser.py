"""A real browser: pages of another port, of another site and from a file, against a daemon and an
emulator that run as programs."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlencode

import pytest

from guestd.emulator import DEFAULT_DEPLOYMENT_ID

PAGE = Path(__file__).with_name("browser_page.html")
FOREIGN = "evil.example.org"
NINE_MEGABYTES = 9 * 1024 * 1024

CONFIG = """
[platform]
guest_socket_url = "{ws}"
api_url = "{http}"
deployment_id = "{deployment}"
[simulator]
origins_allowed = {origins}
"""

#: What a page that is let in may do with guestd; one that is not may do none of it.
ALLOWED = {
    "readyz": 200,
    "socket": "heard",
    "opened": [201, True],
    "live": True,
    "heard": "hello from a page",
    "uploaded": [10 * 1024 * 1024, 202, "confirmed"],
    "progress": [202, True, NINE_MEGABYTES],
    "too_large": [413, "too_large"],
}
#: The platform's own API is for every page.
EVERY_PAGE = {
    "emulator_config": True,
    "emulator_history": [200, True],
    "emulator_upload": [True, "12345"],
}

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def browser(whole_browser):
    return whole_browser


@pytest.fixture
def pages() -> Iterator[int]:
    """The port of a server that answers everything with the page."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = PAGE.read_bytes()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.fixture
def visit(page):
    """Opens the page and gives its results."""

    def open_page(where: str, daemon: str, emulator: str, guest: str) -> dict[str, object]:
        query = urlencode(
            {
                "api": daemon.replace("127.0.0.1", "localhost"),
                "emulator": emulator.replace("127.0.0.1", "localhost"),
                "deployment": DEFAULT_DEPLOYMENT_ID,
                "guest": guest,
            }
        )
        page.goto(f"{where}?{query}")
        page.wait_for_function("window.results", timeout=240_000)
        return page.evaluate("window.results")

    return open_page


def started(run, config, origins=()):
    emulator = run("emulate", "--port", "0", "--host", "localhost", "--agent", "echo").url()
    text = CONFIG.format(
        ws=f"ws{emulator[4:]}",
        http=emulator,
        deployment=DEFAULT_DEPLOYMENT_ID,
        origins=json.dumps(list(origins)),
    )
    daemon = run("serve", "-c", config(text), "--port", "0")
    return daemon, daemon.url(), emulator


def part(results, wanted):
    return {name: results.get(name) for name in wanted}


def test_a_page_on_another_port_of_this_machine_does_everything(run, config, pages, visit):
    _, daemon, emulator = started(run, config)
    results = visit(f"http://localhost:{pages}/", daemon, emulator, "local")
    assert part(results, ALLOWED) == ALLOWED
    assert part(results, EVERY_PAGE) == EVERY_PAGE
    assert results["emulator_admin"] == 200


def test_a_foreign_page_does_nothing_and_the_log_says_why(run, config, pages, visit):
    program, daemon, emulator = started(run, config)
    origin = f"http://{FOREIGN}:{pages}"
    results = visit(f"{origin}/", daemon, emulator, "foreign")
    refused = part(results, ALLOWED)
    told = str(refused.pop("socket"))
    assert all(str(one).startswith("failed: ") for one in refused.values()), refused
    assert told.startswith(f"1008 origin '{origin}' is not allowed; add it to")
    assert part(results, EVERY_PAGE) == EVERY_PAGE
    assert str(results["emulator_admin"]).startswith("failed: ")
    program.until(f'origins_allowed = [\\"{origin}\\"]', program.err)


def test_the_same_page_and_one_from_a_file_do_it_where_they_are_listed(
    run, config, pages, visit, tmp_path
):
    wildcard = f"http://*.example.org:{pages}"
    _, daemon, emulator = started(run, config, [wildcard, "null"])
    results = visit(f"http://{FOREIGN}:{pages}/", daemon, emulator, "listed")
    assert part(results, ALLOWED) == ALLOWED
    copy = tmp_path / "page.html"
    shutil.copy(PAGE, copy)
    from_file = visit(copy.as_uri(), daemon, emulator, "file")
    assert part(from_file, ALLOWED) == ALLOWED
