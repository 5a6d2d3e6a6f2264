"""The audit's files: appended to, synced, turned over by day and size, thrown away when their time is over (AUDIT-1).

    audit-000000000001-20260101.jsonl     the number of its first line, the day it was begun
    chain.json                            the head: which line is certainly on the disk, and where; the anchor: the last line
                                          that retention threw away

A batch is written, synced, then named as the head; only then does the journal's cursor move. What stands behind the head
after a crash is either whole lines that continue the chain, which stay, or a torn rest, which is cut off. Before the
head nothing is ever touched. If it does not fit, or `chain.json` is damaged or missing, that is a break: what is damaged is
kept aside, a new file is begun whose first line says what was found, and `guestd audit verify` tells of it from then on.

Retention trusts no single look at the clock. A leap ahead is believed after it has stood (`SteadyClock`), and retention looks
when the process has run for a while, then every few hours, and deletes the files of one day at most each time. So a clock
that stays wrong costs some days of the audit, not all of it.
"""

from __future__ import annotations

import logging
import os
import re
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from ..model.errors import ConfigError
from ..policy.steady_clock import SteadyClock
from .audit_lines import BREAK, identity, seal, unseal
from .audit_state import MISSING, STATE, Anchor, Head, read_state, save_state, sync_directory, write_all
from .settings import AuditSettings

logger = logging.getLogger("guestd.audit")

ASIDE = ".damaged-"
NAME = re.compile(r"audit-(\d{12})-(\d{8})\.jsonl")

#: How far back a file is read to recognise what was written before a crash: far more than a page of lines.
LAST_BYTES = 4 * 1024 * 1024


#: When retention looks at the clock, in seconds of running: first, so that a crash loop deletes nothing, and then.
LOOK_FIRST_S = 600.0
LOOK_EVERY_S = 21_600.0


class AuditFiles:
    """Blocking; used by one thread at a time. `remembers`: how many of the last lines can be recognised. `running_s`: a clock
    that nobody sets, in seconds."""

    def __init__(
        self, settings: AuditSettings, remembers: int, running_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings
        self._directory = settings.directory
        self._head, self._anchor = Head(), Anchor()
        self._file: int | None = None
        self._failed = False
        self._rest_is_ours = False
        self._recent: deque[tuple[Any, ...]] = deque(maxlen=remembers)
        self._running_s = running_s
        self._look_at = running_s() + LOOK_FIRST_S
        self._steady = SteadyClock()

    def open(self, now_ms: int | None = None) -> None:
        """Find the end of the chain. Raises ConfigError if the directory cannot be used. An OSError is not raised: everything
        is tried again at the next `append`."""
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            problem = f"{self._directory} cannot be made: {error.strerror}"
            raise ConfigError("audit.directory", problem, "name a directory that guestd may write to") from None
        if not os.access(self._directory, os.W_OK | os.X_OK):
            problem = f"{self._directory} cannot be written to"
            raise ConfigError("audit.directory", problem, "name a directory that guestd may write to")
        now_ms = now_ms if now_ms is not None else time.time_ns() // 1_000_000
        now = _utc(now_ms)
        self._steady = SteadyClock(_newest_day_ms(files_of(self._directory)))
        self._steady.epoch_ms(self._running_s(), now_ms)
        try:
            self._find_end(now)
        except OSError as error:
            self.close()
            self._failed = True
            logger.error("the audit cannot be opened (%s); it is tried again", error.strerror)

    def append(self, entries: Sequence[dict[str, Any]], now_ms: int) -> int:
        """Write those not yet there, durably; how many. Raises OSError; then nothing counts as written."""
        try:
            if self._failed:
                self._find_end(_utc(now_ms))
            self._rest_is_ours = True
            added = self._append(entries, _utc(now_ms))
            self._rest_is_ours = False
            return added
        except OSError:
            self.close()
            self._failed = True
            raise

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    # ------------------------------------------------------------------

    def _append(self, entries: Sequence[dict[str, Any]], now: datetime) -> int:
        known = set(self._recent)
        fresh = [one for one in entries if identity(one) not in known]
        if not fresh:
            return 0
        if self._must_turn_over(now):
            self._begin_file(now)
        doomed = self._doomed(_utc(self._steady.epoch_ms(self._running_s(), _epoch_ms(now))))
        fresh = [*self._notice_of(doomed, now), *fresh]
        self._write(fresh)
        self._recent.extend(identity(one) for one in fresh)
        for path in doomed:
            path.unlink(missing_ok=True)
        return len(fresh)

    def _write(self, entries: Sequence[dict[str, Any]]) -> None:
        """At the end of the file that is open, durably, and the head after it."""
        n, prev, raws = self._head.n, self._head.hash, []
        for one in entries:
            n += 1
            raw, prev = seal(n, one, prev)
            raws.append(raw)
        data = b"".join(raws)
        assert self._file is not None
        write_all(self._file, data)
        os.fsync(self._file)
        self._head = Head(n, prev, self._head.file, self._head.bytes + len(data))
        save_state(self._directory, self._head, self._anchor)

    def _must_turn_over(self, now: datetime) -> bool:
        if self._file is None or self._head.bytes >= self._settings.file_bytes_max:
            return True
        return day_of(self._head.file) != now.strftime("%Y%m%d")

    def _begin_file(self, now: datetime) -> None:
        self.close()
        name = f"audit-{self._head.n + 1:012d}-{now:%Y%m%d}.jsonl"
        _set_aside(self._directory / name)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._file = os.open(self._directory / name, flags, 0o600)
        sync_directory(self._directory)
        self._head = Head(self._head.n, self._head.hash, name, 0)

    def _doomed(self, now: datetime) -> list[Path]:
        """The files of the oldest day, if retention may look now and their last line is too old: the next file was begun, at the
        latest, on the day after it."""
        if self._running_s() < self._look_at:
            return []
        self._look_at = self._running_s() + LOOK_EVERY_S
        oldest = (now - timedelta(days=self._settings.retention_days + 1)).strftime("%Y%m%d")
        files = files_of(self._directory)
        doomed = [path for path, following in pairwise(files) if day_of(following.name) <= oldest]
        return [path for path in doomed if day_of(path.name) == day_of(doomed[0].name)]

    def _notice_of(self, doomed: Sequence[Path], now: datetime) -> list[dict[str, Any]]:
        """Throwing away is on record too, and the anchor says where the chain begins from now on."""
        if not doomed:
            return []
        last = next(
            (line for path in reversed(doomed) for line in map(unseal, reversed(last_lines(path))) if line), None
        )
        if last is not None:
            self._anchor = Anchor(last["n"], last["hash"])
        details = {"through": self._anchor.n, "files": len(doomed)}
        return [_own("audit.retired", "success", details, now)]

    # ------------------------------------------------------------------ finding the end

    def _find_end(self, now: datetime) -> None:
        self.close()
        state, files = read_state(self._directory), files_of(self._directory)
        self._head, self._anchor = state.head, state.anchor
        if state.damage == MISSING and not files:
            save_state(self._directory, self._head, self._anchor)  # a new audit
        elif state.damage:
            self._anchor, self._head = _beginning(files), _end(files)
            aside = _kept_copy(self._directory / STATE)
            self._break(f"{STATE} {state.damage}", aside, now)
        elif self._head.file and not (self._directory / self._head.file).exists():
            self._break(f"{self._head.file} is missing", "", now)
        elif files and (problem := self._continue(files[-1])):
            self._break(f"{files[-1].name} {problem}", "", now)
        self._recent.clear()
        for path in files[-2:]:
            self._recent.extend(identity(line) for line in map(unseal, last_lines(path)) if line)
        self._failed = False

    def _break(self, reason: str, aside: str, now: datetime) -> None:
        """Begin a new file with a line that says what was found here, and leave the rest for `guestd audit verify`."""
        logger.error("the audit is damaged: %s; a new file is begun, see guestd audit verify", reason)
        self._begin_file(now)
        self._write([_own(BREAK, "failed", {"reason": reason, **({"kept_as": aside} if aside else {})}, now)])

    def _continue(self, path: Path) -> str:
        """Go on at the end of the newest file, after cutting off what a crash has left half written; or what is wrong with it."""
        size = path.stat().st_size
        head = self._head
        if head.file != path.name:
            head = Head(head.n, head.hash, path.name, 0)
        elif head.bytes > size:
            return "is shorter than it was"
        with path.open("rb") as file:
            file.seek(head.bytes)
            for raw in file:
                line = unseal(raw.rstrip(b"\n")) if raw.endswith(b"\n") and not self._rest_is_ours else None
                if line is None or (head.n > 0 and (line["n"], line["prev"]) != (head.n + 1, head.hash)):
                    if raw.endswith(b"\n") and not self._rest_is_ours:
                        return "ends with lines that are not ours"
                    break
                head = Head(line["n"], line["hash"], path.name, head.bytes + len(raw))
        if head.bytes < size:
            logger.warning("%d bytes behind the last whole line of %s are cut off", size - head.bytes, path.name)
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        os.ftruncate(self._file, head.bytes)
        os.fsync(self._file)
        self._head = head
        save_state(self._directory, self._head, self._anchor)
        return ""


def _beginning(files: Sequence[Path]) -> Anchor:
    """What stands before the first line there is, if its word is taken."""
    for path in files:
        with path.open("rb") as file:
            for raw in file:
                if (line := unseal(raw.rstrip(b"\n"))) is not None:
                    return Anchor(line["n"] - 1, line["prev"])
    return Anchor()


def _end(files: Sequence[Path]) -> Head:
    """The last line there is, if its word is taken."""
    for path in reversed(files):
        for line in map(unseal, reversed(last_lines(path))):
            if line is not None:
                return Head(line["n"], line["hash"])
    return Head()


def _set_aside(path: Path) -> None:
    """Give a file that is in the way another name; an empty one is deleted."""
    if path.exists() and path.stat().st_size:
        path.rename(_free_name(path))
    else:
        path.unlink(missing_ok=True)


def _kept_copy(path: Path) -> str:
    """A second name for a file that is about to be replaced, and which; "" if there is no file. The same again if asked again."""
    if not path.exists():
        return ""
    for known in path.parent.glob(f"{path.name}{ASIDE}*"):
        if known.samefile(path):
            return known.name
    copy = _free_name(path)
    os.link(path, copy)
    return copy.name


def _free_name(path: Path) -> Path:
    number = 1
    while (found := path.with_name(f"{path.name}{ASIDE}{number}")).exists():
        number += 1
    return found


def _own(action: str, status: str, details: dict[str, Any], now: datetime) -> dict[str, Any]:
    """A line about the audit itself."""
    at = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"time": at, "action": action, "status": status, "details": details}


def _newest_day_ms(files: Sequence[Path]) -> int:
    """When the day of the newest file began; 0 if there is none. The clock has certainly been there."""
    found = NAME.fullmatch(files[-1].name) if files else None
    try:
        return _epoch_ms(datetime.strptime(found[2], "%Y%m%d").replace(tzinfo=UTC)) if found is not None else 0
    except ValueError:
        return 0


def _epoch_ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _utc(epoch_ms: int) -> datetime:
    return datetime.fromtimestamp(epoch_ms / 1000, UTC)


def files_of(directory: Path) -> list[Path]:
    """In the order of their lines."""
    return sorted(directory.glob("audit-*.jsonl"))


def last_lines(path: Path) -> list[bytes]:
    """Those in the last LAST_BYTES, oldest first."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - LAST_BYTES))
        return file.read().split(b"\n")


def day_of(name: str) -> str:
    return name.removesuffix(".jsonl").rpartition("-")[2]


def every_line(directory: Path) -> Iterator[tuple[Path, int, bytes, bool]]:
    """File, line number in it, bytes without the newline, and whether the newline is there."""
    for path in files_of(directory):
        with path.open("rb") as file:
            for number, raw in enumerate(file, 1):
                yield path, number, raw.rstrip(b"\n"), raw.endswith(b"\n")
