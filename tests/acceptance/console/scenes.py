"""What the pictures and the checks of accessibility look at: a conversation with all that there is."""

from __future__ import annotations

import struct
import time
import zlib
from typing import Any

OTHERS = {
    "web-7f31": "Order 99-2041: where is the invoice?",
    "kiosk-12": "Echo: opening hours",
    "bruno": "A colleague takes over, one moment.",
    "mara@shop": "Menu: Billing · Delivery · Something else",
    "chat-demo-4": "Your parcel is on its way.",
}

CARD = {
    "contentType": "Card",
    "card": {
        "title": "Parcel shop Hafenstraße 12",
        "description": "Open today until 20:00. Bring the card.",
        "actions": [
            {"type": "Link", "text": "Show the way", "url": "https://example.org/way"},
            {"type": "Postback", "text": "Keep 3 more days", "payload": "keep"},
        ],
    },
}
REPLIES = [
    ["Deliver tomorrow", "deliver"],
    ["I’ll pick it up", "collect"],
    ["Talk to somebody", "talk"],
]


def picture(width: int = 64, height: int = 64) -> bytes:
    """A PNG of one colour."""
    rows = (b"\0" + bytes((214, 206, 196)) * width) * height

    def chunk(kind: bytes, data: bytes) -> bytes:
        checked = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checked)

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def until(condition: Any, timeout_s: float = 60.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def _messages(daemon: Any) -> int:
    return len(daemon.transcript("ana"))


def _reply(daemon: Any, text: str, payload: str) -> None:
    reply = {"choices": [{"text": text, "payload": payload}]}
    daemon.ask("POST", "/v1/sessions/ana/messages", {"reply": reply})


def hold_a_conversation(daemon: Any) -> None:
    """Ana and an agent, a lost connection between; some others beside."""
    for name, text in OTHERS.items():
        daemon.open(name)
        daemon.say(name, text)
    if not daemon.ask("GET", "/v1/sessions?name=ana")["total"]:
        daemon.open("ana", attributes={"tier": "gold", "locale": "de"})
    daemon.send("ana", "Hello, is my parcel there?")
    until(lambda: _messages(daemon) >= 1)
    daemon.say("ana", "Hello Ana, I am Leo. I look that up for you.")
    until(lambda: _messages(daemon) >= 2)
    daemon.emulate("drop", {"guest": "ana"})
    until(lambda: daemon.ask("GET", "/v1/sessions/ana")["state"] != "live")
    until(lambda: daemon.ask("GET", "/v1/sessions/ana")["state"] == "live")
    daemon.say("ana", "It came this morning. You can collect it here:", content=[CARD])
    daemon.say("ana", "What shall I do?", quick_replies=REPLIES)
    until(lambda: _messages(daemon) >= 4)
    _reply(daemon, "I’ll pick it up", "collect")
    until(lambda: _messages(daemon) >= 5)
    daemon.upload("ana", "card-at-the-door.png", "image/png", picture())
    until(lambda: _messages(daemon) >= 6)
    daemon.send("ana", "Can my neighbour collect it for me?")
    until(lambda: _messages(daemon) >= 7)
