"""The tokens of a run's guest sessions, on disk while they are open, so that what a killed run left
open can be ended (`guestd load reap`).

One file for each process of a run: its first line says which platform the sessions are at, then
each session adds `+TOKEN` before it is opened, and `-TOKEN` when it has ended. Writing is not
forced to the disk: it outlives the process, and not a loss of power. The file is locked while its
process lives, and removed when the last session has ended. A token is a key to its conversation, so
only the owner may read it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from uuid import uuid4

import msgspec


class RunTarget(msgspec.Struct, kw_only=True):
    """Where a run's sessions are: at a platform, or at the `daemon` with that URL, whose token is
    in `token_file` if that is not empty."""

    run_id: str
    socket_url: str = ""
    deployment_id: str = ""
    daemon: str = ""
    token_file: str = ""
    origin: str = ""
    ca_file: str = ""
    emulator: str = ""
    dialect: Literal["webmessaging", "webchat"] = "webmessaging"
    api_url: str = ""
    cdn_url: str = ""
    connects_per_minute: int = 0


class TokenFile:
    """`draw` is what the supervisor takes its tokens from."""

    def __init__(self, path: Path, number: int, held: int) -> None:
        """`number`: of the open file; `held`: how many sessions of it are open. Raises
        BlockingIOError if another process has it."""
        self.path = path
        self._file = os.fdopen(number, "wb", buffering=0)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise
        self._drawn = ""
        self._open = held

    @classmethod
    def of_run(cls, directory: Path, name: str, target: RunTarget) -> TokenFile:
        """Raises OSError."""
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = directory / f"{name}.tokens"
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND
        made = cls(path, os.open(path, flags, 0o600), 0)
        made._file.write(msgspec.json.encode(target) + b"\n")
        return made

    @classmethod
    def taken_up(cls, left: LeftOpen) -> TokenFile:
        """That of a run that is over, to end its sessions. Raises OSError."""
        return cls(left.path, os.open(left.path, os.O_WRONLY | os.O_APPEND), len(left.tokens))

    @property
    def open(self) -> int:
        """How many sessions have not ended."""
        return self._open

    def draw(self) -> str:
        self._drawn = str(uuid4())
        self.begun(self._drawn)
        return self._drawn

    def begun(self, token: str) -> None:
        """It is about to be opened. Of a daemon's sessions the token is their name."""
        self._file.write(b"+%s\n" % token.encode())
        self._open += 1

    @property
    def last_drawn(self) -> str:
        return self._drawn

    def ended(self, token: str) -> None:
        self._file.write(b"-%s\n" % token.encode())
        self._open -= 1

    def close(self) -> None:
        """Removes it if nothing is left open; what is open is there for `left_open`."""
        if self._open == 0:
            self.path.unlink(missing_ok=True)
        self._file.close()


@dataclass(slots=True)
class LeftOpen:
    """What a run that is over has left. `tokens` are secret."""

    path: Path
    target: RunTarget
    tokens: list[str] = field(default_factory=list, repr=False)


def left_open(directory: Path, tell: Callable[[str], None] = lambda line: None) -> list[LeftOpen]:
    """Those of runs whose process is gone, oldest first; files that cannot be read are told of."""
    found = []
    for path in sorted(directory.glob("*.tokens"), key=lambda one: one.stat().st_mtime):
        try:
            one = _read(path)
        except (OSError, ValueError) as error:
            tell(f"{path}: cannot be read: {error}")
            continue
        if one is not None:
            found.append(one)
    return found


def _read(path: Path) -> LeftOpen | None:
    """None while its process lives, or where it had no time to write."""
    with open(path, "rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return None
        head, *lines = file.read().decode("ascii").splitlines() or [""]
    if not head:
        return None
    target = msgspec.json.decode(head, type=RunTarget)
    tokens: dict[str, None] = {}
    for line in lines:
        if line.startswith("+"):
            tokens[line[1:]] = None
        elif line.startswith("-"):
            tokens.pop(line[1:], None)
    return LeftOpen(path, target, list(tokens))
