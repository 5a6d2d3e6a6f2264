"""What a guest session waits for, in words.

The one place where these sentences stand: the log, `guestd explain`, the control API and the pages
all say what is returned here. A sentence says what is waited for, its detail what happens next and
when. Neither holds anything of what is said in the conversation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ..model.instants import NEVER
from .backfill import BackfillStep
from .connection import ConnectionState
from .fleet_rules import FleetRules
from .machine import Machine
from .outbox import Outbox, Outgoing
from .states import State
from .surroundings import Surroundings
from .uploads import UploadStep


@dataclass(slots=True, frozen=True)
class Waiting:
    """As `SessionWait`, in instants of the machine's clock."""

    code: str
    sentence: str
    detail: str
    since: float | None = None
    until: float | None = None


def waits_of(machine: Machine, rules: FleetRules, around: Surroundings) -> list[Waiting]:
    """All it waits for, the nearest first; those without an end come last."""
    found = [one for of in _OF_STATE[machine.state] for one in of(machine, rules, around)]
    found.sort(key=lambda one: NEVER if one.until is None else one.until)
    return found


def span(seconds: float) -> str:
    """How long, as a person says it."""
    seconds = max(0.0, seconds)
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    return f"{seconds:.0f} s" if seconds < 119.5 else f"{seconds / 60:.0f} min"


def rest_sentence(connection: ConnectionState, now: float) -> str:
    return f"Waits to connect again: attempt {connection.attempt} in" + (
        f" {span(connection.step_at - now)}."
    )


def counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


# ---------------------------------------------------------------------- on the way to live


def _admission(machine: Machine, rules: FleetRules, around: Surroundings) -> Iterator[Waiting]:
    if machine.ends_at == NEVER:
        yield Waiting(
            "journal",
            "Waits for the journal to store that it was opened.",
            "Then it asks for its turn to connect.",
        )
        return
    ahead, turn_at = around.ahead, around.turn_at
    if ahead is None:
        detail = "What it had shown before the restart is read from the journal first."
    else:
        before = f"{counted(ahead, 'other session')} before it" if ahead else "It is the next"
        turn = f"; its turn comes in about {span(turn_at - around.now)}" if turn_at else ""
        detail = f"{before}{turn}. All sessions share the budget of new connections."
    yield Waiting(
        "connect_budget", "Waits for its turn to connect.", detail, machine.since, turn_at
    )


def _dial(machine: Machine, rules: FleetRules, around: Surroundings) -> Iterator[Waiting]:
    yield Waiting(
        "dial",
        "Waits for a connection to the platform.",
        "It is being dialed; a dial that takes too long fails, and the next one follows.",
        machine.since,
    )


def _join(machine: Machine, rules: FleetRules, around: Surroundings) -> Iterator[Waiting]:
    limit = span(rules.settings.lifetime.join_timeout_s)
    yield Waiting(
        "join",
        "Waits for the platform to acknowledge the session.",
        f"Without an answer within {limit} the connection is dropped, and dialed again.",
        machine.since,
        machine.connection.step_at,
    )


def _rest(machine: Machine, rules: FleetRules, around: Surroundings) -> Iterator[Waiting]:
    connection = machine.connection
    why = f"The last connection ended: {connection.lost_by}. " if connection.lost_by else ""
    backoff = rules.settings.reconnect.backoff()
    left_s = connection.step_at - around.now + backoff.left_s(connection.attempt)
    yield Waiting(
        "reconnect",
        rest_sentence(connection, around.now),
        f"{why}After {backoff.attempts_max} attempts in a row the session ends"
        f" (reconnect.attempts_max): if all fail, in about {span(left_s)}.",
        machine.since,
        connection.step_at,
    )


# ---------------------------------------------------------------------- messages out


def _outbox(machine: Machine, rules: FleetRules, around: Surroundings) -> Iterator[Waiting]:
    outbound = machine.conversation.outbound
    outbox = outbound.outbox
    if not outbox:
        return
    storing = sum(not one.durable for one in outbox)
    if storing or outbound.unproven_seq:
        what = counted(storing, "message") if storing else f"event {outbound.unproven_seq}"
        yield Waiting(
            "journal",
            f"Waits for the journal to store {what}.",
            "Nothing is sent before it is on the disk.",
        )
    under_way, head = outbox.under_way, outbox.head
    assert head is not None
    if under_way is not None:
        yield from _echo(machine, rules, around, under_way)
    elif head.awaits_file:
        yield from _file(outbox, head)
    elif head.durable and machine.conversation.live:
        yield from _budget(machine, rules, around, outbox)


def _echo(
    machine: Machine, rules: FleetRules, around: Surroundings, under_way: Outgoing
) -> Iterator[Waiting]:
    outbox = machine.conversation.outbound.outbox
    assert outbox is not None and under_way.sent_at is not None
    doubted = sum(one.doubted for one in outbox)
    if doubted:
        yield Waiting(
            "doubt",
            f"Waits to learn whether {counted(doubted, 'message')} went out before the restart.",
            "The history is read; what is not in it is sent, and what cannot be found out is"
            " reported as uncertain.",
            under_way.sent_at,
        )
        return
    behind = len(outbox) - 1
    limit_s = rules.settings.messages.confirm_timeout_s
    otherwise = (
        "the history is read; it is not sent again on a guess"
        if rules.traits.has_history
        else "it is reported as uncertain"
    )
    more = f" {counted(behind, 'message')} behind it." if behind else ""
    yield Waiting(
        "echo",
        "Waits for the platform's echo of 1 message.",
        f"It was sent {span(around.now - under_way.sent_at)} ago. Without an echo within"
        f" {span(limit_s)} {otherwise}.{more}",
        under_way.sent_at,
        under_way.sent_at + limit_s,
    )


_STEPS = {
    UploadStep.WAITING: "its place for the upload is asked for when its turn comes",
    UploadStep.ASKED: "the platform was asked for a place to upload it",
    UploadStep.PUTTING: "it is being uploaded",
    UploadStep.CONFIRMING: "the platform has it, and is to confirm it",
    UploadStep.DONE: "it is there",
}


def _file(outbox: Outbox, head: Outgoing) -> Iterator[Waiting]:
    assert head.upload is not None
    upload, behind = head.upload, len(outbox) - 1
    attempt = f", attempt {upload.attempts}" if upload.attempts > 1 else ""
    order = f" {counted(behind, 'message')} behind it, so that the order stays." if behind else ""
    yield Waiting(
        "upload",
        "Waits for the upload of 1 file.",
        f"Now {_STEPS[upload.step]}{attempt}.{order}",
        None,
        upload.wake_at if abs(upload.wake_at) != NEVER else None,
    )


def _budget(
    machine: Machine, rules: FleetRules, around: Surroundings, outbox: Outbox
) -> Iterator[Waiting]:
    now, requests = around.now, machine.conversation.outbound.requests_taken
    waiting = counted(len(outbox), "message")
    at = outbox.ready_at(now, requests)
    if at <= now:
        return
    if outbox.throttled_until >= at:
        code, why = "throttled", "the platform answered 429 and asked to wait"
    elif requests is not None and requests.ready_at(now) >= at:
        limit = rules.traits.requests_per_minute
        code, why = "request_rate", f"a connection may make {limit} requests a minute"
    else:
        limit_per_s = rules.traits.messages_per_s
        code, why = "message_rate", f"a session may send {limit_per_s:g} messages a second"
    yield Waiting(
        code,
        f"Waits to send {waiting}.",
        f"The next one goes out in {span(at - now)}: {why}.",
        None,
        at,
    )


# ---------------------------------------------------------------------- messages in


def _history(machine: Machine, rules: FleetRules, around: Surroundings) -> Iterator[Waiting]:
    inbound = machine.conversation.inbound
    backfill = inbound.backfill
    if backfill is None:
        return
    what = {
        BackfillStep.JWT: "Waits for a token to read the history with.",
        BackfillStep.PAGE: f"Waits for page {backfill.page_number} of the history.",
        BackfillStep.REST: "Waits to read the history again.",
    }[backfill.step]
    held, limit = inbound.inbox.held, rules.settings.history.attempts_max
    failed = (
        f" {counted(backfill.attempts, 'reading')} of {limit} failed." if backfill.attempts else ""
    )
    yield Waiting(
        "history",
        what,
        f"Something may be missing. {counted(held, 'message')} held until then; if it cannot be"
        f" read, the gap is stated.{failed}",
        inbound.inbox.held_since,
        backfill.wake_at if backfill.wake_at != NEVER else None,
    )


def _order(machine: Machine, rules: FleetRules, around: Surroundings) -> Iterator[Waiting]:
    inbound = machine.conversation.inbound
    inbox = inbound.inbox
    if not inbox.held or inbox.is_backfilling:
        return
    yield Waiting(
        "order",
        f"Waits to show {counted(inbox.held, 'message')} in order.",
        "An earlier one may still be on its way; then they are shown.",
        inbox.held_since,
        inbox.wake_at if inbox.wake_at != NEVER else None,
    )


def _reading(machine: Machine, rules: FleetRules, around: Surroundings) -> Iterator[Waiting]:
    if around.is_unread:
        yield Waiting(
            "overload",
            "Waits for the journal to catch up.",
            "Too many events wait for the disk; no session is read until then.",
        )
    if around.asks_journal:
        yield Waiting(
            "repetition",
            "Waits for the journal to tell whether a message was shown before.",
            "What came after it waits behind it.",
        )


# ---------------------------------------------------------------------- connection and end


def _heartbeat(machine: Machine, rules: FleetRules, around: Surroundings) -> Iterator[Waiting]:
    asked_at, limit_s = machine.connection.heartbeat.asked_at, rules.settings.heartbeat.timeout_s
    if asked_at is not None:
        yield Waiting(
            "heartbeat",
            "Waits for the answer to a heartbeat.",
            f"Without one within {span(limit_s)} the connection counts as lost.",
            asked_at,
            asked_at + limit_s,
        )


def _leaving_soon(machine: Machine, rules: FleetRules, around: Surroundings) -> Iterator[Waiting]:
    departure = machine.departure
    if departure.cause is None:
        return
    outbox = machine.conversation.outbound.outbox
    left = counted(len(outbox), "message") if outbox else "the history"
    yield Waiting(
        "leave",
        "Waits to say goodbye.",
        f"First {left} must be settled; after {span(departure.leave_by - around.now)} it leaves"
        " all the same.",
        None,
        departure.leave_by,
    )


def _goodbye(machine: Machine, rules: FleetRules, around: Surroundings) -> Iterator[Waiting]:
    yield Waiting(
        "goodbye",
        "Waits for the platform to confirm the goodbye.",
        f"After {span(machine.departure.leave_by - around.now)} it ends without.",
        machine.since,
        machine.departure.leave_by,
    )


WaitsOf = Callable[[Machine, FleetRules, Surroundings], Iterator[Waiting]]

_CONNECTED: tuple[WaitsOf, ...] = (_outbox, _history, _order, _reading, _heartbeat)

_OF_STATE: dict[State, tuple[WaitsOf, ...]] = {
    State.WAITING: (_admission, _leaving_soon),
    State.DIALING: (_dial, _leaving_soon),
    State.JOINING: (_join, _leaving_soon),
    State.RESTING: (_rest, _leaving_soon),
    State.LIVE: (*_CONNECTED, _leaving_soon),
    State.LEAVING: (_goodbye, *_CONNECTED),
    State.ENDED: (),
}
