"""A frontend on the simulator: the three actions, and an error that leaves the socket open."""

from __future__ import annotations

import base64
import json
import os
import time

from websockets.sync.client import connect


def main():
    seen = []
    with connect(os.environ["SIMULATOR"], proxy=None) as socket:

        def send(**frame):
            socket.send(json.dumps(frame))

        def until(done):
            deadline = time.monotonic() + 20.0
            while not any(done(one) for one in seen):
                seen.append(json.loads(socket.recv(timeout=deadline - time.monotonic())))

        def heard(text):
            wanted = ("message", "Outbound", text)
            return lambda one: (one.get("kind"), one.get("direction"), one.get("text")) == wanted

        send(action="send", text="first")
        until(heard("first"))
        send(action="context", data={"uiState": "checkout", "cartValue": 149.99})
        content = base64.b64encode(b"png").decode()
        send(
            action="upload",
            filename="a.png",
            contentType="image/png",
            buffer=content,
            caption="a file",
        )
        until(heard("a file"))
        send(action="send", text="x" * 4097)
        until(lambda one: "error" in one)
        send(action="send", text="last")
        until(heard("last"))
    said = [
        one["text"]
        for one in seen
        if one.get("kind") == "message" and one["direction"] == "Outbound"
    ]
    return {"errors": [one for one in seen if "error" in one], "texts": said}


print(json.dumps(main()))
