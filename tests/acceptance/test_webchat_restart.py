"""webchat over a restart: what waited while the platform was away is sent once, and nothing of it is uncertain."""

from __future__ import annotations

import json
import os
import signal
import urllib.request

import pytest

from .lives import free_port, is_alive, listening, until

CONFIG = """
[platform]
dialect = "webchat"
guest_socket_url = "ws://127.0.0.1:{emulator}"
[journal]
directory = "{state}"
[reconnect]
base_s = 0.05
jitter_s = 0.05
cap_s = 0.2
attempts_max = 1000
[messages]
when_down = "queue"
[admission]
connects_per_minute = 100000
[log]
level = "warning"
"""

SAID = [f"message {n}" for n in range(10)]


def ask(url, body=None, method=None):
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"} if data else {}
    with urllib.request.urlopen(urllib.request.Request(url, data, headers, method=method), timeout=20.0) as answer:
        return json.loads(answer.read())


def said_at(emulator: int) -> list[str]:
    sessions = ask(f"http://127.0.0.1:{emulator}/__emulator/state")["sessions"]
    return [body["text"] for one in sessions.values() for body in one["messages"] if body.get("direction") == "Inbound"]


@pytest.mark.parametrize(
    "signals",
    [[signal.SIGTERM], [signal.SIGKILL], [signal.SIGKILL, signal.SIGTERM, signal.SIGKILL]],
    ids=lambda signals: "-".join(one.name for one in signals),
)
async def test_what_waited_while_the_platform_was_away_is_sent_once(run, new_life, tmp_path, signals):
    emulator, port = free_port(), free_port()
    state = tmp_path / "state"
    state.mkdir()
    config = tmp_path / "guestd.toml"
    config.write_text(CONFIG.format(emulator=emulator, state=state))
    api = f"http://127.0.0.1:{port}/v1/sessions"
    platform = run("emulate", "--port", str(emulator), "--no-limits")
    platform.url()

    async def start() -> int:
        pid = new_life("serve", "-c", str(config), "--port", str(port))
        await listening(port, pid)
        return pid

    def in_state(wanted: str) -> bool:
        return ask(f"{api}/ana")["state"] in wanted

    pid = await start()
    ask(api, {"name": "ana", "email": "ana@example.org"})
    await until(lambda: in_state("live"), 20.0)
    session_id = ask(f"{api}/ana")["session_id"]
    platform.interrupt(signal.SIGKILL)
    platform.wait()
    await until(lambda: in_state("resting waiting dialing"), 20.0)
    for n, text in enumerate(SAID):
        ask(f"{api}/ana/messages", {"text": text, "command_id": f"c{n}"})
    for n, one in enumerate(signals, 1):
        os.kill(pid, one)
        await until(lambda pid=pid: not is_alive(pid), 20.0)
        if n < len(signals):
            pid = await start()
    run("emulate", "--port", str(emulator), "--no-limits").url()
    pid = await start()

    def deliveries() -> list[dict]:
        events = ask(f"{api}/{session_id}/events?limit=1000")["events"]
        return [event for event in events if event["kind"] == "delivery"]

    await until(lambda: len(deliveries()) >= len(SAID), 30.0)
    assert [(one["command_id"], one["status"]) for one in deliveries()] == [(f"c{n}", "sent") for n in range(len(SAID))]
    await until(lambda: len(said_at(emulator)) >= len(SAID), 10.0)
    assert said_at(emulator) == SAID
