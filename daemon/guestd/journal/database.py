"""The journal's file: opened with the rules that make it trustworthy, checked, brought up to date.

WAL with `synchronous=FULL`: NORMAL loses acknowledged transactions in a power cut. Exactly one
connection writes *and* checkpoints, because SQLite before 3.51.3 can corrupt a database when two do
that at once; readers open it read-only and never checkpoint. A file that fails its check is moved
aside with a note, never deleted."""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from ..model.errors import ConfigError, JournalError
from ..runtime.files import publish, sync_directory
from ..runtime.system_errors import in_words
from . import checksum, filesystem_check
from .check import (
    SCHEMA_WITH_CHECKSUMS,
    UNREADABLE_FILE,
    at_start,
    broken_schema,
    full_check,
    is_damage,
)
from .disk_reserve import BALLAST
from .queries import migrations, queries
from .shrink import can_shrink

logger = logging.getLogger("guestd.journal")

NAME = "journal.sqlite3"

#: Above this size the check at start would hold up the start: `guestd journal check` does it at
#: leisure.
CHECK_BYTES_MAX = 512 * 1024 * 1024

#: A file without `auto_vacuum` is given it at the start if it is not larger than this, which takes
#: less than a second; a larger one by `guestd journal compact`.
COMPACT_BYTES_MAX = 32 * 1024 * 1024

#: Making the file anew takes a copy of it, the log of it, and what is there.
_COMPACT_ROOM = 3

#: `auto_vacuum` comes first: a file has it only if it was chosen before anything was written.
#: `secure_delete` writes zeros over what is deleted; whether it is on by itself depends on how
#: SQLite was built. The log is cut back to
#: `journal_size_limit`, four times WAL_PAGES_MAX of writer.py, when it was longer for a while.
_PRAGMAS = """
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA secure_delete = ON;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA foreign_keys = ON;
PRAGMA cell_size_check = ON;
PRAGMA trusted_schema = OFF;
PRAGMA mmap_size = 0;
PRAGMA cache_size = -65536;
PRAGMA wal_autocheckpoint = 0;
PRAGMA journal_size_limit = 4194304;
"""


def open_for_writing(directory: Path, may_create: bool = True) -> sqlite3.Connection:
    """The one connection that writes. Raises ConfigError (no place for a journal, or none in it) or
    JournalError (a file we cannot use).

    A journal is made where there never was one, if it may be: an empty one in the place of one that
    was lost, moved aside or not mounted would have every guest session forgotten without a word."""
    if not directory.is_dir():
        raise ConfigError(
            "journal.directory",
            f"{directory} is not a directory",
            "create it, or mount what should be there, and start again",
        )
    mountinfo = filesystem_check.read("/proc/self/mountinfo")
    filesystem_check.check_file_system(directory, mountinfo)
    if not (directory / NAME).exists():
        filesystem_check.check_mounted(directory, mountinfo, filesystem_check.read("/etc/fstab"))
        _check_may_create(directory, may_create)
    return create_or_open(directory)


def create_or_open(directory: Path) -> sqlite3.Connection:
    """Without asking whether there should be one. Raises JournalError."""
    path = directory / NAME
    is_new = not path.exists()
    umask = os.umask(
        0o077
    )  # the files that SQLite puts beside it have the mode that it was made with
    try:
        connection = _connect(path, "rwc" if is_new else "rw")
        try:
            _prepare(connection, path, is_new)
        except BaseException:
            connection.close()
            raise
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise _translated(error, path) from error
    finally:
        os.umask(umask)
    if is_new:
        logger.info("a new journal in %s", path)
    return connection


def _prepare(connection: sqlite3.Connection, path: Path, is_new: bool) -> None:
    connection.executescript(_PRAGMAS)
    if not is_new:
        _check(connection, path)
    _migrate(connection, path)
    if not is_new and not can_shrink(connection):
        _compact_if_small(connection, path)
    if is_new:
        try:
            sync_directory(path.parent)
        except OSError as error:
            raise JournalError(
                f"the journal {path} cannot be made durable: {error.strerror}"
            ) from error


def _compact_if_small(connection: sqlite3.Connection, path: Path) -> None:
    """A file that was made without `auto_vacuum` keeps the size of its largest moment until it is
    made anew."""
    size_bytes = path.stat().st_size
    figures = os.statvfs(path.parent)
    has_room = figures.f_bavail * figures.f_frsize >= _COMPACT_ROOM * size_bytes
    if size_bytes > COMPACT_BYTES_MAX or not has_room:
        logger.warning(
            "%s does not become smaller by itself: stop guestd once and run guestd journal compact",
            path,
        )
        return
    try:
        compact(connection)
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorname", "").startswith("SQLITE_IOERR"):
            raise
        logger.warning(
            "%s could not be made anew (%s): it does not become smaller by itself", path, error
        )


def compact(connection: sqlite3.Connection) -> None:
    """Make the file anew, without free pages, so that from now on it becomes smaller by itself.
    Takes up to three times the room meanwhile, and some seconds for each gigabyte. Raises
    sqlite3.Error and has changed nothing."""
    connection.execute("VACUUM")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _check_may_create(directory: Path, may_create: bool) -> None:
    traces = sorted(
        one.name for one in directory.iterdir() if one.name.startswith(NAME) or one.name == BALLAST
    )
    if traces or not may_create:
        raise ConfigError(
            "journal.directory",
            f"{directory} holds no {NAME}"
            + (f", though it held one once ({traces[0]})" if traces else ""),
            "mount what should be there, bring a backup back with `guestd journal restore`, or"
            f" begin with an empty one by `guestd journal init -d {directory}`",
        )


def open_for_reading(directory: Path) -> sqlite3.Connection:
    """A read-only connection; it never checkpoints. Raises JournalError."""
    path = directory / NAME
    try:
        return _connect(path, "ro")
    except sqlite3.Error as error:
        raise _translated(error, path) from error


def open_current(directory: Path) -> sqlite3.Connection:
    """As `open_for_reading`, a journal of the form that this guestd reads. Raises JournalError."""
    connection = open_for_reading(directory)
    path, known = directory / NAME, len(migrations())
    try:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
    except sqlite3.Error as error:
        connection.close()
        raise _translated(error, path) from error
    if version == known:
        return connection
    connection.close()
    if version > known:
        raise JournalError(
            f"{path} has form {version}, and this guestd knows forms up to {known}; use the newer"
            " guestd that wrote it"
        )
    raise JournalError(
        f"{path} has form {version}, of an older guestd, and this one reads form {known}; the next"
        " start of `guestd serve` brings it to that form (copy it before: guestd journal backup)"
    )


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    address = f"{path.absolute().as_uri()}?mode={mode}"
    return sqlite3.connect(
        address, uri=True, isolation_level=None, check_same_thread=False, cached_statements=64
    )


def verify(path: Path) -> None:
    """Raises JournalError if this file is not a sound journal of a schema version we know."""
    if not path.exists():
        raise JournalError(f"there is no {path}")
    try:
        with closing(_connect(path, "ro")) as copy:
            problems = full_check(copy)
            version = copy.execute("PRAGMA user_version").fetchone()[0] if not problems else 0
    except UNREADABLE_FILE as error:
        raise JournalError(f"{path} is not a journal: {in_words(error)}") from error
    if problems:
        raise JournalError(f"{path} failed its check: {problems[0]}")
    if not 0 < version <= len(migrations()):
        raise JournalError(
            f"{path} is not a journal that this guestd knows (schema version {version})"
        )


def _check(connection: sqlite3.Connection, path: Path) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if 0 < version <= len(migrations()) and (problems := broken_schema(connection, version)):
        raise JournalError(_move_aside(path, problems))
    if path.stat().st_size > CHECK_BYTES_MAX:
        logger.warning("%s is too large to be checked at start; run guestd journal check", path)
        return
    structure, indexes = at_start(connection)
    if structure:
        raise JournalError(_move_aside(path, structure))
    if indexes:
        logger.error(
            "an index of %s does not fit its table (%s); it is made again", path, indexes[0]
        )
        connection.execute("REINDEX")


def set_aside(path: Path, why: str) -> Path | None:
    """Keep all that is there under another name; None if nothing is."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    aside = path.with_name(f"{path.name}.{why}-{stamp}")
    if not path.exists():
        return None
    for suffix in ("", "-wal", "-shm"):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(aside.with_name(aside.name + suffix))
    return aside


def _move_aside(path: Path, problems: list[str]) -> str:
    aside = set_aside(path, "damaged")
    assert aside is not None
    return (
        f"the journal {path} is damaged ({problems[0]}); it was moved aside to {aside.name}."
        " Nothing was deleted. Restore a backup with `guestd journal restore`, or begin with an"
        " empty one by `guestd journal init`: the guest sessions in the damaged one then end at"
        " the platform by themselves"
    )


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    steps = migrations()
    if version > len(steps):
        raise JournalError(
            f"{path} was written by a newer guestd: its schema version is {version}, this guestd"
            f" knows {len(steps)}"
        )
    if 0 < version < len(steps):
        _copy_before_migration(connection, path, version)
    for number in range(version + 1, len(steps) + 1):
        connection.executescript(
            f"BEGIN IMMEDIATE;\n{steps[number - 1]}\nPRAGMA user_version = {number};"
        )
        if number == SCHEMA_WITH_CHECKSUMS:
            checksum.fill(connection)
        connection.execute("COMMIT")


def _copy_before_migration(connection: sqlite3.Connection, path: Path, version: int) -> None:
    """A copy that was not finished never has the name of one that was."""
    copy = path.with_name(f"{path.name}.before-form-{version + 1}")
    if copy.exists():
        return
    half = copy.with_name(f"{copy.name}.half")
    half.unlink(missing_ok=True)
    try:
        connection.execute("VACUUM INTO ?", (str(half),))
    except sqlite3.Error:
        half.unlink(missing_ok=True)
        raise
    publish(half, copy)


def _translated(error: Exception, path: Path) -> JournalError:
    if is_damage(error):
        return JournalError(_move_aside(path, [str(error)]))
    return JournalError(f"the journal {path} cannot be opened: {in_words(error)}")


def backup(directory: Path, target: Path) -> None:
    """A consistent copy, checked before it gets its name. Raises JournalError."""
    half = target.with_name(f"{target.name}.half")
    half.unlink(missing_ok=True)
    try:
        with closing(open_for_reading(directory)) as reader:
            reader.execute("VACUUM INTO ?", (str(half),))
    except sqlite3.Error as error:
        raise JournalError(f"the journal could not be copied to {target}: {error}") from error
    verify(half)
    publish(half, target)


def counts(connection: sqlite3.Connection) -> dict[str, int]:
    """How much of everything there is; and of each reader of all streams, how many events he has
    not read."""

    def row(name: str) -> tuple[int, ...]:
        found: tuple[int, ...] = connection.execute(queries()[name]).fetchone()
        return found

    living, sessions = row("count_sessions")
    running, operations = row("count_operations")
    waiting, delivered, dead = row("count_deliveries")
    unread = {f"unread_by_{name}": count for name, count in connection.execute(queries()["unread"])}
    return {
        "sessions_living": living,
        "sessions": sessions,
        "events": row("count_events")[0],
        "facts": row("count_facts")[0],
        "commands_unsettled": row("unsettled")[0],
        "operations_running": running,
        "operations": operations,
        "deliveries_waiting": waiting,
        "deliveries_delivered": delivered,
        "deliveries_dead": dead,
        **unread,
        "schema_version": connection.execute("PRAGMA user_version").fetchone()[0],
    }
