"""New inputs out of old ones, without a view of the code: what is tried where coverage cannot
guide."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

CHANGES_MAX = 5


class Mutator:
    """`next` gives an input; `keep` adds one whose answer was new, so that more is tried around
    it."""

    def __init__(
        self, seeds: Sequence[bytes], tokens: Sequence[bytes], bytes_max: int, rng: Random
    ) -> None:
        self._known = list(seeds) or [b""]
        self._tokens = tokens
        self._bytes_max = bytes_max
        self._rng = rng
        self._changes: list[Callable[[bytes], bytes]] = [
            self._flip, self._flip, self._replace, self._insert, self._delete, self._duplicate, self._splice,
            *([self._put_token] * 3 if tokens else []),
        ]  # fmt: skip

    def keep(self, data: bytes) -> None:
        self._known.append(data)

    def next(self) -> bytes:
        data = self._rng.choice(self._known)
        for _ in range(self._rng.randint(1, CHANGES_MAX)):
            data = self._rng.choice(self._changes)(data)
        return data[: self._bytes_max]

    def _stretch(self, data: bytes) -> tuple[int, int]:
        start = self._rng.randint(0, len(data))
        return start, min(len(data), start + int(self._rng.expovariate(0.1)) + 1)

    def _flip(self, data: bytes) -> bytes:
        if not data:
            return data
        at = self._rng.randrange(len(data))
        return data[:at] + bytes([data[at] ^ 1 << self._rng.randrange(8)]) + data[at + 1 :]

    def _replace(self, data: bytes) -> bytes:
        start, end = self._stretch(data)
        return data[:start] + self._rng.randbytes(end - start) + data[end:]

    def _insert(self, data: bytes) -> bytes:
        start, _ = self._stretch(data)
        return data[:start] + self._rng.randbytes(self._rng.randint(1, 8)) + data[start:]

    def _delete(self, data: bytes) -> bytes:
        start, end = self._stretch(data)
        return data[:start] + data[end:]

    def _duplicate(self, data: bytes) -> bytes:
        start, end = self._stretch(data)
        times = self._rng.choice([1, 1, 1, 2, 10, 100])
        return data[:end] + data[start:end] * times + data[end:]

    def _splice(self, data: bytes) -> bytes:
        other = self._rng.choice(self._known)
        start, end = self._stretch(other)
        at, until = self._stretch(data)
        return data[:at] + other[start : self._rng.choice([end, len(other)])] + data[until:]

    def _put_token(self, data: bytes) -> bytes:
        start, end = self._stretch(data)
        return (
            data[:start] + self._rng.choice(self._tokens) + data[self._rng.choice([start, end]) :]
        )
