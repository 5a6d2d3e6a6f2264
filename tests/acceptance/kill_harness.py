"""A daemon that dies often, with everybody it has to do with: its platform, the receiver of its
webhooks, and a caller."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import aiohttp
from typer.testing import CliRunner

from guestd.app.cli import app
from guestd.emulator import DEFAULT_DEPLOYMENT_ID, Emulator, EmulatorSettings
from guestd.emulator.settings import EmulatorLimits
from guestd.emulator.tls import ensure_certificate
from tests.ports import free_port

from .callers import TELLS, Caller, Crm, examine_mutations, guest, is_open, messaging
from .forked_daemon import DaemonForker, is_alive, listening, until

CONFIG = """
[platform]
guest_socket_url = "{socket}"
api_url = "{url}"
token_url = "{url}/oauth/token"
deployment_id = "{deployment}"
client_id = "emulator-client"
client_secret = "emulator-secret"
ca_file = "{ca}"  # nothing here speaks TLS, and to read all of the system's takes long
[rest]
base_s = 0.02
cap_s = 0.05
requests_per_minute = 1000000
[operations]
rest_base_s = 0.02
rest_jitter_s = 0.02
rest_cap_s = 0.1
[journal]
directory = "{state}"
[webhooks]
ca_file = "{ca}"
retry_base_s = 0.02
retry_cap_s = 0.1
circuit_failures = 1000
[[webhooks.targets]]
name = "crm"
url = "{crm}"
secrets = ["0123456789abcdef"]
allow_internal = ["127.0.0.1"]
[log]
level = "warning"
"""


@dataclass
class KillHarness:
    """A daemon that is killed often, its platform, its receiver of webhooks, and a caller."""

    emulator: Emulator
    crm: Crm
    caller: Caller
    new_life: DaemonForker
    state: Path
    arguments: tuple[str, ...]
    port: int
    pid: int = 0
    names: count = field(default_factory=lambda: count(1))

    async def live(self) -> None:
        self.pid = self.new_life(*self.arguments)
        await listening(self.port, self.pid)

    async def die(self, how: int = signal.SIGKILL) -> None:
        os.kill(self.pid, how)
        await until(lambda: not is_alive(self.pid), 30.0)

    def faults(self, *rules) -> None:
        self.emulator.faults.set([{"count": 1, **rule} for rule in rules], self.emulator.now())

    def struck(self) -> int:
        return self.emulator.faults.injected.total()

    async def conversation(self) -> str:
        """A new guest's."""
        name = f"guest-{next(self.names)}"
        await self.caller.start("guest", name, guest(name))
        return (await self.caller.over(name))["result"]["conversation_id"]

    async def session(self) -> str:
        """A messaging session's operation id, when it is open."""
        name = f"session-{next(self.names)}"
        await self.caller.start("messaging", name, messaging())
        await self.caller.when(name, is_open)
        return name

    async def examine(self, where: str) -> None:
        """All is over: does everything agree?"""
        asked = self.caller.asked
        for name in asked:
            await self.caller.over(name)
        wanted = {(name, event) for name, (kind, _) in asked.items() for event in TELLS[kind]}
        with suppress(TimeoutError):
            await until(lambda: self.crm.told() >= wanted, 30.0)
        assert self.crm.told() == wanted, f"{where}: {self.crm.told() ^ wanted}"
        self.crm.examine(where)
        for name, (kind, request) in list(asked.items()):
            again = await self.caller.start(kind, name, request, wait="10s")
            assert again["status"] == "succeeded", f"{where}: {again}"
        examine_mutations(self.emulator, asked, where)
        await self.die(signal.SIGTERM)
        self._examine_audit(where)
        log = self.new_life.log.read_text()
        assert "Traceback" not in log and "our bug" not in log and "canary" not in log, log[-3000:]

    def _examine_audit(self, where: str) -> None:
        audit = str(self.state / "audit")
        verdict = json.loads(guestd("audit", "verify", audit, "--json"))
        assert verdict["ok"], f"{where}: {verdict}"
        kept = [
            json.loads(line)
            for line in guestd("journal", "export", "-d", str(self.state)).splitlines()
        ]
        told = [
            json.loads(line) for line in guestd("audit", "export", audit, "--json").splitlines()
        ]
        facts = [
            (one["offset"], one["action"], one["operation_id"])
            for one in kept
            if one["kind"] == "fact"
        ]
        assert [
            (one["offset"], one["action"], one.get("operation", "")) for one in told
        ] == facts, f"{where}: the audit differs"
        assert len(facts) > len(self.caller.asked)


def guestd(*arguments: str) -> str:
    done = CliRunner().invoke(app, list(arguments))
    assert done.exit_code == 0, done.output
    return done.stdout


@asynccontextmanager
async def new_harness(new_life: DaemonForker, place: Path) -> AsyncIterator[KillHarness]:
    settings = EmulatorSettings(limits=EmulatorLimits().off(), agent="silent")
    async with Emulator(settings) as emulator, Crm() as crm, aiohttp.ClientSession() as http:
        state, config, port = place / "state", place / "guestd.toml", free_port()
        state.mkdir()
        ca = ensure_certificate(place / "tls")[2]
        config.write_text(
            CONFIG.format(
                socket=emulator.ws_url,
                url=emulator.url,
                deployment=DEFAULT_DEPLOYMENT_ID,
                state=state,
                crm=crm.url,
                ca=ca,
            )
        )
        caller = Caller(f"http://127.0.0.1:{port}", http)
        arguments = ("serve", "-c", str(config), "--port", str(port))
        yield KillHarness(emulator, crm, caller, new_life, state, arguments, port)
