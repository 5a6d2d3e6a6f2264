"""A customer who is a program: it asks, chooses among what it is offered, and says goodbye.

    pip install websockets
    python examples/python_bot/customer.py                  with `guestd serve` in another terminal

It knows nothing but the simulator's socket, so the same lines talk to a real organisation's bot."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import uuid
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

OPENING = "Where is my parcel?"
#: What the agent says, and what the customer answers; None ends the conversation.
ANSWERS = (
    (r"anything else", "Track it"),
    (r"arrives|on its way", "Thank you, bye"),
    (r"welcome", None),
)


class Customer:
    """`seq` is that of the last event seen: a new connection continues behind it."""

    def __init__(self, url: str) -> None:
        self.url = f"{url.rstrip('/')}/?guest=customer-{uuid.uuid4().hex[:8]}"
        self.seq = 0

    async def talk(self) -> None:
        """Until the conversation has ended, over as many connections as it takes."""
        while True:
            try:
                async with connect(f"{self.url}&since={self.seq}", proxy=None) as socket:
                    await self.say(socket, "opening", {"action": "send", "text": OPENING})
                    async for frame in socket:
                        await self.hear(socket, json.loads(frame))
                return  # closed with 1000: the guest session has ended
            except (OSError, ConnectionClosed) as error:
                if isinstance(error, ConnectionClosed) and error.rcvd and error.rcvd.code == 1008:
                    raise  # not let in, and the reason says why
                await asyncio.sleep(1.0)

    async def hear(self, socket: ClientConnection, event: dict[str, Any]) -> None:
        kind = event.get("kind")
        if kind == "message" and event["direction"] == "Outbound":
            print(f"{event['sender']}: {event['text']}")
            await self.answer(socket, event)
        elif kind == "message":
            print(f"customer: {event['text']}")
        elif "error" in event:
            print(f"guestd: {event['error']}", file=sys.stderr)
        if kind is not None and kind != "hello":
            self.seq = event.get("seq", self.seq)

    async def answer(self, socket: ClientConnection, event: dict[str, Any]) -> None:
        rules = (rule for rule in ANSWERS if re.search(rule[0], event["text"], re.IGNORECASE))
        _, words = next(rules, ("", ""))
        key = f"answer-{event['seq']}"
        if words is None:
            await self.say(socket, key, {"action": "end"})
        elif words:
            await self.say(socket, key, {**_choice(event, words), "text": words})

    async def say(self, socket: ClientConnection, key: str, frame: dict[str, Any]) -> None:
        """The same key is done once, however often a lost connection makes us say it."""
        await socket.send(json.dumps({**frame, "command_id": key}))


def _choice(event: dict[str, Any], words: str) -> dict[str, Any]:
    """A reply to what was offered under these words, or else a message."""
    for item in event["content"]:
        offered = item.get("quickReply", {})
        if offered.get("text") == words:
            return {"action": "reply", "type": "QuickReply", "payload": offered["payload"]}
    return {"action": "send"}


if __name__ == "__main__":
    asyncio.run(Customer(*sys.argv[1:2] or ["ws://127.0.0.1:3000"]).talk())
