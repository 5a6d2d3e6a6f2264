"""What a connection tells its guest session; cut when the connection is given up.

Answers of the history come this way as well, because they were asked for on a connection's behalf.
When the machine drops a connection, its callbacks are cut at once: whatever the dying connection
still has to say is not heard, and can never be taken for the next connection's word. A page of the
history read for a connection that is gone may lack what was lost with it.

A message that may be a repetition of one that the machine has forgotten waits for the journal's
word, and so does a page of the history that holds such messages. What comes after it on the same
connection waits behind it, and the connection is not read meanwhile, so that no more waits than one
read has brought."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from ..model.effects import SessionCounter
from ..model.endings import Ending
from ..model.errors import JournalError
from ..model.signals import Garbage, MessageArrived, Signal
from ..observe.metrics import Metrics
from ..session import inputs as i
from ..session.inbox import MessageInbox
from .breakage import log_bug
from .frame_tap import FrameTap
from .own_token import signal_without

logger = logging.getLogger("guestd.session")

#: What may wait for the journal's word, or behind something that does.
Heard = Signal | i.PongArrived | i.ConnectionEnded | i.HistoryRead | i.HistoryUnread


class ConnectionOwner(Protocol):
    @property
    def token(self) -> str:
        """The guest session's."""

    def feed(self, given: i.OwnInput | Signal) -> None: ...

    async def was_shown(self, item: MessageArrived) -> bool:
        """Asks the journal."""

    def ask_journal(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run that when it is its turn to ask."""

    def pause_reading(self, paused: bool) -> None: ...

    def connection_ended(self, ending: Ending) -> None: ...


class ConnectionCallbacks:
    __slots__ = ("_decode", "_inbox", "_metrics", "_waiting", "owner", "tap")

    def __init__(
        self,
        owner: ConnectionOwner,
        inbox: MessageInbox,
        metrics: Metrics,
        decode: Callable[[bytes], list[Signal]],
    ) -> None:
        self.owner: ConnectionOwner | None = owner
        self._inbox = inbox
        self._metrics = metrics
        self._decode = decode
        self._waiting: deque[Heard] | None = None
        self.tap: FrameTap | None = None

    @property
    def is_waiting(self) -> bool:
        """True while the connection must not be read, because what it brought waits."""
        return self._waiting is not None

    @property
    def is_cut(self) -> bool:
        return self.owner is None

    def cut(self) -> None:
        self.owner = None

    def history_answered(self, given: i.HistoryRead | i.HistoryUnread) -> None:
        if self.owner is not None:
            self._take(self.owner, given)

    def text_received(self, text: bytes) -> None:
        owner = self.owner
        if owner is None:
            return
        if self.tap is not None:
            self._tapped(self.tap, text)
            return
        metrics = self._metrics
        metrics.frames_in += 1
        metrics.bytes_in += len(text)
        try:
            signals = self._decode(text)
        except Exception as error:
            # `decode` never raises; if it does, one frame is lost and not the connection
            log_bug(logger, "decoding a frame", error)
            signals = [Garbage("not decoded")]
        for signal in signals:
            if type(signal) is not MessageArrived:
                self._take(owner, signal_without(owner.token, signal))
            elif self._waiting is not None or self._inbox.may_have_shown(signal):
                self._take(owner, signal)
            else:  # as `_take`, without its calls: nine of ten
                owner.feed(signal)

    def _tapped(self, tap: FrameTap, text: bytes) -> None:
        """The same, seen by `tap`."""
        self.tap = None
        try:
            tap.received(text, self.text_received)
        finally:
            self.tap = tap

    def pong_received(self) -> None:
        if self.tap is not None and self.owner is not None:
            self.tap.pong_received()
        self._pass_on(i.PongArrived())

    def ping_received(self, size_bytes: int) -> None:
        if self.tap is not None and self.owner is not None:
            self.tap.ping_received(size_bytes)

    def garbage_received(self, reason: str, size_bytes: int) -> None:
        if self.owner is not None:
            self._metrics.count_session(SessionCounter.GARBAGE)
            if self.tap is not None:
                self.tap.binary_received(size_bytes)

    def writable_changed(self, writable: bool) -> None:
        """Nothing to do: pacing keeps far fewer bytes under way than a socket buffer holds."""

    def connection_ended(self, ending: Ending) -> None:
        if self.tap is not None and self.owner is not None:
            self.tap.closed(ending)
        self._pass_on(i.ConnectionEnded(ending))

    # ------------------------------------------------------------------ in order

    def _pass_on(self, given: i.PongArrived | i.ConnectionEnded) -> None:
        if self.owner is not None:
            self._take(self.owner, given)

    def _take(self, owner: ConnectionOwner, given: Heard) -> None:
        if self._waiting is not None:
            self._waiting.append(given)
        elif _must_ask(self._inbox, given):
            self._waiting = deque([given])
            owner.pause_reading(True)
            owner.ask_journal(self._take_waiting)
        else:
            _feed(owner, given)

    async def _take_waiting(self) -> None:
        """All that waits, in order; a message that was shown already is only counted."""
        while self._waiting and (owner := self.owner) is not None:
            given = self._waiting[0]
            is_known = type(given) is MessageArrived and await self._is_known(owner, given)
            if type(given) is i.HistoryRead:
                given.shown = {
                    one.identity for one in given.items if await self._is_known(owner, one)
                }
            self._waiting.popleft()
            if self.is_cut:
                break
            if is_known:
                self._metrics.count_session(SessionCounter.DUPLICATE)
            else:
                _feed(owner, given)
        self._waiting = None
        if self.owner is not None:
            self.owner.pause_reading(False)

    async def _is_known(self, owner: ConnectionOwner, item: MessageArrived) -> bool:
        try:
            return self._inbox.may_have_shown(item) and await owner.was_shown(item)
        except JournalError:  # which ends the daemon; nothing more is recorded
            return False
        except Exception as error:  # a connection that never went on would be dead without a word
            log_bug(logger, "asking for a repeated message", error)
            return False


def _must_ask(inbox: MessageInbox, given: Heard) -> bool:
    """True if only the journal can tell whether it was shown before."""
    if type(given) is MessageArrived:
        return inbox.may_have_shown(given)
    return type(given) is i.HistoryRead and any(map(inbox.may_have_shown, given.items))


def _feed(owner: ConnectionOwner, given: Heard) -> None:
    if isinstance(given, i.ConnectionEnded):
        owner.connection_ended(given.ending)
    else:
        owner.feed(given)
