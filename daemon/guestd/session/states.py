"""The seven states of a guest session, and which of our own inputs is legal in which.

Rules of this file: all that decides legality is here, and nothing here knows what an input does.

    waiting ─Admitted─▶ dialing ─LinkOpened─▶ joining ─Joined─▶ live ─LeaveAsked─▶ leaving ─▶ ended
       ▲                   │ DialFailed           │ LinkEnded       │ LinkEnded       │
       │                   ▼                      ▼                 ▼                 │ LinkEnded:
       └─DeadlineReached─ resting ◀───────────────┴─────────────────┘                 │ dial and say
                           ▲                                                          │ it again
                           └──────────────────────────────────────────────────────────┘

- *waiting*: asked the fleet for a place in the connect budget. A thousand sessions that lost their
  links at once all wait here, and the budget, not each one's backoff, shapes their return.
- *dialing*: a socket is being opened. The dialer has its own time-out, so no deadline of ours runs.
- *joining*: the socket is open and our hello is sent. An open socket proves nothing; only the
  dialect's acknowledgement makes a guest session live and resets the backoff (SOCK-2).
- *live*: messages flow. Gap filling happens *inside* live: what arrives is held until the history
  is read, while commands and heartbeats go on.
- *resting*: backoff. No link.
- *leaving*: our goodbye is sent and not yet confirmed. Losing the link here means we do not know
  whether the platform heard, and an orphaned conversation sits in somebody's queue; so we come back
  and say it again, until `leave_timeout_s`.
- *ended*: nothing is legal but what was already on its way when we ended: those stragglers are
  ignored.

Two kinds of input exist. Our own inputs obey the table below; an illegal one is a bug of ours and
raises. What comes from outside (signals) is legal everywhere: a frame that makes no sense in a
state is ignored there, never an error.

What is not nice: LeaveAsked does not change the state at once when there is no link to say goodbye
on. The session keeps dialing with a `leave_by` deadline on it, which `repr` shows as
`leaving-soon`."""

from __future__ import annotations

from enum import Enum

from . import inputs as i


class State(Enum):
    WAITING = "waiting"
    DIALING = "dialing"
    JOINING = "joining"
    LIVE = "live"
    RESTING = "resting"
    LEAVING = "leaving"
    ENDED = "ended"


class IllegalInput(AssertionError):
    """We gave the machine something that cannot happen in its state: a bug of ours."""


_LINKED = frozenset({State.JOINING, State.LIVE, State.LEAVING})
_ALWAYS = frozenset(State)
_STRAGGLES = frozenset({State.ENDED})

LEGAL: dict[type[i.OwnInput], frozenset[State]] = {
    i.Opened: frozenset({State.WAITING}),
    i.Admitted: frozenset({State.WAITING}) | _STRAGGLES,
    i.LinkOpened: frozenset({State.DIALING}) | _STRAGGLES,
    i.DialFailed: frozenset({State.DIALING}) | _STRAGGLES,
    i.LinkEnded: _LINKED | _STRAGGLES,
    i.PongArrived: _LINKED | _STRAGGLES,
    i.DeadlineReached: _ALWAYS,
    i.CommandGiven: _ALWAYS,
    i.IntentDurable: _ALWAYS,
    i.EventDurable: _ALWAYS,
    i.HistoryRead: _ALWAYS,
    i.HistoryUnread: _ALWAYS,
    i.PutEnded: _ALWAYS,
    i.LeaveAsked: _ALWAYS,
}
