"""Which events, states and client messages are counted, and as what."""

from __future__ import annotations

from ..model.client_messages import ClientMessage, SayAttachments, SayReply, SayText
from ..model.events import DeliveryEvent, SessionEvent
from ..observe.metrics import Metrics
from ..session.states import State

#: What counts as a message of the guest.
MESSAGES = frozenset({SayText, SayReply, SayAttachments})


def count_event(event: DeliveryEvent | SessionEvent, metrics: Metrics) -> None:
    if isinstance(event, DeliveryEvent):
        metrics.commands_settled[event.status] = metrics.commands_settled.get(event.status, 0) + 1
    elif event.state == "resting":
        metrics.connections_lost[event.reason] = metrics.connections_lost.get(event.reason, 0) + 1


def count_state(before: State | None, after: State, metrics: Metrics) -> None:
    """A guest session has changed its state; those that have ended are not counted."""
    sessions = metrics.sessions
    if before is not None:
        sessions[before.value] -= 1
    if after is not State.ENDED:
        sessions[after.value] = sessions.get(after.value, 0) + 1


def is_message(request: ClientMessage) -> bool:
    return type(request) in MESSAGES
