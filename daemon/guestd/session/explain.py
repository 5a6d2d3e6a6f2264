"""Why a guest session is where it is: one function of its machine and of what is around it.

It changes nothing and asks nothing else, so it may be called at any time, and what it says can be
tested without a socket. The sentences are in `waits.py`."""

from __future__ import annotations

from collections.abc import Callable

from ..model.commands import Attach, Send
from ..model.endings import Cause
from ..model.explanation import (
    BudgetUse,
    CloseFacts,
    ConnectionFacts,
    ConnectionSpan,
    Explanation,
    HeartbeatFacts,
    HoldFacts,
    SessionWait,
    UnconfirmedCommand,
    UploadFacts,
)
from ..model.instants import NEVER
from ..policy.buckets import SlidingCount
from .connection import LastClose
from .fleet_rules import FleetRules
from .machine import Machine
from .outbox import Outgoing
from .surroundings import Surroundings
from .waits import waits_of

#: Of a message's text.
TEXT_SHOWN_MAX = 120

#: An instant of the machine's clock as epoch milliseconds.
Told = Callable[[float | None], int | None]


def explain(machine: Machine, rules: FleetRules, around: Surroundings) -> Explanation:
    told = _teller(around)
    conversation = machine.conversation
    inbox, outbox = conversation.inbound.inbox, conversation.outbound.outbox
    return Explanation(
        session_id=machine.guest.session_id,
        name=machine.guest.name,
        state=machine.state.value,
        since_ms=told(machine.since),
        waits_for=tuple(
            SessionWait(one.code, one.sentence, one.detail, told(one.since), told(one.until))
            for one in waits_of(machine, rules, around)
        ),
        buckets=tuple(_budgets(machine, rules, around, told)),
        connection=_connection(machine, around, told),
        heartbeat=_heartbeat(machine, told),
        hold=HoldFacts(inbox.held, told(inbox.held_since)),
        unconfirmed=tuple(_unconfirmed(one, told) for one in outbox or ()),
        uploads=tuple(_upload(one, told) for one in outbox or () if one.upload is not None),
        expires_at_ms=_expires_ms(machine, told),
        connections=tuple(
            ConnectionSpan(told(one.opened_at), told(one.ended_at), one.cause)
            for one in machine.connection.past
        ),
    )


def _teller(around: Surroundings) -> Told:
    def told(at: float | None) -> int | None:
        if at is None or abs(at) == NEVER:
            return None
        return around.epoch_ms + round((at - around.now) * 1000.0)

    return told


def _expires_ms(machine: Machine, told: Told) -> int | None:
    """Its agreed end, or what the platform said if that is earlier."""
    agreed_ms, by_platform_s = told(machine.ends_at), machine.connection.expires_epoch_s
    if agreed_ms is None or by_platform_s is None:
        return agreed_ms
    return min(agreed_ms, int(by_platform_s * 1000))


def _budgets(
    machine: Machine, rules: FleetRules, around: Surroundings, told: Told
) -> list[BudgetUse]:
    outbound = machine.conversation.outbound
    found: list[BudgetUse] = []
    if outbound.outbox is not None:
        found.append(_use("messages", outbound.outbox.rate, "session", around.now, told))
    if outbound.requests_taken is not None:
        found.append(_use("requests", outbound.requests_taken, "connection", around.now, told))
    if machine.conversation.inbound.reads is not None:
        reads = machine.conversation.inbound.reads
        found.append(_use("history reads", reads, "session", around.now, told))
    if around.connects is not None:
        found.append(_use("connects", around.connects, "daemon", around.now, told))
    return found


def _use(name: str, count: SlidingCount, by: str, now: float, told: Told) -> BudgetUse:
    used = count.limit - count.free(now)
    return BudgetUse(name, used, count.limit, by, told(count.frees_at(now)))


def _connection(machine: Machine, around: Surroundings, told: Told) -> ConnectionFacts:
    connection = machine.connection
    last = connection.last_close
    return ConnectionFacts(
        connection.number,
        around.host,
        around.address,
        told(connection.opened_at),
        connection.attempt,
        close_facts(last, told) if last is not None else None,
    )


_BY_US = frozenset(
    {
        Cause.CLOSED_BY_US,
        Cause.PROTOCOL_VIOLATION,
        Cause.RECONNECT_ASKED,
        Cause.UNANSWERED,
    }
)
_BY_NETWORK = frozenset({Cause.LOST, Cause.UNREACHABLE, Cause.DIAL_TIMEOUT, Cause.PROXY_REFUSED})


def closed_by(cause: Cause) -> str:
    """Who ended a connection: guestd, the network, or the platform."""
    if cause in _BY_US:
        return "guestd"
    return "network" if cause in _BY_NETWORK else "platform"


def close_facts(last: LastClose, told: Told) -> CloseFacts:
    ending = last.ending
    return CloseFacts(
        told(last.at), ending.cause.value, ending.code, closed_by(ending.cause), ending.detail
    )


def _heartbeat(machine: Machine, told: Told) -> HeartbeatFacts:
    beat = machine.connection.heartbeat
    last_ms = round(beat.took_s * 1000.0, 1) if beat.took_s is not None else None
    return HeartbeatFacts(last_ms, told(beat.next_at))


def _unconfirmed(one: Outgoing, told: Told) -> UnconfirmedCommand:
    command = one.command
    action = "attach" if isinstance(command, Attach) else "reply"
    if isinstance(command, Send):
        action = "send"
    return UnconfirmedCommand(
        command.command_id,
        action,
        one.text[:TEXT_SHOWN_MAX],
        _state(one),
        told(one.sent_at),
        one.attempts,
        one.tracing_id,
    )


def _state(one: Outgoing) -> str:
    if one.doubted:
        return "doubted"
    if not one.durable:
        return "storing"
    if one.sent_at is not None:
        return "sent"
    return "uploading" if one.awaits_file else "ready"


def _upload(one: Outgoing, told: Told) -> UploadFacts:
    command, upload = one.command, one.upload
    assert isinstance(command, Attach) and upload is not None
    return UploadFacts(
        command.command_id,
        command.filename,
        command.size_bytes,
        upload.step.value,
        upload.attempts,
        told(upload.wake_at),
    )
