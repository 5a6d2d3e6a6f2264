"""A guest's frontend that lives through many lives of the daemon.

A frontend that got no answer to a command asks again with the same id, as any frontend would."""

from __future__ import annotations

import asyncio
import json
from random import Random

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage


class Frontend:
    """One guest's frontend over all the daemon's lives."""

    def __init__(
        self, url: str, name: str, rng: Random, email: str = "", rest_s_max: float = 0.3
    ) -> None:
        self.url, self.name, self.rng, self.rest_s_max = url, name, rng, rest_s_max
        self.email = f"&email={email}" if email else ""
        self.events: list[dict] = []
        self.said = 0
        self.answered: set[str] = set()
        self.waiting: dict[str, str] = {}
        self.refused: set[str] = set()
        self.missing: list[str] = []  # messages of the platform's record that were never shown
        self.quiet = self.stop = False

    def settled(self) -> set[str]:
        return {event["command_id"] for event in self.events if event["kind"] == "delivery"}

    async def live(self) -> None:
        while not self.stop:
            since = self.events[-1]["seq"] if self.events else 0
            try:
                async with connect(
                    f"{self.url}?guest={self.name}&since={since}{self.email}",
                    proxy=None,
                    open_timeout=2.0,
                    close_timeout=0.2,
                ) as frontend:
                    await self._visit(frontend)
            except (ConnectionClosed, OSError, InvalidHandshake, InvalidMessage, TimeoutError):
                await asyncio.sleep(0.02)

    async def _visit(self, frontend) -> None:
        await self._ask_again(frontend, list(self.waiting))
        speak_at = asyncio.get_running_loop().time() + self.rng.uniform(0.02, 0.3)
        ask_at = 0.0
        while not self.stop:
            now = asyncio.get_running_loop().time()
            if self.refused and now >= ask_at:
                ask_at = now + 1.0
                await self._ask_again(
                    frontend, [one for one in self.waiting if one in self.refused]
                )
            if now >= speak_at and not self.quiet and not self.refused:
                self.said += 1
                command_id = f"{self.name}-{self.said}"
                self.waiting[command_id] = f"{self.name} says {self.said}"
                await self._send(frontend, command_id, self.waiting[command_id])
                speak_at = now + self.rng.uniform(0.05, self.rest_s_max)
            try:
                async with asyncio.timeout(0.1):
                    self._hear(json.loads(await frontend.recv()))
            except TimeoutError:
                continue

    async def _ask_again(self, frontend, command_ids: list[str]) -> None:
        """What was not answered, or refused for now (a full queue): with the same id."""
        self.refused.difference_update(command_ids)
        for command_id in command_ids:
            await self._send(frontend, command_id, self.waiting[command_id])

    async def _send(self, frontend, command_id: str, text: str) -> None:
        await frontend.send(json.dumps({"action": "send", "text": text, "command_id": command_id}))

    def _hear(self, frame: dict) -> None:
        if frame.get("ok"):
            self.answered.add(frame["command_id"])
            self.waiting.pop(frame["command_id"], None)
        elif "error" in frame:
            self.refused.update({frame.get("command_id", "")} & self.waiting.keys())
        elif frame["kind"] not in ("hello", "lagging"):
            self.events.append(frame)
