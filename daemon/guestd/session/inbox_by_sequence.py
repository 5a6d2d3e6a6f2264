"""`BySequence`: the inbox of a dialect whose messages are numbered; `inbox.py` has the essay."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Container, Sequence

from ..model.effects import SessionCounter
from ..model.instants import LONG_AGO, NEVER
from ..model.signals import MessageArrived
from ..policy.naturals import NaturalKey, natural_key
from ..policy.reorder_delay import ReorderDelay
from .inbox import InboxOutcome, PlacedMessage, Remembered


class BySequence:
    """Order by increasing `sequenceId` strings, numeric-aware (SOCK-5); see the essay above."""

    __slots__ = (
        "_first_by",
        "_gap_wait_s",
        "_held",
        "_held_max",
        "_hold_s",
        "_in_order",
        "_last",
        "_last_key",
        "_remembered",
        "_reordering",
        "_used",
        "heard_at",
        "is_backfilling",
        "wake_at",
    )

    GAP_WAIT_MIN_S = 0.1  # a stream that leaves gaps is still given the time of a hop or two
    HEALED_AFTER = 5  # messages in order after which gaps are waited for as at the beginning

    def __init__(
        self,
        gap_wait_s: float,
        held_max: int,
        remembered_max: int,
        reordering: ReorderDelay | None = None,
    ) -> None:
        """`reordering`: what all sessions see of it; without it the first message waits for none
        before it."""
        self._reordering = reordering
        self._first_by = NEVER
        self._gap_wait_s = gap_wait_s
        self._held_max = held_max
        self._remembered = Remembered(remembered_max)
        self._held: list[tuple[NaturalKey, float, MessageArrived]] | None = None
        self._last = ""
        self._last_key: NaturalKey | None = None
        self._hold_s = gap_wait_s
        self._in_order = 0
        self._used: list[NaturalKey] = []
        self.is_backfilling = False
        self.heard_at = LONG_AGO
        self.wake_at = NEVER

    @property
    def held(self) -> int:
        return len(self._held) if self._held else 0

    @property
    def held_since(self) -> float | None:
        """When the oldest of those held arrived."""
        return min((arrived_at for _, arrived_at, _ in self._held or ()), default=None)

    @property
    def has_released(self) -> bool:
        return self._last_key is not None

    def accept_in_order(self, item: MessageArrived, now: float) -> bool:
        return False

    def may_have_shown(self, item: MessageArrived) -> bool:
        """True if only the journal can tell whether this item was shown: not after the last one,
        and not remembered."""
        if not self._remembered.has_forgotten or not item.sequence or self.knows(item):
            return False
        return self._last_key is not None and natural_key(item.sequence) <= self._last_key

    def arrive(self, item: MessageArrived, now: float) -> InboxOutcome:
        outcome = InboxOutcome()
        quiet_s, self.heard_at = now - self.heard_at, now
        if not item.sequence:
            if item.presence == "Disconnect":  # what was received before it was said before it
                outcome = self.flush(now)
            outcome.placed.append(PlacedMessage(item))
            return outcome
        if self.knows(item):
            outcome.counts.append((SessionCounter.DUPLICATE, 1))
            return outcome
        self._remembered.take(item.sequence, "")
        key = natural_key(item.sequence)
        if self._last_key is not None and key <= self._last_key:
            self._trust_again()  # what was missing does come
            self._saw_displacement(quiet_s)
            outcome.counts.append((SessionCounter.LATE, 1))
            outcome.placed.append(PlacedMessage(item, late=True))
            return outcome
        held = self._held
        if held is None:
            held = self._held = []
        place = bisect_right(held, key, key=_key_of)
        if place < len(held):
            self._trust_again()
            self._saw_displacement(now - held[place][1])
            outcome.counts.append((SessionCounter.REORDERED, 1))
        held.insert(place, (key, now, item))
        if self._last_key is None and self._first_by == NEVER:
            self._first_by = now + self._first_hold_s
        self._release_ripe(now, outcome)
        return outcome

    def use(self, sequence: str, now: float) -> InboxOutcome:
        """A frame that is not a message has this number, so it is not a gap. It is not remembered
        as shown, so that a message with the same number is not lost."""
        outcome = InboxOutcome()
        key = natural_key(sequence)
        is_ahead = self._held is not None if self._last_key is None else key > self._last_key
        if is_ahead:
            insort(self._used, key)
            del self._used[self._held_max :]
            self._release_ripe(now, outcome)
        return outcome

    def release(self, now: float) -> InboxOutcome:
        outcome = InboxOutcome()
        self._release_ripe(now, outcome)
        return outcome

    def restore(self, known: Sequence[tuple[str, str]]) -> None:
        """What was shown before a restart, oldest first: the next message comes after the last of
        it."""
        for sequence, _ in known:
            self._remembered.take(sequence, "")
            key = natural_key(sequence)
            if self._last_key is None or key > self._last_key:
                self._last, self._last_key = sequence, key
        self._remembered.restored()

    def connection_lost(self) -> None:
        """What this connection did to the order says nothing about the next one."""
        self._trust_again()

    def begin_backfill(self) -> None:
        """webchat has no history to fill from."""

    def release_trusted(self) -> InboxOutcome:
        """What waits for a number goes on waiting for its time."""
        return InboxOutcome()

    def note_shown(self, items: Sequence[MessageArrived], shown: Container[str]) -> None:
        """webchat has no history."""

    def closes_gap(self, item: MessageArrived) -> bool:
        return self.knows(item)

    def knows(self, item: MessageArrived) -> bool:
        remembered = self._remembered
        return item.sequence in remembered or (
            remembered.has_forgotten
            and any(held.sequence == item.sequence for _, _, held in self._held or ())
        )

    def merge(self, history: list[MessageArrived], now: float) -> InboxOutcome:
        outcome = InboxOutcome()
        for item in history:
            part = self.arrive(item, now)
            outcome.placed += part.placed
            outcome.counts += part.counts
        return outcome

    def flush(self, now: float) -> InboxOutcome:
        """What is missing before each counts as waited for."""
        return self.release(NEVER)

    def _release_ripe(self, now: float, outcome: InboxOutcome) -> None:
        held = self._held or []
        while held:
            key, arrived_at, item = held[0]
            self._pass_used(key)
            gap = None
            if self._follows(key, now):
                self._in_order += 1
                if self._reordering is not None:
                    self._reordering.saw_in_order()
                if self._in_order >= self.HEALED_AFTER:
                    self._trust_again()
            elif self._is_waited_for(arrived_at, now):
                gap = (self._last, item.sequence)
                outcome.counts.append((SessionCounter.GAP_LEFT, 1))
                self._leave_gap()
            else:
                break
            self._last, self._last_key = item.sequence, key
            outcome.placed.append(PlacedMessage(item, gap=gap))
            held.pop(0)
        if held:
            is_first = self._last_key is None
            self.wake_at = self._first_by if is_first else held[0][1] + self._hold_s
        else:
            self._held = None
            self.wake_at = NEVER

    def _leave_gap(self) -> None:
        """Nothing came to fill it: the next one is waited for half as long."""
        self._in_order = 0
        least_s = min(self.GAP_WAIT_MIN_S, self._gap_wait_s)
        self._hold_s = max(self._hold_s / 2.0, least_s)

    def _trust_again(self) -> None:
        """What is missing may well be under way."""
        self._in_order = 0
        self._hold_s = self._gap_wait_s

    def _pass_used(self, before: NaturalKey) -> None:
        """Go past the numbers that were used by what is not shown, up to that key."""
        used = self._used
        while used and self._last_key is not None and used[0] < before:
            if used[0] > self._last_key:
                if not used[0].follows(self._last_key):
                    return
                self._last, self._last_key = used[0].text, used[0]
            del used[0]

    def _follows(self, key: NaturalKey, now: float) -> bool:
        """Whether nothing is missing before it, as far as is known; of the first, after its hold,
        or when there is no room for more."""
        if self._last_key is not None:
            return key.follows(self._last_key)
        return self._first_by <= now or self.held > self._held_max

    def _is_waited_for(self, arrived_at: float, now: float) -> bool:
        """What is missing before it, if the number before is known."""
        is_long_enough = arrived_at + self._hold_s <= now or self.held > self._held_max
        return self._last_key is not None and is_long_enough

    @property
    def _first_hold_s(self) -> float:
        return self._reordering.hold_ms / 1000.0 if self._reordering is not None else 0.0

    def _saw_displacement(self, late_s: float) -> None:
        """`late_s` is infinite for what came before anything else of this life: that says nothing
        of the way here."""
        if self._reordering is not None and late_s < NEVER:
            self._reordering.saw_displacement(late_s * 1000.0)


def _key_of(held: tuple[NaturalKey, float, MessageArrived]) -> NaturalKey:
    return held[0]
