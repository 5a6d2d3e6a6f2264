"""Which guest sessions need attention, and why: one word, the worst first.

Each word is about one that does not get on by itself as fast as it should: a message whose fate is
unknown; a connection that does not come back, or that does not answer; a message that is not
confirmed; a goodbye that is not answered; a first connect that takes its time."""

from __future__ import annotations

from typing import Protocol

#: The worst first.
ATTENTION_WORDS = ("uncertain", "down", "unanswered", "unconfirmed", "leaving", "connecting")

#: What takes longer is no longer what always takes a moment: an echo takes some ten milliseconds,
#: a connect and its answer a second.
SLOW_MS = 5_000


class Watched(Protocol):
    """What a SessionView and a SessionLine both have."""

    @property
    def state(self) -> str: ...
    @property
    def waiting(self) -> int: ...
    @property
    def uncertain(self) -> int: ...
    @property
    def attempt(self) -> int: ...
    @property
    def state_since_ms(self) -> int: ...
    @property
    def waiting_since_ms(self) -> int: ...
    @property
    def unanswered_since_ms(self) -> int: ...


def attention_of(session: Watched, now_ms: int) -> str:
    """ "": none."""
    state = session.state
    if state == "ended":
        return ""
    if session.uncertain:
        return "uncertain"
    if state == "live":
        return _attention_of_live(session, now_ms)
    if session.attempt or state == "resting":
        return "down"
    if now_ms - session.state_since_ms <= SLOW_MS:
        return ""
    return "leaving" if state == "leaving" else "connecting"


def _attention_of_live(session: Watched, now_ms: int) -> str:
    if session.unanswered_since_ms and now_ms - session.unanswered_since_ms > SLOW_MS:
        return "unanswered"
    is_slow = session.waiting and now_ms - session.waiting_since_ms > SLOW_MS
    return "unconfirmed" if is_slow else ""


def attention_since_ms(session: Watched, word: str) -> int:
    """Since when it needs it: a message or a heartbeat as long as it waits, else as long as it is
    in its state."""
    if word == "unanswered":
        return session.unanswered_since_ms
    return session.waiting_since_ms if word == "unconfirmed" else session.state_since_ms
