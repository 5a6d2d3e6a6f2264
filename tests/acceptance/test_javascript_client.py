"""The JavaScript client against a daemon that runs as a program, over connections that are reset in
the middle of everything, in Node and in Chromium: nothing is lost and nothing is said twice."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random

import pytest

from guestd.emulator import DEFAULT_DEPLOYMENT_ID

from ..node import ROOT, needs_node, node, websocket_flags
from .chaos_proxy import ChaosProxy
from .test_restart_while_away import ask

STORY = Path(__file__).with_name("client_story.mjs")
CLIENT = ROOT / "clients" / "js" / "guestd.js"
MESSAGES = 60
#: The first resets; later ones come less often, so that a slow machine gets a file through.
RESET_EVERY_S = 0.25
RESET_GROWTH = 1.1
RESET_EVERY_S_MAX = 5.0

CONFIG = """
[platform]
guest_socket_url = "{ws}"
api_url = "{http}"
deployment_id = "{deployment}"
[messages]
per_s = 50.0
requests_per_minute = 3000
waiting_max = 100
"""

pytestmark = pytest.mark.timeout(300)


@contextmanager
def bad_connections(upstream_port: int) -> Iterator[ChaosProxy]:
    """A proxy of which every connection is reset again and again; its loop runs in a thread."""
    proxy = ChaosProxy(upstream_port, Random(1), {"half": 0.02, "stall": 0.0, "bytewise": 0.05})
    opened, done = threading.Event(), threading.Event()

    async def live() -> None:
        await proxy.open()
        opened.set()
        every_s = RESET_EVERY_S
        while not done.is_set():
            await asyncio.sleep(every_s)
            proxy.reset_all()
            every_s = min(RESET_EVERY_S_MAX, every_s * RESET_GROWTH)
        await proxy.close()

    thread = threading.Thread(target=lambda: asyncio.run(live()))
    thread.start()
    assert opened.wait(60.0)
    try:
        yield proxy
    finally:
        done.set()
        thread.join()


@contextmanager
def static_files(**bodies: bytes) -> Iterator[str]:
    """Serves these, by the name without its ending, and gives the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.strip("/").partition(".")[0] or "index"
            kind = "text/html" if name == "index" else "text/javascript"
            self.send_response(200 if name in bodies else 404)
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(bodies.get(name, b""))

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_address[1]}/"
        server.shutdown()


@pytest.fixture
def guestd(run, config):
    """The addresses of a daemon and of its emulator."""
    emulator = run("emulate", "--port", "0", "--agent", "echo", "--no-limits").url()
    text = CONFIG.format(ws=f"ws{emulator[4:]}", http=emulator, deployment=DEFAULT_DEPLOYMENT_ID)
    return run("serve", "-c", config(text), "--port", "0").url(), emulator


def port_of(url: str) -> int:
    return int(url.rsplit(":", 1)[1])


def check(found, emulator, cut: int) -> None:
    """What the client told, and what the platform has heard."""
    # of two cuts in a row the client may have seen one
    assert found["lost"] >= 3 and cut >= 5, "the connections were too good"
    assert found["refused"] == []
    assert found["seqs"] == list(range(1, len(found["seqs"]) + 1))
    said = {f"hello {n}" for n in range(MESSAGES)}
    heard = Counter(found["heard"])
    assert {text: heard[f"Inbound {text}"] for text in said} == dict.fromkeys(said, 1)
    assert found["uploaded"] == 300_000
    [session] = ask(f"{emulator}/__emulator/state")["sessions"].values()
    inbound = [one for one in session["messages"] if one["direction"] == "Inbound"]
    texts = Counter(one["text"] for one in inbound if one.get("text"))
    assert texts == dict.fromkeys(said, 1)


@needs_node
def test_in_node_nothing_is_lost_and_nothing_is_said_twice(guestd):
    daemon, emulator = guestd
    with bad_connections(port_of(daemon)) as proxy:
        said = node(
            *websocket_flags(),
            STORY,
            CLIENT=CLIENT.as_uri(),
            GUESTD=f"http://127.0.0.1:{proxy.port}",
            COUNT=str(MESSAGES),
        )
    check(json.loads(said), emulator, proxy.done["cut"])


def test_in_a_browser_nothing_is_lost_and_nothing_is_said_twice(guestd, page):
    """On a page of another port, with the client that the daemon serves."""
    daemon, emulator = guestd
    html = b"<!doctype html><title>page</title>"
    with bad_connections(port_of(daemon)) as proxy:
        with static_files(index=html, client_story=STORY.read_bytes()) as site:
            page.goto(site)
            found = page.evaluate(
                """async ([site, daemon, proxy, count]) => {
                    const {story} = await import(`${site}client_story.mjs`)
                    const {connect} = await import(`${daemon}/client.js`)
                    return await story(connect, proxy, "from-a-browser", count)
                }""",
                [site, daemon, f"http://127.0.0.1:{proxy.port}", MESSAGES],
            )
    check(found, emulator, proxy.done["cut"])


def in_node(script: str, *flags: str, **environment: str):
    """What a module prints as JSON; `connect` is there."""
    text = f"const {{connect}} = await import({json.dumps(CLIENT.as_uri())}); {script}"
    return json.loads(node(*flags, "--input-type=module", "-e", text, **environment))


RIGHT = "a-token-that-is-right"

#: Until it is over, with a bound that is no measure: a client that goes on trying never is.
REFUSED = """
    const guest = connect({ url: process.env.GUESTD, token: process.env.TOKEN, guest: "ana" })
    const errors = []
    guest.on("error", ({ code, message }) => errors.push([code, message]))
    setTimeout(() => { throw new Error(`still ${guest.connection}`) }, 100_000).unref()
    const { code, message, status } = await guest.ended.catch(error => error)
    console.log(JSON.stringify({ code, message, status, errors, connection: guest.connection }))
"""


@needs_node
@pytest.mark.parametrize(
    ("path", "token", "status", "code", "words"),
    [
        ("", "wrong", 401, "unauthorized", "send the token of simulator.token"),
        ("", "", 401, "unauthorized", "send the token of simulator.token"),
        ("chat/", RIGHT, 404, "not_found", ""),
    ],
)
def test_in_node_a_refusal_is_final_and_says_why(run, path, token, status, code, words):
    """Its WebSocket tells no status of a handshake, and in version 20 it does not even close."""
    daemon = run("serve", "--port", "0", env={"GUESTD_SIMULATOR__TOKEN": RIGHT}).url()
    found = in_node(REFUSED, *websocket_flags(), GUESTD=f"{daemon}/{path}", TOKEN=token)
    assert (found["connection"], found["code"], found["status"]) == ("closed", code, status)
    assert words in found["message"]
    assert found["errors"] == [[code, found["message"]]]


@needs_node
def test_all_of_a_session_is_shown_where_since_was_of_another_one(run):
    daemon = run("serve", "--port", "0").url()
    script = """
        const guest = connect({ url: process.env.GUESTD, guest: "q2", since: 500 })
        const codes = [], seqs = []
        guest.on("error", ({ code }) => codes.push(code))
        guest.on("event", ({ seq }) => seqs.push(seq))
        await guest.send("hello").confirmed
        await guest.end()
        console.log(JSON.stringify({ codes, seqs }))
    """
    found = in_node(script, *websocket_flags(), GUESTD=daemon)
    assert found["codes"] == ["unknown_since"]
    assert found["seqs"] == list(range(1, len(found["seqs"]) + 1))
