"""Which of the audit's files go: those whose time is over, and the oldest while all together are
too large (AUDIT-1).

By age. Retention trusts no single look at the clock. A leap ahead is believed after it has stood
(`SteadyClock`), and retention looks when the process has run for a while, then every few hours, and
gives up the files of one day at most each time. So a clock that stays wrong costs some days of the
audit, not all of it.

By size. An audit that fills the disk would stop the journal, and with it everything that is to be
recorded; so the oldest files go before their time. The file being written is never among them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from ..policy.steady_clock import SteadyClock
from .directory import day_of, newest_day_ms
from .settings import AuditSettings

#: When retention looks at the clock, in seconds of running: first, so that a crash loop deletes
#: nothing, and then.
LOOK_FIRST_S = 600.0
LOOK_EVERY_S = 21_600.0


@dataclass(slots=True, frozen=True)
class Retired:
    """`paths`, the oldest first; the last `early` of them before their time, because of the
    size."""

    paths: Sequence[Path] = ()
    early: int = 0


class AuditRetention:
    """`running_s`: a monotonic clock, in seconds."""

    def __init__(
        self, settings: AuditSettings, running_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings
        self._running_s = running_s
        self._look_at = running_s() + LOOK_FIRST_S
        self._steady = SteadyClock()
        self._is_size_known = False

    def start(self, files: Sequence[Path], now_ms: int) -> None:
        self._steady = SteadyClock(newest_day_ms(files))
        self._steady.epoch_ms(self._running_s(), now_ms)

    def file_begun(self) -> None:
        """Only then can all together have become too large: each file has room for what is written
        until the next."""
        self._is_size_known = False

    def retired(self, files: Sequence[Path], now_ms: int) -> Retired:
        """Of all files, in order, the last one being written."""
        steady_ms = self._steady.epoch_ms(self._running_s(), now_ms)
        over = self._too_old(files, datetime.fromtimestamp(steady_ms / 1000, UTC))
        large = self._too_much(files)
        return Retired(max(over, large, key=len), max(0, len(large) - len(over)))

    def _too_old(self, files: Sequence[Path], now: datetime) -> Sequence[Path]:
        """The files of the oldest day, if the last line of each is too old: the next file was
        begun, at the latest, on the day after it."""
        if self._running_s() < self._look_at:
            return ()
        self._look_at = self._running_s() + LOOK_EVERY_S
        oldest = (now - timedelta(days=self._settings.retention_days + 1)).strftime("%Y%m%d")
        over = [path for path, following in pairwise(files) if day_of(following.name) <= oldest]
        return [path for path in over if day_of(path.name) == day_of(over[0].name)]

    def _too_much(self, files: Sequence[Path]) -> Sequence[Path]:
        """As many of the oldest as make room for one more whole file."""
        if self._is_size_known:
            return ()
        self._is_size_known = True
        sizes = [path.stat().st_size for path in files[:-1]]
        excess = sum(sizes) + self._settings.file_bytes_max - self._settings.bytes_max
        count = 0
        while excess > 0 and count < len(sizes):
            excess -= sizes[count]
            count += 1
        return files[:count]
