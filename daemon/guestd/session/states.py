"""The states of a guest session, how one follows another, and which of our own inputs is legal in
which.

Rules of this file: all that decides the next state is here, and nothing here knows what an input
does. The machine finds out which *move* an input means, and the table says where that leads; a move
that the table does not have is a bug of ours and raises.

    waiting ─admitted▶ dialing ─connected▶ joining ─joined▶ live ─goodbye▶ leaving
    dialing, joining, live, leaving ─lost▶ resting ─rested▶ waiting
    waiting, dialing, joining, live, resting, leaving, ended ─end▶ ended

- *waiting*: asked the fleet for a place in the connect budget. A thousand sessions that lost their
  connections at once all wait here, and the budget, not each one's backoff, shapes their return.
- *dialing*: a socket is being opened. The dialer has its own time-out, so no deadline of ours runs.
- *joining*: the socket is open and our hello is sent. An open socket proves nothing; only the
  dialect's acknowledgement makes a guest session live and resets the backoff (SOCK-2).
- *live*: messages flow. A gap is closed *inside* live: what arrives is held until the history is
  read, while commands and heartbeats go on.
- *resting*: backoff, without a connection.
- *leaving*: our goodbye is sent and not yet confirmed. Losing the connection here means we do not
  know whether the platform heard, and an orphaned conversation would stay in an agent's queue; so
  we reconnect and say it again, until `leave_timeout_s`.
- *ended*: nothing is legal but what was already on its way when we ended: those stragglers are
  ignored.

Two kinds of input exist. Our own inputs obey `LEGAL`; an illegal one is a bug of ours and raises.
What comes from outside (signals) is legal everywhere: a frame that makes no sense in a state is
ignored there, never an error.

One exception: `LeaveAsked` does not change the state at once when there is no connection to say
goodbye on. The session keeps dialing with a `leave_by` deadline on it, which `repr` shows as
`leaving-soon`."""

from __future__ import annotations

from enum import Enum

from . import inputs as i


class State(Enum):
    __hash__ = object.__hash__  # a set is asked for every input, and Enum's own is Python

    WAITING = "waiting"
    DIALING = "dialing"
    JOINING = "joining"
    LIVE = "live"
    RESTING = "resting"
    LEAVING = "leaving"
    ENDED = "ended"


class Move(Enum):
    """What an input means for the state."""

    ADMITTED = "admitted"
    CONNECTED = "connected"
    JOINED = "joined"
    GOODBYE = "goodbye"
    LOST = "lost"
    RESTED = "rested"
    END = "end"


class IllegalInput(AssertionError):
    """We gave the machine something that cannot happen in its state: a bug of ours."""


NEXT_STATE: dict[tuple[State, Move], State] = {
    (State.WAITING, Move.ADMITTED): State.DIALING,
    (State.DIALING, Move.CONNECTED): State.JOINING,
    (State.JOINING, Move.JOINED): State.LIVE,
    (State.LIVE, Move.GOODBYE): State.LEAVING,
    (State.DIALING, Move.LOST): State.RESTING,
    (State.JOINING, Move.LOST): State.RESTING,
    (State.LIVE, Move.LOST): State.RESTING,
    (State.LEAVING, Move.LOST): State.RESTING,
    (State.RESTING, Move.RESTED): State.WAITING,
    **{(state, Move.END): State.ENDED for state in State},
}


def next_state(state: State, move: Move) -> State:
    """Raises IllegalInput if there is no such move from this state."""
    following = NEXT_STATE.get((state, move))
    if following is None:
        raise IllegalInput(f"no move {move.value!r} from {state.value!r}")
    return following


CONNECTED = frozenset({State.JOINING, State.LIVE, State.LEAVING})
_ALWAYS = frozenset(State)
_STRAGGLES = frozenset({State.ENDED})

LEGAL: dict[type[i.OwnInput], frozenset[State]] = {
    i.Opened: frozenset({State.WAITING}),
    i.Admitted: frozenset({State.WAITING}) | _STRAGGLES,
    i.ConnectionOpened: frozenset({State.DIALING}) | _STRAGGLES,
    i.DialFailed: frozenset({State.DIALING}) | _STRAGGLES,
    i.ConnectionEnded: CONNECTED | _STRAGGLES,
    i.PongArrived: CONNECTED | _STRAGGLES,
    i.DeadlineReached: _ALWAYS,
    i.CommandGiven: _ALWAYS,
    i.IntentDurable: _ALWAYS,
    i.EventDurable: _ALWAYS,
    i.HistoryRead: _ALWAYS,
    i.HistoryUnread: _ALWAYS,
    i.JwtWanted: _ALWAYS,
    i.PutEnded: _ALWAYS,
    i.LeaveAsked: _ALWAYS,
}
