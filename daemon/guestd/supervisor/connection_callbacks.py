"""What a connection tells its guest session; cut when the connection is given up.

Answers of the history come this way as well, because they were asked for on a connection's behalf.
When the machine drops a connection, its callbacks are cut at once: whatever the dying connection
still has to say is not heard, and can never be taken for the next connection's word. A page of the
history read for a connection that is gone may lack what was lost with it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

from ..model.effects import Notice
from ..model.endings import Ending
from ..model.signals import Garbage, MessageArrived, Signal
from ..observe.metrics import Metrics
from ..session import inputs as i
from .breakage import log_bug

logger = logging.getLogger("guestd.session")


class ConnectionOwner(Protocol):
    def feed(self, given: i.OwnInput | Signal) -> None: ...

    def was_shown(self, item: MessageArrived) -> bool: ...

    def link_ended(self, ending: Ending) -> None: ...


class ConnectionCallbacks:
    __slots__ = ("_decode", "_metrics", "owner")

    def __init__(
        self, owner: ConnectionOwner, metrics: Metrics, decode: Callable[[bytes], list[Signal]]
    ) -> None:
        self.owner: ConnectionOwner | None = owner
        self._metrics = metrics
        self._decode = decode

    @property
    def is_cut(self) -> bool:
        return self.owner is None

    def cut(self) -> None:
        self.owner = None

    def history_answered(self, given: i.HistoryRead | i.HistoryUnread) -> None:
        if self.owner is not None:
            self.owner.feed(given)

    def text_received(self, text: bytes) -> None:
        owner = self.owner
        if owner is None:
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
            if type(signal) is MessageArrived and owner.was_shown(signal):
                metrics.notice(Notice.DUPLICATE)
            else:
                owner.feed(signal)

    def pong_received(self) -> None:
        if self.owner is not None:
            self.owner.feed(i.PongArrived())

    def garbage_received(self, reason: str) -> None:
        if self.owner is not None:
            self._metrics.notice(Notice.GARBAGE)

    def writable_changed(self, writable: bool) -> None:
        """Nothing to do: pacing keeps far fewer bytes under way than a socket buffer holds."""

    def link_ended(self, ending: Ending) -> None:
        if self.owner is not None:
            self.owner.link_ended(ending)
