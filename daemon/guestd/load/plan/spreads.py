"""A time drawn from a `Spread`."""

from __future__ import annotations

from math import exp, log, log1p, sqrt
from statistics import NormalDist

from ..scenario.steps import Spread
from .draws import Chance

_NORMAL = NormalDist()

#: The normal distribution has no value for the probability 0.
_SMALLEST = 2.0**-54


def draw(spread: Spread, chance: Chance) -> float:
    """Seconds, at least 0. Each takes one number of `chance`, so that what is drawn later does not
    depend on the kind; `fixed` takes none."""
    if spread.kind == "fixed":
        return max(spread.low_s, 0.0)
    share = chance.random()
    if spread.kind == "uniform":
        drawn = spread.low_s + share * (max(spread.high_s, spread.low_s) - spread.low_s)
    elif spread.kind == "normal":
        drawn = spread.mean_s + spread.deviation_s * _NORMAL.inv_cdf(max(share, _SMALLEST))
    elif spread.kind == "lognormal":
        drawn = _lognormal(spread, max(share, _SMALLEST))
    else:
        drawn = -spread.mean_s * log1p(-share)
    return max(min(drawn, spread.high_s), spread.low_s, 0.0)


def _lognormal(spread: Spread, share: float) -> float:
    """`mean_s` and `deviation_s` are of the times themselves, not of their logarithms."""
    if spread.mean_s <= 0:
        return 0.0
    ratio = spread.deviation_s / spread.mean_s
    variance = log1p(ratio * ratio) if ratio < 1e6 else 2 * log(min(ratio, 1e300))
    middle = log(spread.mean_s) - variance / 2
    return exp(middle + sqrt(variance) * _NORMAL.inv_cdf(share))
