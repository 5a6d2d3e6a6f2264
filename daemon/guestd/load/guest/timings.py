"""What a guest measures: each method is told that something happened, and writes what follows.

Times are counted from when a message was *meant* to be sent. A guest whose process is late, or that
could not send because it waited, would else measure only the moments at which all was well
(coordinated omission)."""

from __future__ import annotations

from .actions import Action, Counted, CountName, Measured

#: How many messages wait for one reply. A guest that says more without an answer measures the
#: first of them.
UNANSWERED_MAX = 100

_BOT, _HUMAN = 1, 2


class Timings:
    __slots__ = (
        "_first_said",
        "_live_at",
        "_lost_at",
        "_replied",
        "_start",
        "_typing_from",
        "_unanswered",
    )

    def __init__(self) -> None:
        self._start = 0.0
        self._live_at: float | None = None
        self._lost_at: float | None = None
        self._first_said: float | None = None
        self._replied = 0
        self._unanswered: tuple[float, ...] = ()
        self._typing_from: float | None = None

    @property
    def was_live(self) -> bool:
        return self._live_at is not None

    def opened(self, meant_at: float, out: list[Action]) -> None:
        self._start = meant_at
        out.append(Counted("opened"))

    def live(self, now: float, out: list[Action]) -> None:
        if self._live_at is None:
            self._live_at = now
            out.append(Counted("live"))
            out.append(Measured("session_time", now - self._start))
        else:
            out.append(Counted("reconnected"))
            if self._lost_at is not None:
                out.append(Measured("restore_time", now - self._lost_at))
        self._lost_at = None

    def lost(self, now: float) -> None:
        if self._lost_at is None:
            self._lost_at = now

    def said(self, meant_at: float, out: list[Action]) -> None:
        """A text, a choice or a file is given to be sent."""
        out.append(Counted("sent"))
        if self._first_said is None:
            self._first_said = meant_at
        if self._typing_from is None:
            self._typing_from = meant_at
        if len(self._unanswered) < UNANSWERED_MAX:
            self._unanswered = (*self._unanswered, meant_at)

    def confirmed(
        self, meant_at: float, as_sent_s: float | None, now: float, out: list[Action]
    ) -> None:
        out.append(Measured("echo_latency", now - meant_at))
        if as_sent_s is not None:
            out.append(Measured("echo_as_sent", as_sent_s))

    def replied(self, bot: bool, now: float, out: list[Action]) -> None:
        """A message of the platform's side. One from before the guest's first is no reply."""
        out.append(Counted("received"))
        self._typing_from = None
        if self._first_said is None:
            return
        if not self._replied:
            out.append(Measured("first_reply", now - self._first_said))
        kind = _BOT if bot else _HUMAN
        if not self._replied & kind:
            self._replied |= kind
            name = "first_bot_reply" if bot else "first_human_reply"
            out.append(Measured(name, now - self._first_said))  # type: ignore[arg-type]  # one of two
        for meant_at in self._unanswered:
            out.append(Measured("reply_gap", now - meant_at))
        self._unanswered = ()

    def typing(self, now: float, out: list[Action]) -> None:
        """Of the agent. What counts is the first since a message that is not answered yet."""
        if self._typing_from is not None:
            out.append(Measured("typing_shown", now - self._typing_from))
            self._typing_from = None

    def over(self, how: CountName, now: float, out: list[Action]) -> None:
        """The session is over; `how`: ended, unconfirmed_end or failed."""
        out.append(Counted(how))
        if self._live_at is not None:
            out.append(Measured("conversation_time", now - self._live_at))
