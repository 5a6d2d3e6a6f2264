"""Standard error and output that are not read: the daemon answers, stops when it is told to, and
its log keeps no secrets."""

from __future__ import annotations

import os
import signal
import socket
import termios
import time
import urllib.request

import pytest

from tests.ports import free_port

from .conftest import forked
from .forked_program import ForkedProgram

CANARY = "canary-0123456789abcdef"
MALFORMED = [
    f"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {CANARY}\x01\r\n\r\n",
    f"GET / HTTP/1.1\r\nHost: a\r\nAuthorization : Bearer {CANARY}\r\n\r\n",
    (
        f"POST /v1/sessions HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nxyz{CANARY}\r\n{CANARY}"
        " and more\r\n\r\n"
    ),
    f"GET /?{CANARY} HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    f"GET /{CANARY}{'x' * 9000} HTTP/1.1\r\nHost: a\r\n\r\n",
    f"{CANARY}\r\n\r\n",
]


def answers(port: int, path: str = "/healthz", timeout_s: float = 120.0) -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=timeout_s) as answer:
        return answer.read()


def send_raw(port: int, request: str) -> bytes:
    """Everything that comes back until the daemon closes the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=5.0) as peer:
        peer.sendall(request.encode("latin-1"))
        return b"".join(iter(lambda: peer.recv(65536), b""))


def until_it_answers(port: int, child: ForkedProgram, path: str = "/healthz") -> None:
    deadline = time.monotonic() + 120.0
    while time.monotonic() < deadline:
        assert child.poll() is None
        try:
            answers(port, path)
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError("no answer")


@pytest.fixture
def start():
    """Starts the daemon on a port with the given standard output and error, and ends it by its
    pid."""
    children: list[ForkedProgram] = []

    def start(port: int, out: int, err: int, *more: str, command: str = "serve") -> ForkedProgram:
        arguments = (command, "--port", str(port), *more)
        child = forked(arguments, {"TERM": "xterm"}, stdout=out, stderr=err)
        children.append(child)
        return child

    yield start
    for child in children:
        if child.poll() is None:
            child.kill()
            child.wait()


def full_pipe() -> tuple[int, int]:
    """A pipe that takes nothing any more: (read end, write end)."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    try:
        while True:
            os.write(write, bytes(4096))
    except BlockingIOError:
        os.set_blocking(write, True)
        return read, write


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_pipe_that_is_not_read_stops_nothing(start, number):
    port = free_port()
    read, write = full_pipe()
    child = start(port, write, write, "--demo", "3")
    os.close(write)
    until_it_answers(port, child)
    for _ in range(100):
        assert (
            b"400"
            in send_raw(port, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n").split(b"\r\n")[0]
        )
    assert b'"live"' in answers(port)
    child.send_signal(number)
    assert child.wait(60) == 0
    os.close(read)


def test_a_stopped_terminal_stops_nothing(start):
    """As after Ctrl-S."""
    port = free_port()
    master, terminal = os.openpty()
    termios.tcflow(terminal, termios.TCOOFF)
    child = start(port, terminal, terminal, "--demo", "3")
    until_it_answers(port, child)
    time.sleep(2.5)  # two turns of the status line
    assert b'"live"' in answers(port)
    child.send_signal(signal.SIGINT)
    assert child.wait(60) == 0
    os.close(terminal)
    os.close(master)


def test_a_reader_that_is_gone_stops_nothing(start):
    port = free_port()
    read, write = os.pipe()
    os.close(read)
    child = start(port, write, write)
    os.close(write)
    until_it_answers(port, child)
    send_raw(port, MALFORMED[3])
    assert b"guestd_log_dropped_total" in answers(port, "/metrics")
    child.send_signal(signal.SIGTERM)
    assert child.wait(60) == 0


def test_a_malformed_request_is_one_line_without_its_content(run):
    program = run("serve", "--port", "0", "--log-level", "debug")
    port = int(program.url().rpartition(":")[2])
    for request in MALFORMED:
        send_raw(port, request)
    answers(port)
    program.interrupt(signal.SIGTERM)
    assert program.wait() == 0
    output = "\n".join(program.err)
    assert CANARY not in output and "Traceback" not in output
    assert "a malformed HTTP request was refused" in output


def test_outside_a_terminal_there_is_no_status_line(run):
    program = run("serve", "--port", "0")
    program.until("the simulator listens on", program.err)
    program.interrupt(signal.SIGTERM)
    assert program.wait() == 0
    assert not any("echo p99" in line for line in program.err)


class TestEmulate:
    """`guestd emulate` with the same readers."""

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_a_pipe_that_is_not_read_stops_nothing(self, start, number):
        port = free_port()
        read, write = full_pipe()
        child = start(port, write, write, command="emulate")
        os.close(write)
        until_it_answers(port, child, "/__emulator/state")
        for _ in range(100):
            assert (
                b"400"
                in send_raw(port, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n").split(b"\r\n")[0]
            )
        child.send_signal(number)
        assert child.wait(60) == 0
        os.close(read)

    def test_a_stopped_terminal_stops_nothing(self, start):
        port = free_port()
        master, terminal = os.openpty()
        termios.tcflow(terminal, termios.TCOOFF)
        child = start(port, terminal, terminal, command="emulate")
        until_it_answers(port, child, "/__emulator/state")
        child.send_signal(signal.SIGINT)
        assert child.wait(60) == 0
        os.close(terminal)
        os.close(master)

    def test_a_reader_that_is_gone_stops_nothing(self, start):
        port = free_port()
        read, write = os.pipe()
        os.close(read)
        child = start(port, write, write, command="emulate")
        os.close(write)
        until_it_answers(port, child, "/__emulator/state")
        child.send_signal(signal.SIGTERM)
        assert child.wait(60) == 0

    def test_a_port_that_is_taken_is_told_to_whoever_reads(self, run):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            program = run("emulate", "--host", "127.0.0.1", "--port", str(taken.getsockname()[1]))
            assert program.wait() == 78
        assert "is already in use" in "\n".join(program.err)
