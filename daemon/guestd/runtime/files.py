"""Files written so that a crash at any moment leaves the old content or the new one, and that only
their owner can read. All of it blocks; all of it raises OSError."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path

PRIVATE = 0o600

HALF = ".half"


#: A pipe is waited for until something is written into it, and no signal is heard meanwhile.
NOT_REGULAR = (
    "it is not a regular file; what comes through a pipe, such as <(…) or /dev/stdin, must be put"
    " into one"
)


def open_regular(path: Path, *, may_be_pipe: bool = False) -> int:
    """A descriptor to read from. A pipe without a writer delays nothing, but where
    `may_be_pipe`."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | (0 if may_be_pipe else os.O_NONBLOCK))
    mode = os.fstat(file).st_mode
    if stat.S_ISREG(mode) or (may_be_pipe and not stat.S_ISDIR(mode)):
        return file
    os.close(file)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    raise OSError(None, NOT_REGULAR)


def create_private(path: Path) -> int:
    """A descriptor to write to; the file must not exist yet, not even as a symbolic link."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    return os.open(path, flags, PRIVATE)


def write_all(file: int, data: bytes | bytearray | memoryview) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]


def replace_private(path: Path, data: bytes) -> None:
    """`path` holds `data`, durably and with mode 0600, or what it held before."""
    half = path.with_name(f".{path.name}{HALF}")
    half.unlink(missing_ok=True)
    try:
        file = create_private(half)
        try:
            write_all(file, data)
            os.fsync(file)
        finally:
            os.close(file)
        os.rename(half, path)
        sync_directory(path.parent)
    except OSError:
        with contextlib.suppress(OSError):
            half.unlink(missing_ok=True)
        raise


def publish(half: Path, path: Path) -> None:
    """Give a file that is finished its name, durably and with mode 0600."""
    os.chmod(half, PRIVATE)
    with half.open("rb") as file:
        os.fsync(file.fileno())
    os.rename(half, path)
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Names that were made, changed or deleted in it survive a power cut."""
    file = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)
