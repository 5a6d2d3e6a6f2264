"""A guest on the legacy web chat socket: connect, context, messages in order, a file, and back
after a lost connection."""

from __future__ import annotations

import json
import random
import re
import time

from web import PLATFORM, call, token
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

TYPES = ("image/png", "image/jpeg", "application/pdf")


class Guest:
    def __init__(self) -> None:
        self.messages = {}
        self.seen = {
            "typing": [],
            "receipts": 0,
            "acknowledged": 0,
            "other": [],
            "reconnectDelaysMs": [],
        }
        self.tries = 0

    def open(self) -> None:
        self.socket = connect(f"{PLATFORM.replace('http', 'ws')}/webchat/v1", proxy=None)
        info = {"name": "Test Guest", "email": "guest@example.com"}
        self.send({"type": "connect", "guestInfo": info, "metadata": {"sessionId": "sim-001"}})

    def send(self, frame) -> None:
        self.socket.send(json.dumps(frame))

    def until(self, done) -> None:
        deadline = time.monotonic() + 20.0
        while not done():
            try:
                self._take(json.loads(self.socket.recv(timeout=deadline - time.monotonic())))
            except ConnectionClosed:
                delay_ms = min(1000 * 2**self.tries + random.random() * 1000, 30_000)
                self.tries += 1
                self.seen["reconnectDelaysMs"].append(delay_ms)
                time.sleep(delay_ms / 1000)
                self.open()

    def _take(self, event) -> None:
        match event["type"]:
            case "connect":
                self.tries = 0
                self.seen["acknowledged"] += 1
            case "typing":
                self.seen["typing"].append(event["state"])
            case "readReceipt":
                self.seen["receipts"] += 1
            case "message":
                self.messages[event["sequenceId"]] = event
            case _:
                self.seen["other"].append(event)

    def texts(self) -> list[str]:
        by_number = sorted(
            self.messages, key=lambda one: [int(part) for part in re.findall(r"\d+", one)]
        )
        return [self.messages[one]["text"] for one in by_number]


def upload(name: str, kind: str, content: bytes):
    assert kind in TYPES
    url = f"{PLATFORM}/api/v2/webchat/attachments/generate-presigned-url"
    asked = {"filename": name, "contentType": kind, "size": len(content)}
    _, place = call("POST", url, asked, Authorization=f"Bearer {token()}")
    status, _ = call("PUT", place["uploadUrl"], content, Content_Type=kind)
    assert status < 300
    return place["metadata"]


def main():
    guest = Guest()
    guest.open()
    guest.until(lambda: guest.seen["acknowledged"] == 1)
    guest.send({"type": "setContext", "context": {"uiState": "checkout", "cartValue": 149.99}})
    guest.send({"type": "message", "text": "one"})
    guest.until(lambda: "one" in guest.texts())
    place = upload("parcel.png", "image/png", bytes.fromhex("89504e470d0a1a0a"))
    guest.send({"type": "message", "text": "a photo", "attachments": [place]})
    guest.until(lambda: "a photo" in guest.texts())
    call("POST", f"{PLATFORM}/__emulator/drop", {"all": True})
    guest.until(lambda: guest.seen["acknowledged"] == 2)
    guest.send({"type": "message", "text": "two"})
    guest.until(lambda: "two" in guest.texts())
    for number in range(12):
        guest.send({"type": "message", "text": f"quick {number}"})
    guest.until(lambda: len(guest.texts()) - 3 + len(guest.seen["other"]) >= 12)
    guest.socket.close()
    return {"texts": guest.texts(), "seen": guest.seen}


print(json.dumps(main()))
