"""A distribution as a plot needs it, from the encoded histogram of a summary. A report is also made
of a summary that another version wrote: what cannot be read gives a coarse distribution and no
error."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from ..measure.histogram import LatencyHistogram
from ..results import Percentiles


@dataclass(slots=True, frozen=True)
class Distribution:
    """Values in milliseconds, ascending, and how many measured values were at most each."""

    values: Sequence[float] = field(default_factory=list)
    up_to: Sequence[int] = field(default_factory=list)

    @property
    def total(self) -> int:
        return self.up_to[-1] if self.up_to else 0

    def at(self, share: float) -> float:
        """The value that this share of all does not exceed."""
        wanted = max(1.0, share * self.total - 1e-6)
        return self.values[min(bisect_left(self.up_to, wanted), len(self.values) - 1)]

    def columns(self, edges: Sequence[float]) -> list[int]:
        """How many are in each part between two edges; the first is open below, the last above."""
        below = [self._below(edge) for edge in edges[1:-1]]
        return [high - low for low, high in zip([0, *below], [*below, self.total], strict=True)]

    def _below(self, edge: float) -> int:
        index = bisect_left(self.values, edge)
        return self.up_to[index - 1] if index else 0


def distribution(percentiles: Percentiles) -> Distribution:
    """From the histogram, or coarsely from the percentiles where there is none that can be read."""
    try:
        buckets = list(LatencyHistogram.decode(percentiles.histogram).buckets())
    except ValueError:
        buckets = []
    if not buckets:
        return _from_percentiles(percentiles)
    return Distribution(
        [most_us / 1000 for most_us, _ in buckets],
        list(accumulate(number for _, number in buckets)),
    )


def _from_percentiles(found: Percentiles) -> Distribution:
    total = found.count
    known = [
        (found.min, 0.0), (found.p50, 0.5), (found.p90, 0.9), (found.p95, 0.95),
        (found.p99, 0.99), (found.p999, 0.999), (found.max, 1.0),
    ]  # fmt: skip
    pairs = [(at, round(total * share)) for at, share in known if at is not None]
    if not pairs or not total:
        return Distribution()
    return Distribution([at for at, _ in pairs], [max(number, 1) for _, number in pairs])
