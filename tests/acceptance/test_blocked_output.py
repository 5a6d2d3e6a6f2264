"""Standard error that nobody reads, a terminal stopped with Ctrl-S, and what strangers would like to see in the log."""

from __future__ import annotations

import json
import os
import pty
import signal
import socket
import subprocess
import time
import urllib.request

import pytest

from .conftest import COMMAND, ROOT
from .lives import free_port

CANARY = "canary-token-0123456789"

MALFORMED = [
    b"GET /v1/sessions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\x01\r\n\r\n",
    b"GET /v1/sessions HTTP/1.1\r\nHost: localhost\r\nAuthorization : Bearer %s\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: %s\r\n\r\n",
    b"POST /v1/sessions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n%s and a body that goes on\r\n\r\n",
    b"GET /%s" + b"x" * 9000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"%s\r\n\r\n",
]


def start(stderr, port: int, *more: str) -> subprocess.Popen:
    arguments = [*COMMAND, "serve", "--port", str(port), *more]
    return subprocess.Popen(
        arguments, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr, text=False
    )


def until_healthy(port: int, child: subprocess.Popen) -> dict:
    deadline = time.monotonic() + 30.0
    while time.monotonic() < deadline:
        assert child.poll() is None, "the daemon ended by itself"
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5.0) as answer:
                return json.loads(answer.read())
        except OSError:
            time.sleep(0.05)
    raise AssertionError("no answer")


def send(port: int, request: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=5.0) as connection:
        connection.sendall(request)
        try:
            connection.recv(100)
        except ConnectionError:
            return


def end(child: subprocess.Popen) -> int:
    child.send_signal(signal.SIGTERM)
    try:
        return child.wait(20.0)
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()


def flood(port: int) -> None:
    """More lines than a pipe holds, whatever is made of them."""
    for _ in range(300):
        send(port, MALFORMED[4].replace(b"%s", b""))


def test_a_pipe_that_nobody_reads_stops_nothing():
    port = free_port()
    child = start(subprocess.PIPE, port, "--log-level", "debug", "--demo", "20")
    try:
        until_healthy(port, child)
        flood(port)
        deadline = time.monotonic() + 20.0
        while time.monotonic() < deadline:
            assert until_healthy(port, child)["live"] <= 20
            time.sleep(0.2)
            if "guestd_log_lines_dropped_total" in metrics(port):
                break
        assert end(child) == 0
    finally:
        child.kill()
        child.wait()
        child.stderr.close()


def metrics(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5.0) as answer:
        return answer.read().decode()


def test_a_stopped_terminal_stops_nothing():
    """Nobody reads the other side of the terminal, which is what Ctrl-S comes to: soon every write would wait."""
    port = free_port()
    master, slave = pty.openpty()
    child = start(slave, port, "--log-level", "debug", "--demo", "20")
    os.close(slave)
    try:
        until_healthy(port, child)
        flood(port)
        for _ in range(10):
            until_healthy(port, child)
            time.sleep(0.1)
        assert end(child) == 0
    finally:
        child.kill()
        child.wait()
        os.close(master)


def test_a_malformed_request_is_one_line_without_its_content(run):
    program = run("serve", "--port", "0", "--log-level", "debug", env={"GUESTD_LOG__FORM": "text"})
    port = int(program.url().rpartition(":")[2])
    before = len(program.err)
    for request in MALFORMED:
        send(port, request.replace(b"%s", CANARY.encode()))
    program.interrupt(signal.SIGTERM)
    assert program.wait() == 0
    told = "\n".join(program.err[before:])
    assert CANARY not in told and "Traceback" not in told, told
    assert len(program.err) - before < 20


def test_an_unexpected_error_is_70_and_one_line(run, tmp_path):
    """A module that breaks the start stands in the way of the real one."""
    (tmp_path / "sitecustomize.py").write_text(
        "import daemon.app.house as house\n"
        "async def start(self, *given, **more): raise KeyError('surprise')\n"
        "house.House.start = start\n"
    )
    program = run("serve", "--port", "0", env={"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"})
    assert program.wait() == 70
    last = [line for line in program.err if line.startswith("guestd: ")]
    assert len(last) == 1 and "KeyError" in last[0]


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGUSR2])
def test_a_signal_without_a_meaning_ends_nothing(run, number):
    program = run("serve", "--port", "0")
    url = program.url()
    program.interrupt(number)
    program.until("has no meaning here", program.err)
    assert urllib.request.urlopen(f"{url}/healthz", timeout=5.0).status == 200


def test_sighup_drains(run):
    program = run("serve", "--port", "0")
    program.url()
    program.interrupt(signal.SIGHUP)
    assert program.wait() == 0
    assert "0 guest sessions ended, 0 left behind" in program.err
