"""A load run as layer 4 shows it: given by what runs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol


class LoadRun(Protocol):
    """`version` grows with every change, about once a second. `is_over`: it does not change any
    more."""

    @property
    def id(self) -> str: ...

    @property
    def version(self) -> int: ...

    @property
    def is_over(self) -> bool: ...

    def shown(self, after: int = 0) -> Mapping[str, Any]:
        """As it is now, as JSON; of its points those that changed after that version."""

    def stop(self, at_once: bool) -> None:
        """Let the guests end their conversations, or leave at once. Raises CommandError."""

    def listen(self, told: Callable[[], None]) -> None:
        """Call `told` after every change."""

    def leave(self, told: Callable[[], None]) -> None: ...
