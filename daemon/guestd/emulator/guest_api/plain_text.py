"""The short way of a guest's text.

Of what a load test sends, nearly all is a text and nothing else: no attributes, no content, no
file, in a conversation that nothing has ended. Such a request is answered here, without the objects
and questions that the others need. What is not exactly that, or would be refused, goes the whole
way through `actions.py`; a test compares what both make of the same requests, byte for byte."""

from __future__ import annotations

from ...policy.buckets import SlidingCount
from ..core import agent_runner
from ..core.plain_messages import add_text
from ..core.records import ConnectionRecord, Effect, GuestSession, Json
from ..core.world import World


def answer_text(
    world: World, connection: ConnectionRecord, request: Json, now: float
) -> list[Effect] | None:
    """None if it has to go the whole way; nothing has changed then."""
    if len(request) != 4:  # exactly those that are read here
        return None
    message = request.get("message")
    if (
        request.get("action") != "onMessage"
        or type(message) is not dict
        or len(message) != 2
        or message.get("type") != "Text"
        or type(text := message.get("text")) is not str
        or not text
        or type(trace := request.get("tracingId")) is not str
        or request.get("token") != connection.token
    ):
        return None
    session = world.sessions.get(connection.token)
    if session is None or session.user or session.read_only or now >= session.expires:
        return None
    if not _take(world, connection, session, text, now):
        return None
    first = session.conversation is None
    effects = world.show(session, add_text(world, session, text, now, trace))
    if first:
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
