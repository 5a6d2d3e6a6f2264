"""A restart while the platform is away: what waited is sent once, and nothing of it is uncertain.

The platform knows nothing of its former sessions when it comes back, so nothing can be looked up
either."""

from __future__ import annotations

import json
import os
import signal
import urllib.request

import pytest

from tests.ports import free_port

from .forked_daemon import is_alive, listening, until

CONFIG = """
[platform]
dialect = "{dialect}"
guest_socket_url = "ws://127.0.0.1:{emulator}"
deployment_id = "0b7d4c1e-5a0e-4e6a-9b1d-2f6f6c1f9a10"
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
    with urllib.request.urlopen(
        urllib.request.Request(url, data, headers, method=method), timeout=60.0
    ) as answer:
        return json.loads(answer.read())


def said_at(emulator: int) -> list[str]:
    sessions = ask(f"http://127.0.0.1:{emulator}/__emulator/state")["sessions"]
    return [
        body["text"]
        for one in sessions.values()
        for body in one["messages"]
        if body.get("direction") == "Inbound"
    ]


class House:
    """The daemon and the platform, each started and ended as the test wants."""

    def __init__(self, run, new_life, folder, dialect: str, settled: str) -> None:
        self._run, self._new_life = run, new_life
        self._emulator, self._port = free_port(), free_port()
        state = folder / "state"
        state.mkdir()
        self._config = folder / "guestd.toml"
        self._config.write_text(
            CONFIG.format(dialect=dialect, emulator=self._emulator, state=state)
        )
        self._guest = (
            {"name": "ana", "email": "ana@example.org"} if dialect == "webchat" else {"name": "ana"}
        )
        self._api = f"http://127.0.0.1:{self._port}/v1/sessions"
        self._settled = settled
        self._session_id = ""
        self._pid = 0
        self.come_back()

    async def start(self) -> None:
        self._pid = self._new_life("serve", "-c", str(self._config), "--port", str(self._port))
        await listening(self._port, self._pid)

    async def end(self, how: signal.Signals) -> None:
        os.kill(self._pid, how)
        await until(lambda: not is_alive(self._pid))

    async def open_guest(self) -> None:
        ask(self._api, self._guest)
        await self.until_state("live")
        self._session_id = ask(f"{self._api}/ana")["session_id"]

    async def until_state(self, wanted: str) -> None:
        await until(lambda: ask(f"{self._api}/ana")["state"] in wanted)

    def go_away(self) -> None:
        self._platform.interrupt(signal.SIGKILL)
        self._platform.wait()

    def come_back(self) -> None:
        self._platform = self._run(
            "emulate", "--port", str(self._emulator), "--agent", "silent", "--no-limits"
        )
        self._platform.url()

    def say_all(self) -> None:
        for n, text in enumerate(SAID):
            ask(f"{self._api}/ana/messages", {"text": text, "command_id": f"c{n}"})

    async def check_all_sent(self) -> None:
        def deliveries() -> list[dict]:
            events = ask(f"{self._api}/{self._session_id}/events?limit=1000")["events"]
            return [event for event in events if event["kind"] == "delivery"]

        await until(lambda: len(deliveries()) >= len(SAID))
        fates = [(one["command_id"], one["status"]) for one in deliveries()]
        assert fates == [(f"c{n}", self._settled) for n in range(len(SAID))]
        await until(lambda: len(said_at(self._emulator)) >= len(SAID))
        assert said_at(self._emulator) == SAID


@pytest.fixture(
    params=[("webchat", "sent"), ("webmessaging", "confirmed")], ids=lambda param: param[0]
)
def system(request, run, new_life, tmp_path):
    return House(run, new_life, tmp_path, *request.param)


@pytest.mark.parametrize(
    "signals",
    [[signal.SIGTERM], [signal.SIGKILL], [signal.SIGKILL, signal.SIGTERM, signal.SIGKILL]],
    ids=lambda signals: "-".join(one.name for one in signals),
)
async def test_what_waited_while_the_platform_was_away_is_sent_once(system, signals):
    await system.start()
    await system.open_guest()
    system.go_away()
    await system.until_state("resting waiting dialing")
    system.say_all()
    for n, one in enumerate(signals, 1):
        await system.end(one)
        if n < len(signals):
            await system.start()
    system.come_back()
    await system.start()
    await system.check_all_sent()


@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGKILL], ids=lambda one: one.name)
async def test_what_waited_after_an_end_with_a_connection_is_sent_once(system, first):
    await system.start()
    await system.open_guest()
    await system.end(first)
    system.go_away()
    await system.start()
    system.say_all()
    await system.end(signal.SIGKILL)
    system.come_back()
    await system.start()
    await system.check_all_sent()
