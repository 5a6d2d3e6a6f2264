"""Private files: refused if other users could read them, replaced atomically."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from ..model.errors import ConfigError
from ..runtime import files
from ..runtime.file_lock import FileLock, LockHeldError

FIELD = "identity.directory"
LOCK = "lock"
#: What keys there are, and their files.
INDEX = "ring.json"
SUFFIX = ".pem"

#: A rotation takes a fraction of a second; a longer wait is for something that hangs.
LOCK_WAIT_S = 10.0


def make_directory(directory: Path) -> None:
    """Make it with mode 0700 if it is missing; what it stands in must be there. Raises
    ConfigError."""
    try:
        os.mkdir(directory, 0o700)
        files.sync_directory(directory.parent)
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
    others. The mode of one that is more than a ring's own, such as /tmp, is not to be changed."""
    try:
        found = os.stat(directory)
    except OSError as error:
        raise ConfigError(
            FIELD, f"{directory}: {error.strerror}", "guestd keys rotate makes a ring"
        ) from None
    if not stat.S_ISDIR(found.st_mode):
        raise ConfigError(FIELD, f"{directory} is not a directory", "name one, or make it")
    if found.st_mode & 0o077 and not _is_a_rings_own(directory):
        raise ConfigError(
            FIELD,
            f"{directory} holds no keys and is open to others (mode {_mode(found)})",
            f"name a directory of the keys' own, such as {directory / 'keys'}",
        )
    _check(directory, found, "700", may_hold_secrets=any(directory.iterdir()))


def _is_a_rings_own(directory: Path) -> bool:
    """It holds the index or a key, or nothing at all."""
    try:
        return (directory / INDEX).exists() or all(
            path.suffix == SUFFIX or path.name == LOCK for path in directory.iterdir()
        )
    except OSError:
        return False


def _mode(found: os.stat_result) -> str:
    return f"{stat.S_IMODE(found.st_mode):04o}"


def _check(
    path: Path, found: os.stat_result, wanted: str, *, may_hold_secrets: bool = True
) -> None:
    if found.st_uid != os.geteuid():
        problem = f"{path} belongs to user {found.st_uid}, and guestd runs as user {os.geteuid()}"
        raise ConfigError(FIELD, problem, f"run it as that user, or: chown {os.geteuid()} {path}")
    if found.st_mode & 0o077:
        problem = f"{path} is open to others (mode {_mode(found)})"
        rotate = ", and rotate if others may have read it" if may_hold_secrets else ""
        raise ConfigError(FIELD, problem, f"chmod {wanted} {path}{rotate}")


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
            raise ConfigError(FIELD, f"{path} is not a regular file", "move it away")
        _check(path, found, "600")
        return opened.read()


def replace_private(path: Path, data: bytes) -> None:
    """`path` holds `data`, mode 0600, or what it held before. Raises ConfigError."""
    try:
        files.replace_private(path, data)
    except OSError as error:
        raise ConfigError(
            FIELD,
            f"{path} cannot be written: {error.strerror}",
            "mend the disk; guestd keys list says what is in effect",
        ) from None


@contextlib.contextmanager
def locked(directory: Path, wait_s: float = LOCK_WAIT_S) -> Iterator[None]:
    """One process changes the ring at a time. Raises ConfigError."""
    lock = FileLock(directory / LOCK)
    try:
        lock.take(wait_s)
    except LockHeldError:
        remedy = "see who holds the file lock in it (fuser), and try again"
        raise ConfigError(FIELD, f"another rotation is under way in {directory}", remedy) from None
    except OSError as error:
        raise ConfigError(
            FIELD, f"{directory} cannot be locked: {error.strerror}", "it must be writable"
        ) from None
    try:
        yield
    finally:
        lock.release()
