"""What a fuzz target is: bytes go in, a broken promise comes out as an exception."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import ClassVar, Self

CORPUS = Path(__file__).parent / "corpus"


class Target:
    """Open it with `with`, then call `check` for each input.

    `name` is the folder of its corpus as well. `is_pure`: no socket and no file, so that coverage
    can guide it.
    `tokens` are what its inputs are made of, for the mutator. `bytes_max` bounds an input.
    """

    name: ClassVar[str]
    is_pure: ClassVar[bool] = False
    tokens: ClassVar[tuple[bytes, ...]] = ()
    bytes_max: ClassVar[int] = 16_384

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def open(self) -> None:
        """What all inputs share is made here."""

    def close(self) -> None:
        """And thrown away here."""

    def check(self, data: bytes) -> Hashable:
        """Raises what breaks the promise. Returns what kind of answer came: a new kind is worth
        keeping."""
        raise NotImplementedError

    @property
    def corpus(self) -> Path:
        return CORPUS / self.name

    def seeds(self) -> list[bytes]:
        return [one.read_bytes() for one in sorted(self.corpus.iterdir())]
