"""What all runners share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from ..model import effects as e
from ..model.endings import Ending
from ..model.ports import Clock
from ..model.records import Note, no_note
from ..model.signals import Signal
from ..observe.metrics import Metrics
from ..runtime.timers import Timers
from ..wire.dialect import Dialect
from .breakage import Report
from .commits import CommitBatcher
from .connection_callbacks import ConnectionCallbacks
from .outage import Outage
from .session_log import SessionLog

#: Of `runner.py`, which imports this.
Runner = Any

#: Told what is counted of one guest session: its id, what, and how many.
SessionCounted = Callable[[str, e.SessionCounter, int], None]


@dataclass(slots=True)
class SessionContext:
    """What all runners share. The callables are the supervisor's."""

    dialect: Dialect
    clock: Clock
    timers: Timers[Runner]
    commits: CommitBatcher
    metrics: Metrics
    ask_admission: Callable[[Runner], None]
    cancel_admission: Callable[[Runner], None]
    dial: Callable[[Runner, ConnectionCallbacks], None]
    fetch_history: Callable[[ConnectionCallbacks, e.FetchHistory, str], None]
    jwt_known: Callable[[str, str], None]
    finished: Callable[[Runner, Ending], None]
    ask_presigned: Callable[[Runner, e.AskPresigned], None]
    upload: Callable[[Runner, e.Upload], None]
    cancel_upload: Callable[[Runner, str], None]
    discard: Callable[[str], None]
    keep_report: Callable[[Report], None]
    log: SessionLog
    was_shown: Callable[[str, str, str], Awaitable[bool]]
    ask_journal: Callable[[Callable[[], Coroutine[Any, Any, None]]], None]
    note: Note = no_note
    counted: SessionCounted | None = None
    is_full: bool = False
    outage: Outage = field(init=False)
    now: Callable[[], float] = field(init=False)
    decode: Callable[[bytes], list[Signal]] = field(init=False)

    def __post_init__(self) -> None:
        self.now, self.decode = self.clock.now, self.dialect.decode
        self.outage = Outage(self.clock, self.metrics)
