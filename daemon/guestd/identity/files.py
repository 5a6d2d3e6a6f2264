"""Files that are nobody else's: refused if others could read them, replaced whole or not at all."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from ..model.errors import ConfigError

FIELD = "identity.directory"
LOCK = "lock"
HALF = ".half"

#: A rotation takes a fraction of a second; who waits longer than this waits for something that
#: hangs.
LOCK_WAIT_S = 10.0
_LOCK_POLL_S = 0.02


def make_directory(directory: Path) -> None:
    """Make it with mode 0700 if it is missing; what it stands in must be there. Raises
    ConfigError."""
    try:
        os.mkdir(directory, 0o700)
        _sync(directory.parent)
    except FileExistsError:
        pass
    except OSError as error:
        raise ConfigError(
            FIELD,
            f"{directory} cannot be made: {error.strerror}",
            f"make it yourself: install -d -m 700 {directory}",
        ) from None
    check_private(directory)


def check_private(directory: Path) -> None:
    """Raises ConfigError with the remedy if the directory is missing, not ours, or open to
    others."""
    try:
        found = os.stat(directory)
    except OSError as error:
        raise ConfigError(
            FIELD, f"{directory}: {error.strerror}", "guestd keys rotate makes a ring"
        ) from None
    if not stat.S_ISDIR(found.st_mode):
        raise ConfigError(FIELD, f"{directory} is no directory", "name one, or make it")
    _check(directory, found, "700")


def _check(path: Path, found: os.stat_result, wanted: str) -> None:
    if found.st_uid != os.geteuid():
        problem = f"{path} belongs to user {found.st_uid}, and guestd runs as user {os.geteuid()}"
        raise ConfigError(FIELD, problem, f"run it as that user, or: chown {os.geteuid()} {path}")
    if found.st_mode & 0o077:
        problem = f"{path} is open to others (mode {stat.S_IMODE(found.st_mode):04o})"
        raise ConfigError(
            FIELD, problem, f"chmod {wanted} {path}, and rotate if others may have read it"
        )


def read_private(path: Path) -> bytes:
    """The whole of a file that only we may read: what was checked is what is read. Raises
    ConfigError, FileNotFoundError."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ConfigError(
            FIELD, f"{path} cannot be read: {error.strerror}", "it must be a file of ours"
        ) from None
    with open(file, "rb") as opened:
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode):
            raise ConfigError(FIELD, f"{path} is no file", "move it away")
        _check(path, found, "600")
        return opened.read()


def replace_private(path: Path, data: bytes) -> None:
    """`path` holds `data`, mode 0600, or what it held before: whatever happens, at any moment.
    Raises ConfigError."""
    half = path.with_name(f".{path.name}{HALF}")
    try:
        half.unlink(missing_ok=True)
        file = os.open(
            half, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
        )
        with open(file, "wb") as opened:
            opened.write(data)
            opened.flush()
            os.fsync(file)
        os.rename(half, path)
        _sync(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            half.unlink(missing_ok=True)
        raise ConfigError(
            FIELD,
            f"{path} cannot be written: {error.strerror}",
            "mend the disk; guestd keys list says what is in effect",
        ) from None


def _sync(directory: Path) -> None:
    file = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)


@contextlib.contextmanager
def locked(directory: Path, wait_s: float = LOCK_WAIT_S) -> Iterator[None]:
    """One changer at a time, over all processes; the kernel takes the lock back however its holder
    dies. Raises ConfigError."""
    try:
        file = os.open(
            directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
        )
    except OSError as error:
        raise ConfigError(
            FIELD, f"{directory} cannot be locked: {error.strerror}", "it must be writable"
        ) from None
    try:
        _take(file, directory, time.monotonic() + wait_s)
        yield
    finally:
        os.close(file)


def _take(file: int, directory: Path, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= deadline:
                remedy = "see who holds the file lock in it (fuser), and try again"
                raise ConfigError(
                    FIELD, f"another rotation is under way in {directory}", remedy
                ) from None
            time.sleep(_LOCK_POLL_S)
