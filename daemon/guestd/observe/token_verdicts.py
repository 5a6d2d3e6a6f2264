"""Which share of the guest tokens went wrong (GUEST-3).

A token is judged more than once: by us after it was signed, and by the platform with each request
that carries it. In one operation it counts once, by its latest verdict, so that a token which we
believe and the platform refuses is one that failed. A token that a caller gives to several
operations counts in each."""

from __future__ import annotations

from typing import TypeVar

KeyT = TypeVar("KeyT")
ValueT = TypeVar("ValueT")

#: A verdict before so many others is forgotten, and its token counts anew; so many take some four
#: megabytes.
KNOWN_MAX = 10_000


class TokenVerdicts:
    """`judged`: the tokens, each once in each operation that uses it; `failed`: those whose latest
    verdict was against them."""

    def __init__(self, known_max: int = KNOWN_MAX) -> None:
        self.judged = self.failed = 0
        self._known_max = known_max
        self._last_use: dict[str, str] = {}
        self._has_failed: dict[tuple[str, str], bool] = {}

    def judge(self, token: str, failed: bool, operation: str = "") -> None:
        """`token`: its fingerprint. `operation` "": judged by us, which counts for the operation
        that used it last, or for the first that will."""
        last = self._last_use.pop(token, "")
        operation = operation or last
        is_known = (token, operation) in self._has_failed
        failed_before = self._has_failed.pop((token, operation if is_known else ""), None)
        self.judged += failed_before is None
        self.failed += failed - bool(failed_before)
        self._last_use[token] = operation
        self._has_failed[token, operation] = failed
        _keep(self._last_use, self._known_max)
        _keep(self._has_failed, self._known_max)

    @property
    def failed_share(self) -> float:
        """0 before the first."""
        return self.failed / self.judged if self.judged else 0.0


def _keep(known: dict[KeyT, ValueT], most: int) -> None:
    if len(known) > most:
        del known[next(iter(known))]
