"""Who is sent next? Lanes, hosts and due times, without a clock, a socket or a task: they come in,
a decision goes out.

A *lane* is what must stay in order: one conversation's deliveries to one target. Only its head is
ever sent; while the head is under way, rests before its next try, or is being recorded, the others
of the lane wait behind it, and no others do. A *host* has its own circuit and its own number
of calls at once. A lane whose head is due stands in its host's line; hosts take turns. So a host
that hangs holds `per_host_max` calls and no more, and one that is dead holds none.

Memory: one record per delivery held; who holds back the rest is the sender.
"""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass, field, replace
from itertools import count
from random import Random
from typing import Literal

from ..model.records import DeliveryRecord
from .circuit import Circuit

#: Hosts without work that are remembered, so that an open circuit outlives a pause in the traffic.
HOSTS_KEPT_MAX = 1024


OPERATION = "operation"


@dataclass(slots=True)
class _Lane:
    key: tuple[str, str]
    host: _Host
    waiting: deque[DeliveryRecord] = field(default_factory=deque)


@dataclass(slots=True)
class _Host:
    name: str
    circuit: Circuit
    ready: deque[_Lane] = field(default_factory=deque)
    calling: int = 0
    lanes: int = 0


class DeliveryScheduler:
    """`now` is monotonic seconds throughout."""

    def __init__(
        self,
        inflight_max: int,
        per_host_max: int,
        circuit_failures: int,
        circuit_open_s: float,
        rng: Random | None = None,
    ) -> None:
        """Without an `rng` circuits are open for exactly their time."""
        self._inflight_max = inflight_max
        self._per_host_max = per_host_max
        self._circuit_failures = circuit_failures
        self._circuit_open_s = circuit_open_s
        self._rng = rng
        self._hosts: dict[str, _Host] = {}
        self._lanes: dict[tuple[str, str], _Lane] = {}
        self._held: set[str] = set()
        self._later: list[tuple[float, int, _Lane]] = []
        self._turns: deque[_Host] = deque()
        self._numbers = count()
        self.calling = 0

    def __len__(self) -> int:
        return len(self._held)

    def __contains__(self, delivery_id: str) -> bool:
        return delivery_id in self._held

    def add(self, record: DeliveryRecord, host: str, due: float) -> None:
        """Hold a delivery, behind those of its lane."""
        assert record.delivery_id not in self._held
        self._held.add(record.delivery_id)
        key = (record.target, record.lane)
        lane = self._lanes.get(key)
        if lane is None:
            place = self._host(host)
            place.lanes += 1
            lane = self._lanes[key] = _Lane(key, place)
        lane.waiting.append(record)
        if len(lane.waiting) == 1:
            self._schedule(lane, due)

    def take(self, now: float) -> DeliveryRecord | None:
        """The next one to call with, or None: none is due, or none may."""
        while self._later and self._later[0][0] <= now:
            lane = heapq.heappop(self._later)[2]
            if not lane.host.ready:
                self._turns.append(lane.host)
            lane.host.ready.append(lane)
        if self.calling >= self._inflight_max:
            return None
        for _ in range(len(self._turns)):
            host = self._turns.popleft()
            if host.calling < self._per_host_max and host.circuit.permits(now):
                lane = host.ready.popleft()
                host.circuit.calls()
                host.calling += 1
                self.calling += 1
                if host.ready:
                    self._turns.append(host)
                return lane.waiting[0]
            self._turns.append(host)
        return None

    def called(self, record: DeliveryRecord) -> Circuit:
        """The call is over; the caller tells the circuit of the host what it learned. The lane
        still waits."""
        host = self._lanes[record.target, record.lane].host
        host.calling -= 1
        self.calling -= 1
        return host.circuit

    def again(self, record: DeliveryRecord, due: float) -> None:
        """The head of its lane, as it now stands, is to be tried at `due`."""
        lane = self._lanes[record.target, record.lane]
        lane.waiting[0] = record
        self._schedule(lane, due)

    def done(self, record: DeliveryRecord, next_due: float) -> None:
        """The head of its lane is delivered or dead, and that is durable: the one behind it moves
        up."""
        key = (record.target, record.lane)
        lane = self._lanes[key]
        gone = lane.waiting.popleft()
        self._held.discard(gone.delivery_id)
        if lane.waiting:
            self._schedule(lane, next_due)
        else:
            del self._lanes[key]
            lane.host.lanes -= 1

    def next_at(self, now: float) -> float | None:
        """When to ask again if nothing else happens before."""
        times = [host.circuit.open_until for host in self._turns if host.circuit.open_until > now]
        if self._later:
            times.append(self._later[0][0])
        return min(times, default=None)

    def held(self) -> dict[str, int]:
        """Deliveries held, by label."""
        counts: dict[str, int] = {}
        for (target, _), lane in self._lanes.items():
            counts[label(target)] = counts.get(label(target), 0) + len(lane.waiting)
        return counts

    def circuits_open(self) -> dict[str, int]:
        """Hosts that are left alone, by label."""
        found = {
            (label(target), lane.host.name): lane.host for (target, _), lane in self._lanes.items()
        }
        counts: dict[str, int] = {}
        for (word, _), host in found.items():
            counts[word] = counts.get(word, 0) + (not host.circuit.is_closed)
        return counts

    def _schedule(self, lane: _Lane, due: float) -> None:
        heapq.heappush(self._later, (due, next(self._numbers), lane))

    def _host(self, name: str) -> _Host:
        host = self._hosts.get(name)
        if host is None:
            if len(self._hosts) >= HOSTS_KEPT_MAX:
                self._hosts = {
                    key: one for key, one in self._hosts.items() if one.lanes or one.calling
                }
            host = self._hosts[name] = _Host(
                name, Circuit(self._circuit_failures, self._circuit_open_s, self._rng)
            )
        return host


def label(target: str) -> str:
    """A target's name; `operation` for a URL that came with an operation: the words of metrics are
    few."""
    return OPERATION if "://" in target else target


def tried(record: DeliveryRecord, reason: str, due_ms: int) -> DeliveryRecord:
    """After a try that failed, worth another one."""
    return replace(record, attempts=record.attempts + 1, reason=reason, due_ms=due_ms)


def settled(record: DeliveryRecord, reason: str = "") -> DeliveryRecord:
    """After the last try: delivered, or dead for a reason."""
    status: Literal["delivered", "dead"] = "dead" if reason else "delivered"
    return replace(record, attempts=record.attempts + 1, status=status, reason=reason)
