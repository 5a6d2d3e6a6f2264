"""Sending a file in a guest session, and what became of it."""

from __future__ import annotations

import hashlib

from guestd.model.commands import Attach

from .test_sessions import session_of

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40


async def pieces(data: bytes, size: int = 1000):
    for start in range(0, len(data), size):
        yield data[start : start + size]


async def attach(
    stack,
    session_id,
    data=PNG,
    name="bill.png",
    content_type="image/png",
    caption="",
    command_id="f1",
):
    """Spool and give; returns where the answer will be."""
    spooled = await stack.spool.spool(pieces(data))
    answers = []
    command = Attach(command_id, name, content_type, spooled.size_bytes, str(spooled.path), caption)
    stack.fleet.give(session_id, command, answers.append)
    return answers, spooled.path


def fates(watching, command_id="f1"):
    return [
        (one["status"], one["reason"])
        for one in watching.of("delivery")
        if one["command_id"] == command_id
    ]


def steps(watching, command_id="f1"):
    return [one["status"] for one in watching.of("attachment") if one["command_id"] == command_id]


def stored(stack, name="ana"):
    """SHA-256 of what the platform holds, by file name, of the files that were sent."""
    found = {}
    for one in (session_of(stack, name).attachments or {}).values():
        if one.sent:
            found[one.name] = hashlib.sha256(
                stack.emulator.storage.path(one.id).read_bytes()
            ).hexdigest()
    return found
