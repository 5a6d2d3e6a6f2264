"""Which share of the guest tokens went wrong (GUEST-3).

A token is judged more than once: by us after it was signed, and by the platform with each request
that carries it. It counts once, by its latest verdict, so that a token which we believe and the
platform refuses is one that failed."""

from __future__ import annotations

#: A token that was judged longer ago than so many others counts anew; the fingerprints of so many
#: take about a megabyte.
KNOWN_MAX = 10_000


class TokenVerdicts:
    """`judged`: the tokens, `failed`: those whose latest verdict was against them."""

    def __init__(self, known_max: int = KNOWN_MAX) -> None:
        self.judged = self.failed = 0
        self._known_max = known_max
        self._failed_by_token: dict[str, bool] = {}

    def judge(self, token: str, failed: bool) -> None:
        """`token`: its fingerprint."""
        before = self._failed_by_token.pop(token, None)
        self._failed_by_token[token] = failed
        self.judged += before is None
        self.failed += failed - bool(before)
        if len(self._failed_by_token) > self._known_max:
            del self._failed_by_token[next(iter(self._failed_by_token))]

    @property
    def failed_share(self) -> float:
        """0 before the first."""
        return self.failed / self.judged if self.judged else 0.0
