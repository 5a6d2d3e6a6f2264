"""A ceiling of messages a second over all guests of a process: what is above it waits its turn.

The time a message waits here counts, since latencies are taken from when it was due: a ceiling that
is too low for the plan shows."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable

from ...policy.buckets import TokenBucket
from ..guest import actions as a

_MESSAGES = (a.SendText, a.SendChoice, a.SendFile)
#: So much of a second's messages may go at once: the gate opens twenty times a second.
BURST_S = 0.1
#: What must not overtake them.
_AFTER = (*_MESSAGES, a.SendTyping, a.EndSession)


class MessageGate:
    """`perform` does what was held, of the guest with that number."""

    def __init__(self, per_s: float, perform: Callable[[int, a.Action], None]) -> None:
        self._bucket = TokenBucket(per_s, max(1.0, per_s * BURST_S))
        self._perform = perform
        self._held: deque[tuple[int, a.Action]] = deque()
        self._of_guest: Counter[int] = Counter()

    def holds(self, guest: int, action: a.Action, now: float) -> bool:
        """Whether it must wait; then it is performed in its turn."""
        if not isinstance(action, _AFTER):
            return False
        if isinstance(action, _MESSAGES):
            if not self._held and self._bucket.take(now):
                return False
        elif not self._of_guest[guest]:
            return False
        self._held.append((guest, action))
        self._of_guest[guest] += 1
        return True

    def release(self, now: float) -> None:
        while self._held:
            guest, action = self._held[0]
            if isinstance(action, _MESSAGES) and not self._bucket.take(now):
                return
            self._held.popleft()
            self._of_guest[guest] -= 1
            self._perform(guest, action)
