"""The audit's files: appended to, synced, turned over by day and size, thrown away when their time is over (AUDIT-1).

    audit-000000000001-20260101.jsonl     the number of its first line, the day it was begun
    chain.json                            the head: which line is certainly on the disk, and where; the anchor: the last line
                                          that retention threw away

A batch is written, synced, then named as the head; only then does the journal's cursor move. What stands behind the head
after a crash is either whole lines that continue the chain, which stay, or a torn rest, which is cut off. Before the
head nothing is ever touched: if it does not fit, a new file is begun and `guestd audit verify` says what is wrong with the
old one.
"""

from __future__ import annotations

import json
import logging
import os
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from ..model.errors import ConfigError
from .audit_lines import GENESIS, identity, seal, unseal
from .settings import AuditSettings

logger = logging.getLogger("guestd.audit")

STATE = "chain.json"

#: How far back a file is read to recognise what was written before a crash: far more than a page of lines.
LAST_BYTES = 4 * 1024 * 1024


@dataclass(slots=True, frozen=True)
class Head:
    n: int = 0
    hash: str = GENESIS
    file: str = ""
    bytes: int = 0


@dataclass(slots=True, frozen=True)
class Anchor:
    n: int = 0
    hash: str = GENESIS


class AuditFiles:
    """Blocking; used by one thread at a time. `remembers`: how many of the last lines can be recognised."""

    def __init__(self, settings: AuditSettings, remembers: int) -> None:
        self._settings = settings
        self._directory = settings.directory
        self._head, self._anchor = Head(), Anchor()
        self._file: int | None = None
        self._failed = False
        self._recent: deque[tuple[Any, ...]] = deque(maxlen=remembers)

    def open(self) -> None:
        """Find the end of the chain. Raises ConfigError if the directory cannot be used, OSError."""
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            problem = f"{self._directory} cannot be made: {error.strerror}"
            raise ConfigError("audit.directory", problem, "name a directory that guestd may write to") from None
        if not os.access(self._directory, os.W_OK | os.X_OK):
            problem = f"{self._directory} cannot be written to"
            raise ConfigError("audit.directory", problem, "name a directory that guestd may write to")
        self.close()
        self._head, self._anchor = read_state(self._directory)
        files = files_of(self._directory)
        if files:
            self._continue(files[-1])
        self._recent.clear()
        for path in files[-2:]:
            self._recent.extend(identity(line) for line in map(unseal, last_lines(path)) if line)
        self._failed = False

    def append(self, entries: Sequence[dict[str, Any]], now_ms: int) -> int:
        """Write those not yet there, durably; how many. Raises OSError; then nothing counts as written."""
        try:
            if self._failed:
                self.open()
            return self._append(entries, datetime.fromtimestamp(now_ms / 1000, UTC))
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
        doomed: list[Path] = []
        if self._must_turn_over(now):
            doomed = self._doomed(now)
            fresh = [*self._notice_of(doomed, now), *fresh]
            self._begin_file(now)
        n, prev, raws = self._head.n, self._head.hash, []
        for one in fresh:
            n += 1
            raw, prev = seal(n, one, prev)
            raws.append(raw)
        data = b"".join(raws)
        assert self._file is not None
        _write_all(self._file, data)
        os.fsync(self._file)
        self._head = Head(n, prev, self._head.file, self._head.bytes + len(data))
        self._save_state()
        self._recent.extend(identity(one) for one in fresh)
        for path in doomed:
            path.unlink(missing_ok=True)
        return len(fresh)

    def _must_turn_over(self, now: datetime) -> bool:
        if self._file is None or self._head.bytes >= self._settings.file_bytes_max:
            return True
        return day_of(self._head.file) != now.strftime("%Y%m%d")

    def _begin_file(self, now: datetime) -> None:
        self.close()
        name = f"audit-{self._head.n + 1:012d}-{now:%Y%m%d}.jsonl"
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        self._file = os.open(self._directory / name, flags, 0o600)
        _sync_directory(self._directory)
        self._head = Head(self._head.n, self._head.hash, name, 0)

    def _doomed(self, now: datetime) -> list[Path]:
        """Files whose last line is too old: the next file was begun, at the latest, on the day after it."""
        oldest = (now - timedelta(days=self._settings.retention_days + 1)).strftime("%Y%m%d")
        files = files_of(self._directory)
        doomed = [path for path, following in pairwise(files) if day_of(following.name) <= oldest]
        if files and day_of(files[-1].name) <= oldest:
            doomed = files
        return doomed

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
        time = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return [{"time": time, "action": "audit.retired", "status": "success", "details": details}]

    def _continue(self, path: Path) -> None:
        """Go on at the end of the newest file, after cutting off what a crash has left half written."""
        size = path.stat().st_size
        head = self._head
        if head.file != path.name:
            head = Head(head.n, head.hash, path.name, 0)
        elif head.bytes > size:
            logger.error("%s is shorter than it was; a new file is begun, see guestd audit verify", path)
            return
        foreign = False
        with path.open("rb") as file:
            file.seek(head.bytes)
            for raw in file:
                line = unseal(raw.rstrip(b"\n")) if raw.endswith(b"\n") and not self._failed else None
                if line is None or (head.n > 0 and (line["n"], line["prev"]) != (head.n + 1, head.hash)):
                    foreign = raw.endswith(b"\n") and not self._failed
                    break
                head = Head(line["n"], line["hash"], path.name, head.bytes + len(raw))
        if foreign:
            logger.error("%s ends with lines that are not ours; a new file is begun, see guestd audit verify", path)
            return
        if head.bytes < size:
            logger.warning("%d bytes behind the last whole line of %s are cut off", size - head.bytes, path.name)
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        os.ftruncate(self._file, head.bytes)
        os.fsync(self._file)
        self._head = head
        self._save_state()

    def _save_state(self) -> None:
        state = {"head": asdict(self._head), "anchor": asdict(self._anchor)}
        half = self._directory / f"{STATE}.half"
        file = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            _write_all(file, json.dumps(state).encode())
            os.fsync(file)
        finally:
            os.close(file)
        half.rename(self._directory / STATE)
        _sync_directory(self._directory)


def read_state(directory: Path) -> tuple[Head, Anchor]:
    """What `chain.json` says; the beginning of everything if there is none, or it cannot be read."""
    try:
        found = json.loads((directory / STATE).read_bytes())
        return Head(**found["head"]), Anchor(**found["anchor"])
    except (OSError, ValueError, TypeError, KeyError):
        return Head(), Anchor()


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


def _write_all(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def _sync_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
