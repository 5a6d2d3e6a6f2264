"""The short way of a guest's text.

Of what a load test sends, nearly all is a text and nothing else: no attributes, no content, no
file, in a conversation that nothing has ended; at most it has an id of the client's own, by which
guestd knows its echo. Such a request is read by type and answered here, without the objects and
questions that the others need. What is not exactly that, or would be refused, goes the whole way
through `actions.py`; a test compares what both make of the same requests, byte for byte."""

from __future__ import annotations

from typing import Literal

from msgspec import DecodeError, Struct, field
from msgspec.json import Decoder

from ...policy.buckets import SlidingCount
from ..core import agent_runner
from ..core.plain_messages import add_text
from ..core.records import ConnectionRecord, Effect, GuestSession
from ..core.world import World


class _Metadata(Struct, forbid_unknown_fields=True, gc=False):
    id: str


class _Text(Struct, forbid_unknown_fields=True, gc=False):
    kind: Literal["Text"] = field(name="type")
    text: str
    metadata: _Metadata | None = None


class _Request(Struct, forbid_unknown_fields=True, gc=False):
    action: Literal["onMessage"]
    token: str
    trace: str = field(name="tracingId")
    message: _Text


_read = Decoder(_Request).decode


def answer_text(
    world: World, connection: ConnectionRecord, frame: bytes, now: float
) -> list[Effect] | None:
    """None if it has to go the whole way; nothing has changed then. Never raises."""
    if frame.find(b'"onMessage"') < 0:  # `in` takes three times as long: it tries a number first
        return None
    try:
        request = _read(frame)
    except (DecodeError, UnicodeDecodeError, RecursionError):
        return None
    text = request.message.text
    if not text or request.token != connection.token:
        return None
    session = world.sessions.get(connection.token)
    if session is None or session.user or session.read_only or now >= session.expires:
        return None
    if not _take(world, connection, session, text, now):
        return None
    conversation = session.conversation
    metadata = request.message.metadata
    marker = metadata.id if metadata is not None else None
    message = add_text(world, session, conversation, text, now, request.trace, marker)
    effects = world.show(session, message)
    if conversation is None:
        effects += agent_runner.greet(world, session, now)
    effects += agent_runner.hear(world, session, text, now=now)
    return effects


def _take(
    world: World, connection: ConnectionRecord, session: GuestSession, text: str, now: float
) -> bool:
    """Take one of each count; False, and none is taken, if a limit would be passed."""
    limits = world.limits
    most = limits.text_bytes
    if most is not None and 4 * len(text) > most and len(text.encode()) > most:
        return False
    if (
        limits.requests_per_connection_per_minute is None
        and limits.messages_per_session_per_s is None
    ):
        return True
    counts: list[SlidingCount] = []
    if (limit := limits.requests_per_connection_per_minute) is not None:
        connection.requests = connection.requests or SlidingCount(limit, 60.0)
        counts.append(connection.requests)
    if (limit := limits.messages_per_session_per_s) is not None:
        session.rate = session.rate or SlidingCount(limit, 1.0)
        counts.append(session.rate)
    for count in counts:
        if count.ready_at(now) > now:
            return False
    for count in counts:
        count.take(now)
    return True
