"""Which share of the guest tokens went wrong (GUEST-3).

A token is judged more than once: by us after it was signed, and by the platform with each request
that carries it. In one operation it counts once, by its latest verdict, so that a token which we
believe and the platform refuses is one that failed. A token that a caller gives to several
operations counts in each."""

from __future__ import annotations

#: A token that was judged longer ago than so many others counts anew; the fingerprints of so many
#: take about two megabytes.
KNOWN_MAX = 10_000


class TokenVerdicts:
    """`judged`: the tokens, `failed`: those whose latest verdict was against them."""

    def __init__(self, known_max: int = KNOWN_MAX) -> None:
        self.judged = self.failed = 0
        self._known_max = known_max
        self._latest: dict[str, tuple[str, bool]] = {}

    def judge(self, token: str, failed: bool, operation: str = "") -> None:
        """`token`: its fingerprint. `operation` "": judged by us, before it is used."""
        used_by, failed_before = self._latest.pop(token, (None, False))
        self._latest[token] = operation, failed
        is_same = used_by is not None and (operation == used_by or "" in (operation, used_by))
        self.judged += not is_same
        self.failed += failed - (is_same and failed_before)
        if len(self._latest) > self._known_max:
            del self._latest[next(iter(self._latest))]

    @property
    def failed_share(self) -> float:
        """0 before the first."""
        return self.failed / self.judged if self.judged else 0.0
