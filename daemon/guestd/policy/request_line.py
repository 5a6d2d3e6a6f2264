"""Who makes the next request, and as which OAuth client? The line before the platform's budgets of
requests a minute.

- Never more than a client's limit within any minute, wherever the platform cuts its minutes.
- The earliest deadline first. A command's deadline is the moment it asks, all others have some
  patience, so that a command goes first; but what has waited out its patience goes before commands
  that come later, so that nothing starves.
- What is not a command is spread: it flows at `SPREAD_SHARE` of the budget with a small burst, so
  that a minute's budget is never gone in its first seconds, and a command finds some of it left at
  any time.
- Of several clients the one with the largest share of its budget left; what must be asked as a
  certain client waits for that."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count

from ..model.instants import NEVER
from ..model.ports import Urgency
from .buckets import SlidingCount, TokenBucket

WINDOW_S = 60.0
#: Of the whole budget: what all but the commands may use in the long run, and at once. Together
#: they leave a tenth of every minute to commands alone; heartbeats are stretched to less than the
#: first (`stretch.py`), so that a backlog of them shrinks.
SPREAD_SHARE = 0.85
BURST_SHARE = 0.05


@dataclass(slots=True, eq=False)
class WaitingRequest:
    """A caller's place in the line. `client` is None until it is served, then the client to ask
    as."""

    deadline: float
    is_spread: bool
    only: int | None
    client: int | None = None
    has_left: bool = False


_Heap = list[tuple[float, int, WaitingRequest]]


def _always(client: int) -> bool:
    return True


class RequestLine:
    """`ask`, then `serve` whenever `next_at` has come. All times are seconds of one clock that only
    goes forward. `limits`: one for each client. `is_usable`: may that client be asked as, just
    now?"""

    def __init__(
        self,
        limits: Sequence[int],
        is_usable: Callable[[int], bool] = _always,
        window_s: float = WINDOW_S,
    ) -> None:
        total = sum(limits)
        self._limits = tuple(limits)
        self._counts = [SlidingCount(limit, window_s) for limit in limits]
        self._spread = TokenBucket(SPREAD_SHARE * total / window_s, max(1.0, BURST_SHARE * total))
        self._is_usable = is_usable
        self._resting_until = [-NEVER] * len(limits)
        self._heaps: dict[tuple[bool, int | None], _Heap] = {}
        self._order = count()
        self._length = 0

    def __len__(self) -> int:
        return self._length

    @property
    def limit(self) -> int:
        """Requests a minute of all usable clients; of all if none is."""
        usable = [limit for client, limit in enumerate(self._limits) if self._is_usable(client)]
        return sum(usable or self._limits)

    def used(self, now: float) -> list[tuple[int, int, float | None]]:
        """Of each client: requests made within the window, its limit, when one more is free; None:
        all are."""
        return [
            (limit - one.free(now), limit, one.frees_at(now))
            for limit, one in zip(self._limits, self._counts, strict=True)
        ]

    def ask(self, now: float, urgency: Urgency, only: int | None = None) -> WaitingRequest:
        """A place at the end of the line. `only`: as that client and no other."""
        place = WaitingRequest(now + urgency.patience_s, urgency.priority != "command", only)
        heap = self._heaps.setdefault((place.is_spread, only), [])
        heapq.heappush(heap, (place.deadline, next(self._order), place))
        self._length += 1
        return place

    def leave(self, place: WaitingRequest) -> None:
        """Who has not been served gives its place up."""
        if not place.has_left and place.client is None:
            place.has_left = True
            self._length -= 1

    def rest(self, client: int, until: float) -> None:
        """The platform wants no request of that client before then."""
        self._resting_until[client] = max(self._resting_until[client], until)

    def serve(self, now: float) -> list[WaitingRequest]:
        """Everybody whose turn is now, in order; each has its client."""
        served: list[WaitingRequest] = []
        while (place := self._next(now)) is not None:
            served.append(place)
        return served

    def next_at(self, now: float) -> float:
        """When the next request may go, as things stand; NEVER if none waits, or for a client
        that is not usable."""
        return min((self._ready_at(place, now) for place in self._heads()), default=NEVER)

    def earliest(self, now: float, only: int | None = None) -> float:
        """No request can be made before then, whatever waits; NEVER: no client is usable."""
        return min((self._open_at(client, now) for client in self._candidates(only)), default=NEVER)

    def is_asked_to_wait(self, now: float, only: int | None = None) -> bool:
        """The platform's wish, and not our budget, holds the next request back."""
        first = min(self._candidates(only), key=lambda one: self._open_at(one, now), default=None)
        return first is not None and self._resting_until[first] > self._counts[first].ready_at(now)

    # ------------------------------------------------------------------ one turn

    def _next(self, now: float) -> WaitingRequest | None:
        ready = [place for place in self._heads() if self._ready_at(place, now) <= now]
        if not ready:
            return None
        place = min(ready, key=lambda one: one.deadline)
        heapq.heappop(self._heaps[place.is_spread, place.only])
        self._length -= 1
        if place.is_spread:
            self._spread.take(now)
        place.client = self._fullest(place.only, now)
        self._counts[place.client].take(now)
        return place

    def _heads(self) -> Iterator[WaitingRequest]:
        """The first of each heap; empty heaps are let go."""
        for key, heap in list(self._heaps.items()):
            while heap and heap[0][2].has_left:
                heapq.heappop(heap)
            if heap:
                yield heap[0][2]
            else:
                del self._heaps[key]

    def _ready_at(self, place: WaitingRequest, now: float) -> float:
        spread_at = self._spread.ready_at(now) if place.is_spread else now
        return max(spread_at, self.earliest(now, place.only))

    def _candidates(self, only: int | None) -> list[int]:
        wanted = range(len(self._limits)) if only is None else (only,)
        return [client for client in wanted if self._is_usable(client)]

    def _open_at(self, client: int, now: float) -> float:
        return max(self._counts[client].ready_at(now), self._resting_until[client])

    def _fullest(self, only: int | None, now: float) -> int:
        """The open client with the largest share of its budget left."""
        is_open = [client for client in self._candidates(only) if self._open_at(client, now) <= now]
        return max(
            is_open, key=lambda client: self._counts[client].free(now) / self._limits[client]
        )
