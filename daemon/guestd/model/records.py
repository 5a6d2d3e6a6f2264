"""Work that outlives the process beside the guest sessions: REST operations of several steps, and
webhooks on their way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from .settings import Doc

#: The stream of what belongs to no guest session: its events are facts, its place in the journal is
#: like any other's.
OWN_STREAM = ""


@dataclass(slots=True)
class OperationEvent:
    """Something that was tried or came about outside a guest session's conversation (AUDIT-1): a
    step of an operation, its outcome. Journaled in `OWN_STREAM`; the audit and the webhooks are
    read from there. Never holds a token or a secret."""

    seq: Annotated[int, Doc("Its place among the events of this kind.")]
    action: Annotated[str, Doc("A word with dots, such as `injection.completed`.")]
    status: Annotated[str, Doc("attempt, success, failed, deferred or uncertain.")]
    operation_id: Annotated[str, Doc("The operation that it belongs to, if one.")] = ""
    conversation_id: Annotated[
        str, Doc("The conversation in whose order a webhook about it is delivered.")
    ] = ""
    details: Annotated[dict[str, Any], Doc("What is known beside that, by action.")] = field(
        default_factory=dict
    )
    kind: Literal["fact"] = "fact"


#: Tells the journal of what belongs to no operation: action, status, details. Returns at once
#: (AUDIT-1).
Note = Callable[[str, str, dict[str, Any]], None]


def no_note(action: str, status: str, details: dict[str, Any]) -> None:
    """Where no notes are kept."""


@dataclass(slots=True, frozen=True)
class OperationRecord:
    """A REST operation as it stands; the latest of an id counts. `state` is JSON: all it takes to
    go on after a restart, its idempotency keys among it. `over`: nothing is left to do; kept for a
    while, so that the same id gets the same answer.
    `erases`: what this one replaces held a secret, which is to leave the disk (AUDIT-2)."""

    operation_id: str
    kind: str
    state: bytes
    over: bool = False
    erases: bool = False


@dataclass(slots=True, frozen=True)
class DeliveryRecord:
    """One webhook for one target. `delivery_id` is the event id that a receiver de-duplicates on;
    `lane` is whose order it keeps (a conversation); the latest record of an id counts. Times are
    epoch milliseconds."""

    delivery_id: str
    target: str
    lane: str
    event: str
    body: bytes
    status: Literal["waiting", "delivered", "dead"] = "waiting"
    attempts: int = 0
    created_ms: int = 0
    due_ms: int = 0
    reason: str = ""
