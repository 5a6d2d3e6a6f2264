"""Messages that are a text and nothing else, which is nearly all that a load test says and hears.

They are recorded as `World.add_message` and `World.agent_says` record them, with the same ids and
times from the same seed, but written straight to JSON: no dictionary is made of what would be read
by nothing but its writer. A test compares both ways, byte for byte."""

from __future__ import annotations

import orjson

from . import frames
from .ids import draw_message_ids, draw_reply_ids
from .records import Effect, GuestConversation, GuestSession
from .stored_messages import RecordedMessage
from .world import World


def add_text(
    world: World,
    session: GuestSession,
    conversation: GuestConversation | None,
    text: str,
    now: float,
    trace: str,
    marker: str | None = None,
) -> RecordedMessage:
    """A guest's, in the running conversation or the first of a new one. `trace`: the tracing id of
    its request; `marker`: the id that its client gave it, in its metadata."""
    ids = draw_message_ids(world.rng)
    conversation = conversation or world.start_conversation(session, now)
    time = world.stamp(session, now)
    frame = frames.plain_text(trace, text, ids, time, marker)
    _keep(world, session, conversation, frame, now)
    return RecordedMessage(ids[0], time, "guest", frame)


def agent_answers(
    world: World, session: GuestSession, text: str, now: float, nickname: str, is_bot: bool
) -> list[Effect]:
    """An agent's, to every connection. Not for webchat, whose frames are others."""
    ids = draw_reply_ids(world.rng)
    conversation = session.conversation or world.start_conversation(session, now)
    time = world.stamp(session, now)
    frame = frames.plain_reply(text, nickname, is_bot, ids, time)
    _keep(world, session, conversation, frame, now)
    return world.show(session, RecordedMessage(ids[0], time, "agent", frame))


def _keep(
    world: World, session: GuestSession, conversation: GuestConversation, frame: bytes, now: float
) -> None:
    if now < world.events.watched_until:
        world.events.message(session, orjson.loads(frame)["body"], now)
    session.expires = now + session.deployment.session_duration_s  # each moves it (§6.8)
    conversation.messages.add(frame, world.settings.history_messages_max)
