"""The audit's files: appended to, synced, turned over by day and size, thrown away when their time
is over (AUDIT-1).

    audit-000000000001-20260101.jsonl     the number of its first line, the day it was begun
    chain.json                            the head: the last line that is certainly on the disk; the
                                          anchor: the last line that retention deleted

A batch is written, synced, then named as the head; only then does the journal's cursor move. What
stands behind the head after a crash is either whole lines that continue the chain, which stay, or a
torn rest, which is cut off. Before the head nothing is ever touched. If it does not fit, or
`chain.json` is damaged or missing, that is a break: what is damaged is kept aside, a new file is
begun whose first line says what was found, and `guestd audit verify` tells of it from then on. The
same if the files are deleted or replaced while they are open (`check`): the chain goes on from what
is in memory."""

from __future__ import annotations

import logging
import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from ..model.errors import ConfigError
from ..model.times import iso, utc_of_ms
from ..observe.log import fields
from ..runtime.files import create_private, sync_directory, write_all
from .chain_state import (
    MISSING,
    STATE,
    Anchor,
    Head,
    read_state,
    save_state,
)
from .directory import day_of, files_of, last_lines, name_of
from .entries import BREAK, identity, seal, unseal
from .file_retention import AuditRetention, Retired
from .set_aside import kept_copy, set_aside
from .settings import AuditSettings

logger = logging.getLogger("guestd.audit")


class AuditFiles:
    """Blocking; used by one thread at a time. `remembers`: how many of the last lines can be
    recognised. `running_s`: a monotonic clock, in seconds. `retired_early` counts files
    deleted before their time, `breaks` the damage found."""

    def __init__(
        self,
        directory: Path,
        settings: AuditSettings,
        remembers: int,
        running_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._directory = directory
        self._head, self._anchor = Head(), Anchor()
        self._file: int | None = None
        self._failed = False
        self._rest_is_ours = False
        self._recent: deque[tuple[Any, ...]] = deque(maxlen=remembers)
        self._retention = AuditRetention(settings, running_s)
        self._has_state, self._lost = False, ""
        self.retired_early = self.breaks = 0

    def open(self, now_ms: int | None = None) -> None:
        """Find the end of the chain. Raises ConfigError if the directory cannot be used. An OSError
        is not raised: everything is tried again at the next `append`."""
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            problem = f"{self._directory} cannot be made: {error.strerror}"
            raise ConfigError(
                "audit.directory", problem, "name a directory that guestd may write to"
            ) from None
        if not os.access(self._directory, os.W_OK | os.X_OK):
            problem = f"{self._directory} cannot be written to"
            raise ConfigError(
                "audit.directory", problem, "name a directory that guestd may write to"
            )
        now_ms = now_ms if now_ms is not None else time.time_ns() // 1_000_000
        self._retention.start(files_of(self._directory), now_ms)
        try:
            self._find_end(utc_of_ms(now_ms))
        except OSError as error:
            self.close()
            self._failed = True
            text = "the audit cannot be opened (%s); it is tried again"
            logger.error(text, error.strerror, extra=fields(event="audit_failed"))

    def append(self, entries: Sequence[dict[str, Any]], now_ms: int) -> int:
        """Write those not yet there, durably; how many. Raises OSError; then nothing counts as
        written."""
        try:
            self._be_sound(utc_of_ms(now_ms))
            self._rest_is_ours = True
            added = self._append(entries, now_ms)
            self._rest_is_ours = False
            return added
        except OSError:
            self.close()
            self._failed = True
            raise

    def check(self, now_ms: int) -> None:
        """Are the files still those that are written to? If not, that is a break, recorded at once.
        Raises OSError; then it is recorded at the next `check` or `append`."""
        try:
            self._be_sound(utc_of_ms(now_ms))
        except OSError:
            self.close()
            self._failed = True
            raise

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    # ------------------------------------------------------------------

    def _be_sound(self, now: datetime) -> None:
        """Open at the end of the chain, and the files as they were left."""
        self._lost = self._lost or self._missing()
        if self._lost:
            self._go_on_without(now)
        elif self._failed:
            self._find_end(now)

    def _missing(self) -> str:
        """What was taken away behind our back since it was opened; "" if nothing was."""
        if not self._has_state:
            return ""
        if not self._directory.exists():
            return "the directory was deleted while it was in use"
        if not (self._directory / STATE).exists():
            return f"{STATE} was deleted while it was in use"
        return self._wrong_with_file()

    def _wrong_with_file(self) -> str:
        if self._file is None:
            return ""
        mine, path = os.fstat(self._file), self._directory / self._head.file
        try:
            if not os.path.samestat(mine, path.stat()):
                return f"{path.name} was replaced while it was in use"
        except FileNotFoundError:
            return f"{path.name} was deleted while it was in use"
        return f"{path.name} was cut while it was in use" if mine.st_size < self._head.bytes else ""

    def _go_on_without(self, now: datetime) -> None:
        """The chain goes on from memory, so that what was deleted is missing in it for good."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._break(self._lost, "", now)
        self._lost, self._failed = "", False

    def _append(self, entries: Sequence[dict[str, Any]], now_ms: int) -> int:
        known, now = set(self._recent), utc_of_ms(now_ms)
        fresh = [one for one in entries if identity(one) not in known]
        if not fresh:
            return 0
        if self._must_turn_over(now):
            self._begin_file(now)
        retired = self._retention.retired(files_of(self._directory), now_ms)
        fresh = [*self._notice_of(retired, now), *fresh]
        self._write(fresh)
        self._recent.extend(identity(one) for one in fresh)
        for path in retired.paths:
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
        self._save()

    def _save(self) -> None:
        save_state(self._directory, self._head, self._anchor)
        self._has_state = True

    def _must_turn_over(self, now: datetime) -> bool:
        if self._file is None or self._head.bytes >= self._settings.file_bytes_max:
            return True
        return day_of(self._head.file) != now.strftime("%Y%m%d")

    def _begin_file(self, now: datetime) -> None:
        self.close()
        name = name_of(self._head.n + 1, now)
        set_aside(self._directory / name)
        self._file = create_private(self._directory / name)
        sync_directory(self._directory)
        self._head = Head(self._head.n, self._head.hash, name, 0)
        self._retention.file_begun()

    def _notice_of(self, retired: Retired, now: datetime) -> list[dict[str, Any]]:
        """Throwing away is on record too, and the anchor says where the chain begins from now
        on."""
        if not retired.paths:
            return []
        end = _end(retired.paths)
        if end.n:
            self._anchor = Anchor(end.n, end.hash)
        details = {"through": self._anchor.n, "files": len(retired.paths)}
        if retired.early:
            self._say_early(retired.early)
            details["files_before_their_time"] = retired.early
        return [_own("audit.retired", "success", details, now)]

    def _say_early(self, files: int) -> None:
        self.retired_early += files
        logger.warning(
            "the audit has reached audit.bytes_max (%d): %d files, with the lines through %d, are"
            " deleted before their %d days are over; raise it, or copy the files elsewhere in time",
            self._settings.bytes_max,
            files,
            self._anchor.n,
            self._settings.retention_days,
            extra=fields(event="audit_retired_early", files=files),
        )

    # ------------------------------------------------------------------ finding the end

    def _find_end(self, now: datetime) -> None:
        self.close()
        state, files = read_state(self._directory), files_of(self._directory)
        self._head, self._anchor = state.head, state.anchor
        self._has_state = not state.damage
        if state.damage == MISSING and not files:
            self._save()  # a new audit
        elif state.damage:
            self._anchor, self._head = _beginning(files), _end(files)
            aside = kept_copy(self._directory / STATE)
            self._break(f"{STATE} {state.damage}", aside, now)
        elif self._head.file and not (self._directory / self._head.file).exists():
            self._break(f"{self._head.file} is missing", "", now)
        elif files and (problem := self._continue(files[-1])):
            self._break(f"{files[-1].name} {problem}", "", now)
        self._recent.clear()
        for path in files[-2:]:
            self._recent.extend(identity(line) for line in map(unseal, last_lines(path)) if line)
        self._retention.file_begun()
        self._failed = False

    def _break(self, reason: str, aside: str, now: datetime) -> None:
        """Begin a new file with a line that says what was found here, and leave the rest for
        `guestd audit verify`."""
        logger.error(
            "the audit is damaged: %s; a new file is begun, see guestd audit verify",
            reason,
            extra=fields(event="audit_damaged"),
        )
        self._begin_file(now)
        self._write(
            [
                _own(
                    BREAK,
                    "failed",
                    {"reason": reason, **({"kept_as": aside} if aside else {})},
                    now,
                )
            ]
        )
        self.breaks += 1

    def _continue(self, path: Path) -> str:
        """Go on at the end of the newest file, after cutting off what a crash has left half
        written; or what is wrong with it."""
        size = path.stat().st_size
        head = self._head
        if head.file != path.name:
            head = Head(head.n, head.hash, path.name, 0)
        elif head.bytes > size:
            return "is shorter than it was"
        with path.open("rb") as file:
            file.seek(head.bytes)
            for raw in file:
                line = (
                    unseal(raw.rstrip(b"\n"))
                    if raw.endswith(b"\n") and not self._rest_is_ours
                    else None
                )
                if line is None or (
                    head.n > 0 and (line["n"], line["prev"]) != (head.n + 1, head.hash)
                ):
                    if raw.endswith(b"\n") and not self._rest_is_ours:
                        return "ends with lines that are not ours"
                    break
                head = Head(line["n"], line["hash"], path.name, head.bytes + len(raw))
        if head.bytes < size:
            logger.warning(
                "%d bytes behind the last whole line of %s are cut off",
                size - head.bytes,
                path.name,
            )
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        os.ftruncate(self._file, head.bytes)
        os.fsync(self._file)
        self._head = head
        self._save()
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


def _own(action: str, status: str, details: dict[str, Any], now: datetime) -> dict[str, Any]:
    """A line about the audit itself."""
    return {"time": iso(now), "action": action, "status": status, "details": details}
