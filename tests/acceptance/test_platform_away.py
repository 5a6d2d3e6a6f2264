"""The platform is away while guestd starts: it starts all the same, keeps its guest sessions, and says what it waits for."""

from __future__ import annotations

import json
import signal
import socket
import threading
import time
import urllib.error
import urllib.request

import pytest

from .lives import free_port
from .test_programs import DEPLOYMENT, converse, get

CONFIG = """
[platform]
guest_socket_url = "ws://127.0.0.1:{port}"
deployment_id = "{deployment}"
[journal]
directory = "{state}"
[reconnect]
base_s = 0.1
cap_s = 0.5
"""


@pytest.fixture
def configured(config, tmp_path):
    state = tmp_path / "state"
    state.mkdir()

    def write(port: int) -> str:
        return config(CONFIG.format(port=port, deployment=DEPLOYMENT, state=state))

    return write


def ready(url: str) -> dict:
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=10.0) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return json.loads(error.read())


def until_ready(url: str, wanted: bool, timeout_s: float = 60.0) -> dict:
    deadline = time.monotonic() + timeout_s
    while (found := ready(url))["ready"] is not wanted:
        assert time.monotonic() < deadline, found
        time.sleep(0.1)
    return found


def test_sessions_come_back_while_the_platform_is_away(run, configured):
    port = free_port()
    emulator = run("emulate", "--port", str(port))
    emulator.url()
    path = configured(port)
    first = run("serve", "-c", path, "--port", "0")
    converse(first.url())
    first.interrupt(signal.SIGTERM)
    assert first.wait() == 0
    emulator.end()
    second = run("serve", "-c", path, "--port", "0")
    url = second.url()
    found = ready(url)
    assert found["ready"] and "cannot be reached" in found["platform"]
    assert get(f"{url}/healthz")["resting"] == 1
    second.until("the deployment cannot be asked for", second.err)
    run("emulate", "--port", str(port)).url()
    deadline = time.monotonic() + 60.0
    while get(f"{url}/healthz")["platform"] != "answers":
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_first_start_without_a_platform_waits_and_says_so(run, configured):
    port = free_port()
    program = run("serve", "-c", configured(port), "--port", "0")
    url = program.url()
    assert "deployment_unknown" in until_ready(url, False)["reasons"]
    run("emulate", "--port", str(port)).url()
    assert until_ready(url, True)["platform"] == "answers"
    assert converse(url)
    program.interrupt(signal.SIGTERM)
    assert program.wait() == 0


@pytest.fixture
def silent_platform():
    """Accepts every connection and says nothing."""
    listener = socket.create_server(("127.0.0.1", 0))
    taken = []

    def accept():
        while True:
            try:
                taken.append(listener.accept()[0])
            except OSError:
                return

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(5.0)
    for one in taken:
        one.close()


@pytest.mark.parametrize("after_s", [0.6, 0.9, 1.2, 2.0, 4.0])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_at_any_moment_of_the_start_ends_it(run, configured, silent_platform, after_s, number):
    program = run("serve", "-c", configured(silent_platform), "--port", "0")
    time.sleep(after_s)
    program.interrupt(number)
    code = program.wait(15.0)
    # before Python listens to signals the system's own answer holds
    assert code in (0, -number, 130), program.err
    assert "Traceback" not in "\n".join(program.err) or code != 0
