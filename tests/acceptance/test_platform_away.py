"""The platform is away, silent, or refuses, while the daemon starts; and a signal comes at any
moment of it."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
import urllib.error
import urllib.request

import pytest
from websockets.sync.client import connect

from tests.ports import free_port

from .test_programs import DEPLOYMENT, converse, get


def status_of(url: str) -> tuple[int, dict]:
    try:
        with urllib.request.urlopen(url, timeout=60.0) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, json.loads(refused.read())


def until(condition, timeout_s: float = 120.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)


@pytest.fixture
def silent():
    """A platform that accepts connections and says nothing: its port."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)
        yield listener.getsockname()[1]


@pytest.fixture
def against(config, tmp_path):
    """Writes a configuration for a platform at that port, with a journal, and gives its path."""
    (tmp_path / "journal").mkdir()

    def write(port: int, deployment_id: str = DEPLOYMENT, more: str = "") -> str:
        return config(
            f'[platform]\nguest_socket_url = "ws://127.0.0.1:{port}"\ndeployment_id ='
            f' "{deployment_id}"\n[journal]\ndirectory ='
            f' "{tmp_path / "journal"}"\n[drain]\nsessions = "keep"\n{more}'
        )

    return write


def kept_sessions(run, path: str, count: int) -> None:
    """One life of the daemon in which guest sessions are opened and kept."""
    program = run("serve", "-c", path, "--port", "0")
    url = program.url()
    for number in range(count):
        converse(url, f"guest-{number}")
    program.interrupt(signal.SIGTERM)
    assert program.wait() == 0
    kept = "1 guest session" if count == 1 else f"{count} guest sessions"
    assert program.said(f"{kept} kept for the next start")
    lines = [json.loads(line) for line in program.err if line.startswith("{")]
    drained = next(one for one in lines if one.get("event") == "drained")
    assert drained["kept"] == count and any(one.get("event") == "started" for one in lines)


def test_kept_guest_sessions_come_back_without_the_platform_and_go_on_when_it_is_there(
    run, against
):
    port = free_port()
    emulate = ("emulate", "--host", "127.0.0.1", "--port", str(port))
    emulator = run(*emulate)
    emulator.url()
    path = against(port)
    kept_sessions(run, path, 2)
    emulator.interrupt(signal.SIGTERM)
    assert emulator.wait() == 0

    program = run("serve", "-c", path, "--port", "0")
    url = program.url()
    health = get(f"{url}/healthz")
    assert health["resting"] == 2 and health["platform"] == "unreachable"
    away = {"ready": False, "reason": "platform_unreachable", "platform": "unreachable"}
    until(lambda: status_of(f"{url}/readyz") == (503, away))
    with urllib.request.urlopen(f"{url}/metrics", timeout=60.0) as answer:
        figures = dict(line.rsplit(" ", 1) for line in answer.read().decode().splitlines())
    assert figures["guestd_ready"] == figures["guestd_storage_low"] == "0.0"
    assert float(figures["guestd_journal_bytes"]) >= 4096
    assert float(figures["guestd_journal_disk_free_bytes"]) > 0
    assert any(
        "the deployment cannot be looked up" in line and "last known" in line
        for line in program.err
    )

    run(*emulate).url()
    until(lambda: status_of(f"{url}/readyz") == (200, {"ready": True, "platform": "reachable"}), 90)
    program.interrupt(signal.SIGTERM)
    assert program.wait() == 0


@pytest.mark.parametrize("has_journal", [True, False])
def test_what_is_said_after_a_restart_of_the_emulator_is_seen(run, against, tmp_path, has_journal):
    """Its ids are not those of before: they would pass for messages that come again."""
    port = free_port()
    if has_journal:
        journal = f'[journal]\ndirectory = "{tmp_path / "journal"}"\n'
        (tmp_path / "own.toml").write_text(journal)
        start = ("serve", "-c", str(tmp_path / "own.toml"), "--port", str(port))
        program = run(*start)
        url = program.url()
    else:
        start = ("emulate", "--host", "127.0.0.1", "--port", str(port))
        program = run(*start)
        url = run("serve", "-c", against(port), "--port", "0").url()
    texts = ["one", "two", "three"]
    for text in texts[:2]:
        say(url, text)
    program.interrupt(signal.SIGKILL)
    program.wait()
    run(*start).url()
    say(url, texts[2])


def say(url: str, text: str) -> None:
    """As the guest bo, and wait until the message is there."""
    query = "?guest=bo&when_down=queue&since=0"
    with connect(f"ws{url[4:]}/{query}", proxy=None) as frontend:
        frontend.send(json.dumps({"action": "send", "text": text}))
        while True:
            event = json.loads(frontend.recv(timeout=60.0))
            if event.get("kind") == "message" and event["text"] == text:
                return


def test_a_first_start_without_the_platform_opens_its_port_and_is_not_ready(run, against, tmp_path):
    port = free_port()
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address)
        manager.settimeout(20.0)
        program = run("serve", "-c", against(port), "--port", "0", env={"NOTIFY_SOCKET": address})
        url = program.url()
        output = ""
        while "READY=1" not in output or "STATUS=platform unreachable | 0 " not in output:
            output += manager.recv(4096).decode() + "\n"
    assert status_of(f"{url}/readyz") == (
        503,
        {"ready": False, "reason": "deployment_unknown", "platform": "unreachable"},
    )
    run("emulate", "--host", "127.0.0.1", "--port", str(port)).url()
    until(lambda: status_of(f"{url}/readyz")[0] == 200)
    assert any(event.get("status") == "confirmed" for event in converse(url))


def test_a_refusal_ends_a_first_start_but_not_one_with_something_to_lose(run, against, tmp_path):
    emulator = run("emulate", "--host", "127.0.0.1", "--port", "0")
    port = int(emulator.url().rpartition(":")[2])
    first = run("serve", "-c", against(port, "none"), "--port", "0")
    assert first.wait() == 69 and "deployment none is unknown or refused" in "\n".join(first.err)

    kept_sessions(run, against(port), 1)
    program = run("serve", "-c", against(port, "none"), "--port", "0")
    url = program.url()
    assert status_of(f"{url}/readyz")[1]["platform"] == "refused"
    program.interrupt(signal.SIGTERM)
    assert program.wait() == 0


def test_a_silent_platform_does_not_keep_the_port_closed(run, against, silent):
    program = run("serve", "-c", against(silent), "--port", "0")
    assert status_of(f"{program.url()}/readyz")[0] == 503
    program.interrupt(signal.SIGTERM)
    assert program.wait(10.0) == 0


def test_a_silent_platform_is_not_called_reachable_because_it_was_once(run, against):
    emulator = run("emulate", "--host", "127.0.0.1", "--port", "0")
    port = int(emulator.url().rpartition(":")[2])
    kept_sessions(run, against(port), 1)
    emulator.interrupt(signal.SIGTERM)
    assert emulator.wait() == 0
    with socket.create_server(("127.0.0.1", port)):
        program = run("serve", "-c", against(port), "--port", "0")
        assert status_of(f"{program.url()}/readyz") == (200, {"ready": True, "platform": "asked"})
        program.interrupt(signal.SIGTERM)
        assert program.wait() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_while_the_platform_is_silent_stops_the_start(
    run, against, silent, number, tmp_path
):
    program = run("serve", "-c", against(silent), "--port", "0")
    until((tmp_path / "journal" / "journal.sqlite3").exists)
    program.interrupt(number)
    assert program.wait(10.0) == 0
    assert not program.out and "Traceback" not in "\n".join(program.err)


def test_sigterm_at_any_moment_of_the_start(new_life, against, silent):
    """From the first instruction to the open port, every 10 ms; before the daemon has begun, the
    signal itself ends it."""

    path = against(silent)
    for moment in range(40):
        pid = new_life("serve", "-c", path, "--port", "0")
        time.sleep(moment * 0.01)
        os.kill(pid, signal.SIGTERM)
        until(lambda pid=pid: not os.path.exists(f"/proc/{pid}"), 10.0)
    output = new_life.log.read_text()
    assert "Traceback" not in output and "bug" not in output


def test_sigusr_is_ignored_with_a_line_and_sighup_drains(run):
    program = run("serve", "--port", "0")
    url = program.url()
    for number in (signal.SIGUSR1, signal.SIGUSR2):
        program.interrupt(number)
        program.until(f"{number.name} has no meaning here", program.err)
    assert get(f"{url}/healthz")["status"] == "up"
    program.interrupt(signal.SIGHUP)
    assert program.wait() == 0
    assert program.said("0 guest sessions ended, 0 left behind")


def test_a_manager_that_does_not_read_stops_nothing(run, tmp_path):
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as filler:
            with pytest.raises(BlockingIOError):
                while True:
                    filler.sendto(b"STATUS=full", address)
        program = run(
            "serve", "--port", "0", env={"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "300000"}
        )
        url = program.url()
        for _ in range(20):
            assert get(f"{url}/healthz")["status"] == "up"
            time.sleep(0.05)
        output: list[bytes] = []

        def read() -> None:
            manager.settimeout(20.0)
            while b"STOPPING=1" not in b"".join(output):
                output.append(manager.recv(4096))

        reader = threading.Thread(target=read)
        reader.start()
        until(lambda: any(one.startswith(b"READY=1") for one in output))
        program.interrupt(signal.SIGTERM)
        assert program.wait() == 0
        reader.join(20.0)
        assert b"STOPPING=1" in b"".join(output)
