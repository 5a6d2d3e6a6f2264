"""What the guests of one process, or of several, come to; and what a run needs of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Protocol

import msgspec

from ...load.measure.partial import Partial
from ...load.results import CaseResult, ConversationReport, NotMeasured, Reconciled
from ..wiring.endpoints import PlatformTarget


class RunResult(msgspec.Struct, kw_only=True):
    """`found` None: the conversations were not compared with anything. `partial`: what was measured
    since the last second. `problems`: why the figures are not those of the whole plan.
    `notes`: what else a reader should know."""

    partial: Partial
    found: dict[str, int] | None = None
    reconciled: Reconciled = msgspec.field(default_factory=Reconciled)
    conversations: list[ConversationReport] = []
    cases: list[CaseResult] = []
    problems: list[str] = []
    not_measured: list[NotMeasured] = []
    notes: list[str] = []


class SecondsHeard(Protocol):
    """Who shows and judges a run while it lasts."""

    def measured(self, partial: Partial) -> None: ...

    def second(self, at_s: float) -> None:
        """Once a second, after what was measured in it."""


class GuestProcesses(Protocol):
    """`open`, then `run`, then `result`, then `close`. `aborted`: it was left at once."""

    aborted: bool

    @property
    def target(self) -> PlatformTarget: ...

    @property
    def length_s(self) -> float: ...

    @property
    def states(self) -> Counter[str]:
        """Guests by state, a second ago."""

    @property
    def left_open(self) -> int:
        """Conversations that may be open, if their tokens are kept on disk."""

    def waits(self) -> list[tuple[str, int]]: ...

    async def open(self) -> None: ...

    async def run(self) -> None: ...

    async def result(self, started_ms: int) -> RunResult: ...

    async def close(self) -> None: ...

    def stop(self) -> None: ...

    def abort(self) -> None: ...


NewProcesses = Callable[[], GuestProcesses]
