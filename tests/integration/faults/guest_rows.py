"""Calls made for a guest's own session: history, upload slot, upload."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass

from websockets.asyncio.client import connect

from .harness import Json, Stack
from .rows import Row

PNG = b"\x89PNG" + bytes(2000)


class Frontend:
    """All that happens in a guest session, as a frontend sees it."""

    def __init__(self, stack: Stack, name: str) -> None:
        self._url = f"ws{str(stack.http._base_url)[4:]}?guest={name}&since=0"
        self.events: list[Json] = []

    async def __aenter__(self) -> Frontend:
        self._socket = await connect(self._url, proxy=None)
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._reading.cancel()
        await self._socket.close()

    async def _read(self) -> None:
        async for frame in self._socket:
            self.events.append(json.loads(frame))

    def of(self, kind: str) -> list[Json]:
        return [event for event in self.events if event.get("kind") == kind]

    def is_live(self, times: int = 1) -> bool:
        return [event["state"] for event in self.of("session")].count("live") >= times


async def open_guest(stack: Stack) -> str:
    name = stack.new("guest")
    status, found = await stack.ask(
        "POST", "/v1/sessions", {"name": name, "email": f"{name}@example.org"}
    )
    assert status == 201, found
    async with Frontend(stack, name) as frontend:
        await stack.until(frontend.is_live)
    return name


@dataclass
class File(Row):
    async def prepare(self, stack: Stack) -> str:
        return await open_guest(stack)

    async def ask(self, stack: Stack, prepared: str, lasting: bool) -> str:
        async with Frontend(stack, prepared) as frontend:
            headers = {"Content-Type": "image/png"}
            async with stack.http.post(
                f"/v1/sessions/{prepared}/attachments?filename=a.png", data=PNG, headers=headers
            ) as one:
                assert one.status == 202, await one.text()
            await stack.until(lambda: frontend.of("delivery"))
            (fate,) = frontend.of("delivery")
            stack.told.append(json.dumps(frontend.events))
        if fate["status"] != "failed":
            return str(fate["status"])
        assert len(fate["reason"]) > 10, f"it does not say why: {fate}"
        return "failed"


@dataclass
class History(Row):
    """A message is lost with the connection; when the guest is back the history is read."""

    async def prepare(self, stack: Stack) -> str:
        return await open_guest(stack)

    def more_rules(self) -> list[Json]:
        return [{"kind": "mute", "every": 1}]

    async def ask(self, stack: Stack, prepared: str, lasting: bool) -> str:
        emulator = stack.emulator
        async with Frontend(stack, prepared) as frontend:
            await stack.until(frontend.is_live)
            session = list(emulator.world.sessions.values())[-1]
            _, effects = emulator.world.agent_says(session, "you were away", emulator.now())
            emulator.perform(effects)
            for connection in list(emulator.connections.values()):
                connection.transport.abort()
            await stack.until(lambda: frontend.of("message") or frontend.of("gap"))
            stack.told.append(json.dumps(frontend.events))
            return "the guest sees it" if frontend.of("message") else "a gap is stated"
