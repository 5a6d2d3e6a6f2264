"""What a frontend sends: one frame a line, on a real WebSocket. What is not UTF-8 goes as a binary
frame."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Hashable
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedOK

from guestd.api.frames import parse
from guestd.model.commands import End
from guestd.model.errors import CommandError

from .stack import ANSWER_S, GUEST, SECRET, StackTarget

FRAMES_MAX = 32

#: A guest session with more is ended for a new one: each `resume` shows all of them again.
EVENTS_MAX = 500


class SimulatorFrames(StackTarget):
    name = "simulator_frames"
    tokens = (
        *(
            f'"{one}"'.encode()
            for one in (
                *(
                    "action",
                    "send",
                    "typing",
                    "end",
                    "reply",
                    "context",
                    "link",
                    "withdraw",
                    "upload",
                    "resume",
                ),
                *(
                    "text",
                    "command_id",
                    "data",
                    "payload",
                    "in_reply_to",
                    "type",
                    "attachment_id",
                    "target",
                ),
                *(
                    "filename",
                    "contentType",
                    "buffer",
                    "caption",
                    "since",
                    "Buffer",
                    "QuickReply",
                    "a.png",
                ),
                *(
                    "image/png",
                    "AAAA",
                    "\\ud800",
                    "²",
                    "c1",
                    "\\u0000",
                    "DatePicker",
                    SECRET.decode(),
                ),
            )
        ),
        *(
            b"1e400",
            b"-1",
            b"null",
            b"true",
            b"[",
            b"{",
            b"}",
            b"]",
            b"\n",
            b"9" * 25,
            b"NaN",
            b"\xff",
            b":",
            b",",
        ),
    )

    def open(self) -> None:
        self._frontend: ClientConnection | None = None
        self._numbers = itertools.count(1)
        super().open()

    async def disconnect(self) -> None:
        if self._frontend is not None:
            await self._frontend.close()

    async def ask(self, data: bytes) -> Hashable:
        frames = [_as_sent(line) for line in data.split(b"\n")[:FRAMES_MAX]]
        frontend = await self._connected()
        for one in frames:
            await frontend.send(one)
        last_id = f"last-{next(self._numbers)}"
        await frontend.send(json.dumps({"action": "nothing", "command_id": last_id}))
        is_ended = any(map(_is_end, frames))
        answers = await asyncio.wait_for(_until(frontend, last_id, is_ended), ANSWER_S)
        if is_ended:
            await self._begin_again()
        elif self._seq() > EVENTS_MAX:
            await frontend.send(json.dumps({"action": "end"}))
            await self._begin_again()
        return frozenset(map(_kind_of, answers))

    def _seq(self) -> int:
        session_id = self.stack.fleet.find(GUEST)
        return 0 if session_id is None else self.stack.fleet.view(session_id).seq

    async def _connected(self) -> ClientConnection:
        if self._frontend is None:
            address = f"{self.stack.ws_url}?guest={GUEST}"
            self._frontend = await connect(address, proxy=None, max_size=None, max_queue=None)
        return self._frontend

    async def _begin_again(self) -> None:
        """The guest was told to leave, and leaves by right."""
        assert self._frontend is not None
        async with asyncio.timeout(ANSWER_S):
            async for _ in self._frontend:
                continue
        self._frontend = None
        await self.stack.until(lambda: self.stack.fleet.find(GUEST) is None)
        await self.open_guest()


def _as_sent(line: bytes) -> str | bytes:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line


def _is_end(frame: str | bytes) -> bool:
    try:
        return isinstance(frame, str) and isinstance(parse(frame, lambda: "drawn").command, End)
    except CommandError:
        return False


async def _until(frontend: ClientConnection, last_id: str, is_ended: bool) -> list[dict[str, Any]]:
    """The answers up to that of the last frame: each is an event, an `ok`, or an error with a code
    that is not our bug.

    `is_ended`: one of the frames ends the guest session, and with it the connection, whatever comes
    behind it."""
    found: list[dict[str, Any]] = []
    while True:
        try:
            answer = json.loads(await frontend.recv())
        except ConnectionClosedOK:
            assert is_ended, "the connection was closed"
            return found
        assert isinstance(answer, dict)
        if "error" in answer:
            assert answer["code"] and answer["code"] != "internal", answer
        else:
            assert answer.get("ok") is True or isinstance(answer.get("kind"), str), answer
        found.append(answer)
        if answer.get("command_id") == last_id:
            return found


def _kind_of(answer: dict[str, Any]) -> Hashable:
    if "error" in answer:
        return answer["code"], str(answer.get("field"))[:20]
    return answer.get("kind", "ok")
