"""The legacy dialect (SOCK-1, 3, 4, 6): bare frames with a `type`, no echo, string sequence ids.

What the documents leave open is kept simple: a refused frame is answered with {"type": "error",
"message": …}, and each message of the guest with a readReceipt for the last one of the agent.
"""

from __future__ import annotations

import json
import re

from ...model.json_values import fault_in
from ...policy.buckets import SlidingCount
from ..core import agent_runner, webchat_frames
from ..core.ids import draw_hex, draw_uuid
from ..core.records import Attachment, Effect, GuestSession, Json, SendFrame
from ..core.text import javascript_length
from ..core.world import World

_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")


def receive_webchat_frame(
    world: World, connection_id: int, text: bytes, now: float
) -> list[Effect]:
    """One text frame of a webchat guest. Never raises."""
    connection = world.connections.get(connection_id)
    if connection is None:
        return []
    try:
        request = json.loads(text)
    except (ValueError, RecursionError):
        return _refuse(connection_id, "malformed JSON")
    if not isinstance(request, dict):
        return _refuse(connection_id, "a JSON object is needed")
    if (fault := fault_in(request)) is not None:
        return _refuse(connection_id, f"a field {fault.reason}")
    kind = request.get("type")
    if kind == "connect":
        return _connect(world, connection_id, request, now)
    session = world.sessions.get(connection.token)
    if session is None:
        return _refuse(connection_id, "connect first")
    if world.is_expired(session, now):
        return [SendFrame(connection_id, webchat_frames.disconnect("expired"))]
    if kind == "setContext" and isinstance(request.get("context"), dict):
        session.context = request["context"]
        return []
    if kind == "message":
        return _message(world, session, connection_id, request, now)
    return _refuse(connection_id, "unknown or incomplete frame")


def _refuse(connection_id: int, why: str) -> list[Effect]:
    return [SendFrame(connection_id, webchat_frames.error(why))]


def _connect(world: World, connection_id: int, request: Json, now: float) -> list[Effect]:
    info = request.get("guestInfo")
    name = info.get("name") if isinstance(info, dict) else None
    email = info.get("email") if isinstance(info, dict) else None
    if not isinstance(name, str) or not name.strip():
        return _refuse(connection_id, "guestInfo.name is required")
    if not isinstance(email, str) or not _EMAIL.fullmatch(email):
        return _refuse(connection_id, "guestInfo.email must be a valid address")
    connection = world.connections[connection_id]
    token = f"webchat:{email}"
    session = world.sessions.get(token)
    if session is None or world.is_expired(session, now):
        session = world.new_session(token, connection.deployment, now, dialect="webchat", name=name)
    effects = world.attach(connection, session, now)
    first = session.conversation is None
    if first:
        world.start_conversation(session, now)
    effects.append(SendFrame(connection_id, webchat_frames.CONNECTED))
    return effects + (agent_runner.greet(world, session, now) if first else [])


def _message(
    world: World, session: GuestSession, connection_id: int, request: Json, now: float
) -> list[Effect]:
    if session.read_only:
        return _refuse(connection_id, "the conversation has ended")
    limits = world.limits
    text = request.get("text")
    attachments = request.get("attachments")
    if not isinstance(text, str) or (not text and not attachments):
        return _refuse(connection_id, "text is required")
    most, length = limits.webchat_text_characters, javascript_length(text)
    if most is not None and length > most:
        return _refuse(connection_id, f"text has {length} characters, the limit is {most}")
    files = _files(world, attachments)
    missing = [file.id for file in files if not file.uploaded]
    if missing:
        return _refuse(connection_id, f"attachment {missing[0]} has not been uploaded")
    if limits.webchat_messages_per_s is not None:
        session.rate = session.rate or SlidingCount(limits.webchat_messages_per_s, 1.0)
        if not session.rate.take(now) and limits.strict:
            return _refuse(
                connection_id,
                f"rate limit exceeded: {limits.webchat_messages_per_s} messages per second",
            )
    for file in files:
        file.sent = True
        session.attachments = {**(session.attachments or {}), file.id: file}
    body: Json = {"id": draw_hex(world.rng), "type": "Text", "text": text, "direction": "Inbound"}
    body["channel"] = {"messageId": draw_uuid(world.rng)}
    if isinstance(attachments, list) and attachments:
        body["attachments"] = attachments
    world.add_message(session, body, now)
    receipt = webchat_frames.read_receipt(str(session.sequence))
    effects: list[Effect] = [SendFrame(connection_id, receipt)] if session.sequence else []
    return effects + agent_runner.hear(
        world, session, text, file=next((one.name for one in files), ""), now=now
    )


def _files(world: World, attachments: object) -> list[Attachment]:
    """The attachments of a message that have a presigned URL."""
    named = (
        world.files.named(str(one.get("id", "")))
        for one in (attachments if isinstance(attachments, list) else ())
        if isinstance(one, dict)
    )
    return [file for file in named if file is not None]
