"""The examples in Node.js and Python, and the suite of a test author, as their readers run them."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.acceptance.conftest import Program, clean_environment
from tests.documents.test_documents import has_node

EXAMPLES = Path(__file__).parents[2] / "examples"

pytestmark = pytest.mark.timeout(600)


def outcome(command: list[str], cwd: Path, **environment: str) -> tuple[int, list[str]]:
    """Exit code, and what was printed."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env=clean_environment(**environment),
        capture_output=True,
        text=True,
        timeout=540.0,
        check=False,
    )
    assert not done.stderr, done.stderr
    return done.returncode, done.stdout.splitlines()


@pytest.mark.skipif(not has_node(), reason="needs Node.js 20.10 or later")
@pytest.mark.parametrize("token", ["", "a-token-of-at-least-32-characters-x"])
def test_a_guest_in_node_talks_and_reads_until_the_end(run, tmp_path, token):
    more = {"GUESTD_API__TOKEN": token} if token else {}
    daemon = run("serve", "--port", "0", env=more).url()
    program = shutil.which("node") or ""
    command = [program, str(EXAMPLES / "node" / "talk.mjs"), "my parcel", "thank you"]
    code, lines = outcome(command, tmp_path, GUESTDCTL_URL=daemon, GUESTDCTL_TOKEN=token)
    assert code == 0
    assert lines[0] == "me: my parcel" and "me: thank you" in lines
    assert lines[-1] == "Leo: You are welcome!"


@contextmanager
def in_node(*arguments: str, **environment: str) -> Iterator[Program]:
    """The guest in Node.js, which runs beside the test."""

    def start(given, _, **pipes):
        command = [shutil.which("node") or "", str(EXAMPLES / "node" / "talk.mjs"), *given]
        return subprocess.Popen(command, env=clean_environment(**environment), text=True, **pipes)

    guest = Program(*arguments, by=start)
    try:
        yield guest
    finally:
        guest.end()


def lose_requests_until(wanted: str, port: int) -> None:
    """Stands where the daemon was, and closes each connection without an answer, until one of them
    has asked for that."""
    with socket.create_server(("127.0.0.1", port)) as listener:
        listener.settimeout(120.0)
        while True:
            connection, _ = listener.accept()
            with connection:
                if wanted in connection.recv(4096).decode():
                    return


@pytest.mark.skipif(not has_node(), reason="needs Node.js 20.10 or later")
def test_a_guest_in_node_asks_again_while_the_daemon_is_away(run, config, tmp_path):
    emulator = run("emulate", "--port", "0", "--agent", "echo").url()
    journal = f'[journal]\ndirectory = "{tmp_path}"\n'
    path = config(f'[platform]\nemulator = "{emulator}"\n{journal}')
    daemon = run("serve", "-c", path, "--port", "0")
    port = daemon.url().rpartition(":")[2]
    url = f"http://127.0.0.1:{port}"
    with in_node("first", "second", GUESTDCTL_URL=url, AWAY_S="600") as guest:
        guest.until("Echo: first")
        daemon.interrupt()
        assert daemon.wait() == 0
        lose_requests_until("/messages HTTP", int(port))
        run("serve", "-c", path, "--port", port).url()
        assert guest.wait() == 0
    assert guest.err == []
    assert guest.out == ["me: first", "Echo: first", "me: second", "Echo: second"]


@pytest.mark.skipif(not has_node(), reason="needs Node.js 20.10 or later")
def test_a_guest_in_node_says_in_one_line_that_nobody_is_there():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with in_node("first", GUESTDCTL_URL=f"http://127.0.0.1:{port}", AWAY_S="0") as guest:
        assert guest.wait() == 1
    away = f"talk.mjs: guestd is away: http://127.0.0.1:{port}/v1: "
    assert (guest.out, guest.err) == ([], [f"{away}connect ECONNREFUSED 127.0.0.1:{port}"])


def test_a_customer_in_python_chooses_and_says_goodbye(run, tmp_path):
    daemon = run("serve", "--port", "0").url()
    program = str(EXAMPLES / "python_bot" / "customer.py")
    code, lines = outcome([sys.executable, program, f"ws{daemon[4:]}"], tmp_path)
    own = [line for line in lines if line.startswith("customer: ")]
    assert (code, own) == (
        0,
        ["customer: Where is my parcel?", "customer: Track it", "customer: Thank you, bye"],
    )
    assert lines[-1] == "Leo: You are welcome!"


def test_the_suite_of_a_test_author_passes(tmp_path):
    for path in (EXAMPLES / "pytest").glob("*.*"):
        shutil.copy(path, tmp_path)
    plugins = ["-p", "no:cacheprovider", "-p", "no:asyncio"]
    command = [sys.executable, "-m", "pytest", "-q", *plugins, "."]
    code, lines = outcome(command, tmp_path)
    assert code == 0, "\n".join(lines)
    assert "4 passed" in lines[-1]
