"""A message that the platform repeats long after is shown once, however little a guest session
remembers of it."""

from __future__ import annotations

import json

import pytest

from guestd.model.effects import SessionCounter

from .frontend_client import frame, live, open_frontend

SMALL = {"inbox_remembered_max": 2, "inbox_held_max": 2, "hold_initial_ms": 0.0}
TIME = "2027-05-31T09:15:02.417Z"


def message(dialect, n, time=TIME):
    if dialect == "webchat":
        return json.dumps({"type": "message", "text": f"text {n}", "sequenceId": str(n)}).encode()
    body = {
        "type": "Text",
        "text": f"text {n}",
        "direction": "Outbound",
        "id": f"m{n}",
        "channel": {"time": time},
    }
    return json.dumps(
        {"type": "message", "class": "StructuredMessage", "code": 200, "body": body}
    ).encode()


@pytest.mark.parametrize(
    ("dialect", "time"), [("webmessaging", TIME), ("webmessaging", None), ("webchat", TIME)]
)
async def test_it_is_known_from_the_journal(new_stack, dialect, time):
    async with (
        new_stack(dialect=dialect, session=SMALL) as stack,
        open_frontend(stack, "?guest=ana&email=a@b.example") as one,
    ):
        await live(one)
        visit = next(iter(stack.emulator.connections.values()))
        for n in range(1, 7):
            visit.write(message(dialect, n, time))
        texts = [(await frame(one, kind="message"))["text"] for _ in range(6)]
        assert texts == [f"text {n}" for n in range(1, 7)]
        duplicates = stack.metrics.session_counts.get(SessionCounter.DUPLICATE, 0)
        for n in range(1, 7):
            visit.write(message(dialect, n, time))
        visit.write(message(dialect, 7, time))
        assert (await frame(one, kind="message"))["text"] == "text 7"
        assert stack.metrics.session_counts[SessionCounter.DUPLICATE] == duplicates + 6
