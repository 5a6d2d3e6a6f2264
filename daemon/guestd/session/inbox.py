"""Puts what arrives into the conversation's order: each item once, in bounded memory.

The wire does not promise an order (protocol §0.3, fact 5), the history repeats items after a
reconnect, and the two dialects express order in two ways. Both inboxes have the same methods,
so the machine does not know which one it holds:

    arrive(item, now)   what may be shown now, and what was noticed
    release(now)        the same, when `wake_at` is reached
    merge(history)      the same, when a gap was filled
    flush(now)          everything that is held, because nothing can come before it any more

`ByTime` (webmessaging) has only `channel.time`. Nothing on the wire tells that an earlier item is
still under way, so order costs waiting, and the wait is `ReorderDelay.hold_ms`:
learned from what all sessions of the deployment see, nothing while traffic is in order. An item
that comes too late even so is shown at the end, marked `late`: never dropped. Equal times are two
messages; they keep the order of their arrival, or the history's where it is known: one of them that
the history reveals after another was shown before it is late, too.

While a gap is being filled everything is held, because the missing items belong *before* what
arrives now. The history is the platform's own order, so on `merge` it is the spine, and what it
does not hold yet is sorted in by time. What came before the gap opened is shown at once, for an
outage may be long (`release_trusted`), unless disorder was seen: then an earlier one may be lost.

`BySequence` (webchat) has increasing strings (SOCK-5). A missing number holds what follows for
`gap_wait_s`, then the gap is stated and delivery continues. Each gap is stated, for as long as the
session lives, but a stream that leaves gaps may skip numbers by nature, and must not pay that price
for every message: after a gap that nothing filled the next one is waited for half as long, down to
`GAP_WAIT_MIN_S`, within which disorder is still put right. The whole wait comes back with a few
messages in order, with one that fills a gap or comes too late for it, and with a new connection.

Before the first number of a session is known nothing can be seen to be missing, so the first
message waits as one of `ByTime` does: for `ReorderDelay.hold_ms`, and what comes meanwhile is
sorted in. That ends `hold_ms` after the first arrival, whatever comes later. It is paid once in a
session's life, and not at all once traffic was seen to be in order; no number is taken for the
beginning, because nothing says where a platform begins to count.

Bounds: `held_max` items wait at most; one more releases the oldest, in order. `remembered_max`
identities are kept to know a repetition. An item that is not remembered and not newer than what was
forgotten, or than what an earlier life has shown, may be new and late, or an old one repeated, as
the history does. The journal, which forgets nothing of a living guest session, is asked
(`may_have_shown`) before the item is given to the inbox. Of a page of the history its word comes
along (`note_shown`), and holds until the gap is closed: what is forgotten meanwhile is not shown
again either. What is held is known for as long as it is held, whether it is remembered or not."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ..model.effects import SessionCounter
from ..model.instants import LONG_AGO, NEVER
from ..model.signals import MessageArrived
from ..policy.reorder_delay import ReorderDelay

#: So many arrivals of one fill are told from what was shown before it: about as many as the pages
#: that are read can hold. With more of them, the reading may end before the gap is reached.
SINCE_GAP_MAX = 4096


@dataclass(slots=True)
class PlacedMessage:
    """One item in its place. `gap` names the sequence ids around a hole that opened just before
    it."""

    item: MessageArrived
    late: bool = False
    gap: tuple[str, str] | None = None


@dataclass(slots=True)
class InboxOutcome:
    placed: list[PlacedMessage] = field(default_factory=list)
    counts: list[tuple[SessionCounter, int]] = field(default_factory=list)


class Remembered:
    """The last `kept_max` identities with their times, oldest forgotten first.

    `has_unrestored`: an earlier life has shown more than is remembered of it.

    While a gap is open, what arrived since is kept apart as well (`SINCE_GAP_MAX`): it is newer
    than what is missing, so forgetting it must not make the missing ones look forgotten."""

    __slots__ = (
        "_kept_max",
        "_postponed_time",
        "_seen",
        "_since_gap",
        "_told",
        "forgotten_time",
        "has_forgotten",
        "has_unrestored",
    )

    def __init__(self, kept_max: int) -> None:
        self._kept_max = kept_max
        self._seen: dict[str, str] | None = None
        self._since_gap: set[str] | None = None
        self._told: set[str] | None = None
        self._postponed_time = ""
        self.forgotten_time = ""
        self.has_forgotten = self.has_unrestored = False

    def __contains__(self, identity: str) -> bool:
        return (
            (self._seen is not None and identity in self._seen)
            or self.is_since_gap(identity)
            or (self._told is not None and identity in self._told)
        )

    def is_since_gap(self, identity: str) -> bool:
        return self._since_gap is not None and identity in self._since_gap

    def open_gap(self, held: Iterable[str]) -> None:
        """What is missing may belong before these, too. A gap that is open already stays as it
        is."""
        if self._since_gap is None:
            self._since_gap = set(held)

    def note_shown(self, identities: Iterable[str]) -> None:
        """These were shown before the gap; to be known until it is closed."""
        self._told = (self._told or set()).union(identities)

    def close_gap(self) -> None:
        self._since_gap = None
        self._told = None
        self.forgotten_time = max(self.forgotten_time, self._postponed_time)
        self._postponed_time = ""

    def arrived(self, identity: str) -> None:
        if identity and self._since_gap is not None and len(self._since_gap) < SINCE_GAP_MAX:
            self._since_gap.add(identity)

    def __len__(self) -> int:
        return 0 if self._seen is None else len(self._seen)

    def take(self, identity: str, time: str) -> bool:
        """Remember it; False if it is known already."""
        seen = self._seen
        if seen is None:
            seen = self._seen = {}
        elif identity in seen:
            return False
        seen[identity] = time
        if len(seen) > self._kept_max:
            self._forget_oldest(seen)
        return True

    def restored(self) -> None:
        """Those of an earlier life are taken. With as many as are kept there may have been more
        before: the journal knows them."""
        if len(self) >= self._kept_max:
            self.has_forgotten = self.has_unrestored = True

    def _forget_oldest(self, seen: dict[str, str]) -> None:
        identity = next(iter(seen))
        time = seen.pop(identity)
        self.has_forgotten = True
        if self._since_gap is not None and identity in self._since_gap:
            self._postponed_time = max(self._postponed_time, time)
        elif time > self.forgotten_time:
            self.forgotten_time = time


@dataclass(slots=True)
class _Held:
    time: str
    arrived_at: float
    item: MessageArrived
    is_overtaken: bool = False  # one that the history has after it was shown already


class MessageInbox(Protocol):
    """What both orderings have in common."""

    heard_at: float
    is_backfilling: bool
    wake_at: float

    @property
    def held(self) -> int: ...

    @property
    def held_since(self) -> float | None: ...

    @property
    def has_released(self) -> bool: ...

    def accept_in_order(self, item: MessageArrived, now: float) -> bool: ...

    def may_have_shown(self, item: MessageArrived) -> bool: ...

    def arrive(self, item: MessageArrived, now: float) -> InboxOutcome: ...

    def use(self, sequence: str, now: float) -> InboxOutcome: ...

    def release(self, now: float) -> InboxOutcome: ...

    def restore(self, known: Sequence[tuple[str, str]]) -> None: ...

    def connection_lost(self) -> None: ...

    def begin_backfill(self) -> None: ...

    def release_trusted(self) -> InboxOutcome: ...

    def note_shown(self, items: Sequence[MessageArrived], shown: Container[str]) -> None: ...

    def closes_gap(self, item: MessageArrived) -> bool: ...

    def merge(self, history: list[MessageArrived], now: float) -> InboxOutcome: ...

    def flush(self, now: float) -> InboxOutcome: ...


class ByTime:
    """Order by `channel.time`; see the essay above."""

    __slots__ = (
        "_held",
        "_held_max",
        "_hold",
        "_last_time",
        "_remembered",
        "heard_at",
        "is_backfilling",
        "wake_at",
    )

    def __init__(self, hold: ReorderDelay, held_max: int, remembered_max: int) -> None:
        self._hold = hold
        self._held_max = held_max
        self._remembered = Remembered(remembered_max)
        self._held: list[_Held] | None = None
        self._last_time = ""
        self.heard_at = LONG_AGO  # when something last arrived in order: a sign of life, too
        self.is_backfilling = False
        self.wake_at = NEVER

    @property
    def held(self) -> int:
        return len(self._held) if self._held else 0

    @property
    def held_since(self) -> float | None:
        """When the oldest of those held arrived."""
        return min((one.arrived_at for one in self._held or ()), default=None)

    @property
    def has_released(self) -> bool:
        return self._last_time != ""

    def accept_in_order(self, item: MessageArrived, now: float) -> bool:
        """The common case, without building an outcome: in order, not seen before, nothing to wait
        for."""
        time = item.time
        if (
            self._held
            or self.is_backfilling
            or self._hold.hold_ms
            or not item.identity
            or not time
            or time < self._last_time
        ):
            return False
        if not self._remembered.take(item.identity, time):
            return False
        self._last_time = time
        self.heard_at = now
        return True

    def may_have_shown(self, item: MessageArrived) -> bool:
        """True if only the journal can tell whether this item was shown: it may be one of those
        forgotten."""
        remembered = self._remembered
        if not remembered.has_forgotten or not item.identity:
            return False
        is_old = item.time <= remembered.forgotten_time or (
            remembered.has_unrestored and item.time <= self._last_time
        )
        return is_old and not self.knows(item)

    def arrive(self, item: MessageArrived, now: float) -> InboxOutcome:
        outcome = InboxOutcome()
        if self.knows(item):
            outcome.counts.append((SessionCounter.DUPLICATE, 1))
            return outcome
        self._insert(item, now, outcome)
        self._release_ripe(now, outcome)
        return outcome

    def use(self, sequence: str, now: float) -> InboxOutcome:
        """Messages of this dialect have no sequence ids."""
        return InboxOutcome()

    def release(self, now: float) -> InboxOutcome:
        outcome = InboxOutcome()
        self._release_ripe(now, outcome)
        return outcome

    def restore(self, known: Sequence[tuple[str, str]]) -> None:
        """What was shown before a restart, oldest first."""
        for identity, time in known:
            self._remembered.take(identity, time)
            self._last_time = max(self._last_time, time)
        self._remembered.restored()

    def connection_lost(self) -> None:
        """What is known of the path's order belongs to all sessions (`ReorderDelay`)."""

    def begin_backfill(self) -> None:
        """A gap may be open, before what is held now and what arrives from now on. One fill closes
        all gaps of its time."""
        self._remembered.open_gap(
            one.item.identity for one in self._held or () if one.item.identity
        )
        self.is_backfilling = True
        self.wake_at = NEVER

    def release_trusted(self) -> InboxOutcome:
        """All that is held, if only the first distrust holds it; it stays among what is newer than
        the gap."""
        outcome = InboxOutcome()
        if self._held and not self._hold.has_reason:
            self._release_first(len(self._held), outcome)
        return outcome

    def note_shown(self, items: Sequence[MessageArrived], shown: Container[str]) -> None:
        """A page of the history was read; `shown` are those of its items that the journal knows."""
        remembered = self._remembered
        remembered.note_shown(
            name
            for name in (one.identity for one in items)
            if name in shown or (name in remembered and not remembered.is_since_gap(name))
        )

    def closes_gap(self, item: MessageArrived) -> bool:
        """True if this item of the history was shown before the gap."""
        return self.knows(item) and not self._remembered.is_since_gap(item.identity)

    def knows(self, item: MessageArrived) -> bool:
        """True if this item was seen; of one that `may_have_shown` the journal knows more."""
        remembered, identity = self._remembered, item.identity
        if not identity:
            return False
        return identity in remembered or (
            remembered.has_forgotten
            and any(held.item.identity == identity for held in self._held or ())
        )

    def merge(self, history: list[MessageArrived], now: float) -> InboxOutcome:
        """End the fill: `history` is oldest first and may repeat anything. Everything held is
        released.

        What the history has before something already shown is late, whatever the times say: they
        may be equal."""
        outcome = InboxOutcome()
        live = {
            held.item.identity or f"unnamed {n}": held for n, held in enumerate(self._held or ())
        }
        shown = {
            n for n, item in enumerate(history) if item.identity not in live and self.knows(item)
        }
        last_shown = max(shown, default=-1)
        spine: list[_Held] = []
        fetched = 0
        time = ""
        for n, item in enumerate(history):
            time = item.time or time
            if item.identity in live:
                del live[item.identity]
            elif n in shown:
                continue
            else:
                self._remember(item)
                fetched += 1
            spine.append(_Held(time, now, item, n < last_shown))
        for extra in live.values():
            spine.insert(bisect_right(spine, extra.time, key=_time_of), extra)
        if fetched:
            outcome.counts.append((SessionCounter.GAP_FILLED, fetched))
        self._held, self.is_backfilling = spine, False
        self._remembered.close_gap()
        self._release_first(len(spine), outcome)
        return outcome

    def flush(self, now: float) -> InboxOutcome:
        """End the fill without a history."""
        return self.merge([], now)

    def _remember(self, item: MessageArrived) -> None:
        if item.identity:
            self._remembered.take(item.identity, item.time)

    def _insert(self, item: MessageArrived, now: float, outcome: InboxOutcome) -> None:
        self._remember(item)
        self._remembered.arrived(item.identity)
        held = self._held
        if held is None:
            held = self._held = []
        time = item.time or (held[-1].time if held else self._last_time)
        place = bisect_right(held, time, key=_time_of)
        overtaker_at = self.heard_at if time < self._last_time else NEVER
        if place < len(held):
            overtaker_at = min(overtaker_at, *(one.arrived_at for one in held[place:]))
        held.insert(place, _Held(time, now, item))
        if overtaker_at == NEVER:
            self._hold.saw_in_order()
        elif not self.is_backfilling:
            outcome.counts.append((SessionCounter.REORDERED, 1))
            self._hold.saw_displacement((now - overtaker_at) * 1000.0)

    def _release_ripe(self, now: float, outcome: InboxOutcome) -> None:
        held = self._held
        if not held:
            self.wake_at = NEVER
            return
        count = max(0, len(held) - self._held_max)
        if not self.is_backfilling:
            hold_s = self._hold.hold_ms / 1000.0
            for n in range(len(held) - 1, count - 1, -1):
                if held[n].arrived_at + hold_s <= now:
                    count = n + 1
                    break
        self._release_first(count, outcome)

    def _release_first(self, count: int, outcome: InboxOutcome) -> None:
        held = self._held
        assert held is not None
        for one in held[:count]:
            late = one.is_overtaken or one.time < self._last_time
            if late:
                outcome.counts.append((SessionCounter.LATE, 1))
            self._last_time = max(self._last_time, one.time)
            self.heard_at = max(self.heard_at, one.arrived_at)
            outcome.placed.append(PlacedMessage(one.item, late))
        del held[:count]
        if not held:
            self._held = None
            self.wake_at = NEVER
        elif self.is_backfilling:
            self.wake_at = NEVER
        else:
            self.wake_at = min(one.arrived_at for one in held) + self._hold.hold_ms / 1000.0


def _time_of(held: _Held) -> str:
    return held.time
