"""The console's page in Chromium, as it is served: it loads under its own policy, from the daemon,
from the emulator and behind a proxy's prefix."""

from __future__ import annotations

import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def visit(page):
    """Opens an address: (what the page complained of, the addresses that it asked for)."""

    def open_page(url):
        complaints, asked = [], []
        page.on("console", lambda one: complaints.append(one.text) if one.type == "error" else None)
        page.on("request", lambda one: asked.append(one.url))
        page.goto(url)
        page.wait_for_selector("#app > *")
        return complaints, asked

    return open_page


def policy_of(text):
    return [one for one in text if "Content Security Policy" in one or "Trusted" in one]


def test_the_page_loads_under_its_own_policy_and_from_nowhere_else(run, page, visit):
    url = run("serve", "--port", "0").url()
    complaints, asked = visit(f"{url}/")
    assert policy_of(complaints) == []
    assert all(one.startswith(url) for one in asked), asked
    assert f"{url}/console/main.js" in asked


def test_what_the_policy_forbids_is_refused(run, page, visit):
    """The page is drawn by scripts of its own; the same scripts cannot make markup of a text."""
    visit(f"{run('serve', '--port', '0').url()}/")
    refused = page.evaluate(
        """() => ["innerHTML", "outerHTML"].map(name => {
            const one = document.body.appendChild(document.createElement("div"))
            try { one[name] = "<b>x</b>"; return "allowed" } catch (error) { return error.name }
        })"""
    )
    assert refused == ["TypeError", "TypeError"]
    with pytest.raises(Exception, match=r"unsafe-eval|Trusted"):
        page.evaluate("() => { const s = document.createElement('script'); s.text = '1' }")


@contextmanager
def under_a_prefix(prefix: str, upstream: str) -> Iterator[str]:
    """A proxy that adds a prefix to every path."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if not self.path.startswith(prefix):
                self.send_error(404)
                return
            target = f"{upstream}/{self.path.removeprefix(prefix)}"
            given = {"Accept": self.headers.get("Accept", "*/*")}
            with urllib.request.urlopen(urllib.request.Request(target, headers=given)) as answer:
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    if name not in ("Date", "Server", "Connection"):
                        self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer.read())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}{prefix}"
        server.shutdown()


def test_a_proxy_may_put_it_under_a_prefix(run, page, visit):
    with under_a_prefix("/tools/guestd/", run("serve", "--port", "0").url()) as url:
        complaints, asked = visit(url)
        assert policy_of(complaints) == []
        assert f"{url}console/main.js" in asked
        assert all(one.startswith(url) for one in asked), asked


def test_the_emulator_alone_shows_it_too(run, page, visit):
    url = run("emulate", "--port", "0").url()
    complaints, asked = visit(f"{url}/")
    assert page.url.startswith(f"{url}/__emulator/")
    assert policy_of(complaints) == []
    assert f"{url}/__emulator/console/main.js" in asked


def test_the_ticket_is_gone_from_the_address_when_it_was_exchanged(run, config, page):
    """As the page does it; `ticket.js` is all that is tried here."""
    text = '[api]\ntoken = "the-token-of-the-api"\n'
    url = run("serve", "-c", config(text), "--port", "0").url()
    page.goto(f"{url}/")
    found = page.evaluate(
        """async () => {
            const {takeTicket, redeem} = await import("./console/ticket.js")
            const drawn = await fetch("v1/console/tickets", {
                method: "POST", headers: {Authorization: "Bearer the-token-of-the-api"},
            })
            history.replaceState(null, "", (await drawn.json()).fragment)
            const ticket = takeTicket()
            const tokens = await redeem(ticket)
            const again = await redeem(ticket).catch(error => error.message)
            return [ticket.length > 40, location.hash, takeTicket(), tokens, again]
        }"""
    )
    assert found[:4] == [
        True,
        "#/guests",
        "",
        {"api_token": "the-token-of-the-api", "simulator_token": None},
    ]
    assert found[4].startswith("the ticket was used already")
