"""How sure a difference between two runs is: arithmetic on histograms and counts."""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate
from math import ceil, erfc, exp, lgamma, sqrt
from random import Random

from .histogram import LatencyHistogram, highest_us, lowest_us

#: Beyond so many events in both runs, the normal approximation is as good and costs nothing.
_EXACT_MAX = 2000


class Quantiles:
    """The quantiles of a histogram's samples, and those of samples drawn anew from them.

    A bootstrap draws n samples out of n and takes the k-th of them, thousands of times. That k-th
    is the sample at the place U of the n, where U is the k-th of n uniform numbers, which has the
    distribution Beta(k, n - k + 1). So one random number does for n, and the cost does not depend
    on how long the run was."""

    def __init__(self, histogram: LatencyHistogram) -> None:
        filled = sorted(histogram.counts.items())
        self._middles = [(lowest_us(bucket) + highest_us(bucket)) / 2 for bucket, _ in filled]
        self._ranks = list(accumulate(count for _, count in filled))
        self.count = self._ranks[-1] if self._ranks else 0

    def at(self, share: float) -> float:
        """Microseconds, in the middle of the bucket."""
        return self._at_rank(self._rank(share))

    def drawn(self, share: float, chance: Random) -> float:
        """The same of samples drawn anew."""
        rank = self._rank(share)
        place = chance.betavariate(rank, self.count - rank + 1)
        return self._at_rank(max(1, ceil(place * self.count)))

    def _rank(self, share: float) -> int:
        return min(self.count, max(1, ceil(round(share * self.count, 6))))

    def _at_rank(self, rank: int) -> float:
        return self._middles[bisect_left(self._ranks, rank)]


def ratio_interval(
    a: Quantiles, b: Quantiles, share: float, chance: Random, draws: int, confidence: float
) -> tuple[float, float]:
    """Between which bounds b's quantile lies as a ratio of a's."""
    ratios = sorted(b.drawn(share, chance) / a.drawn(share, chance) for _ in range(draws))
    outside = int((1 - confidence) / 2 * draws)
    return ratios[outside], ratios[draws - 1 - outside]


def kolmogorov_smirnov(a: LatencyHistogram, b: LatencyHistogram) -> tuple[float, float]:
    """The greatest distance between the two distributions, and how likely as great a one would be
    by chance (asymptotically; of buckets it is on the safe side)."""
    of_a, of_b = a.count, b.count
    if not of_a or not of_b:
        return 0.0, 1.0
    distance = seen_a = seen_b = 0.0
    for bucket in sorted({*a.counts, *b.counts}):
        seen_a += a.counts.get(bucket, 0)
        seen_b += b.counts.get(bucket, 0)
        distance = max(distance, abs(seen_a / of_a - seen_b / of_b))
    size = sqrt(of_a * of_b / (of_a + of_b))
    return distance, _kolmogorov((size + 0.12 + 0.11 / size) * distance)


def _kolmogorov(x: float) -> float:
    if x < 0.2:
        return 1.0
    series = sum((1 if k % 2 else -1) * exp(-2 * k * k * x * x) for k in range(1, 101))
    return min(1.0, max(0.0, 2 * series))


def proportions_differ(count_a: int, of_a: int, count_b: int, of_b: int) -> float:
    """How likely shares as different would be by chance: Fisher's exact test, two-sided; for many
    events the normal approximation."""
    if not of_a or not of_b:
        return 1.0
    events = count_a + count_b
    if min(events, of_a + of_b - events) > _EXACT_MAX:
        return _normal(count_a, of_a, count_b, of_b)
    least, most = max(0, events - of_b), min(events, of_a)
    whole = _log_choose(of_a + of_b, events)
    seen = _log_choose(of_a, count_a) + _log_choose(of_b, count_b)
    total = 0.0
    for count in range(least, most + 1):
        one = _log_choose(of_a, count) + _log_choose(of_b, events - count)
        if one <= seen + 1e-7:
            total += exp(one - whole)
    return min(1.0, total)


def _normal(count_a: int, of_a: int, count_b: int, of_b: int) -> float:
    both = (count_a + count_b) / (of_a + of_b)
    spread = sqrt(both * (1 - both) * (1 / of_a + 1 / of_b))
    return erfc(abs(count_a / of_a - count_b / of_b) / spread / sqrt(2)) if spread else 1.0


def _log_choose(n: int, k: int) -> float:
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)
