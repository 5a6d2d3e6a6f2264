"""`guestd journal init | info | check | compact | backup | restore | export`."""

from __future__ import annotations

import json
import os
import shutil
import sys
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer

from ...model.errors import CommandError, ConfigError, JournalError
from ...observe.redaction import bare_url
from ...observe.terminal_text import json_line
from .. import exit_codes
from .files import AsJson, find_journal, guarded

REMEDY = (
    "The daemon starts without what is damaged: a guest session with a damaged row is set aside,"
    " all others come back. To have it back, stop the daemon and bring a backup back with `guestd"
    " journal restore`."
)

app = typer.Typer(
    help="Look into the journal on disk, copy it, bring it back.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

File = Annotated[
    Path | None,
    typer.Option("-c", "--config", help="The configuration that names journal.directory."),
]
Directory = Annotated[
    Path | None, typer.Option("-d", "--directory", help="The journal's directory itself.")
]


def _place(config: Path | None, directory: Path | None) -> Path:
    from ..load_config import configured
    from ..wiring.storage import journal_directory

    place = directory or journal_directory(configured(config, os.environ), os.environ)
    if place is None or not place.is_dir():
        raise ConfigError("journal.directory", f"{place} is not a directory", "name it with -d")
    return place


def _show(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(found))
        return
    width = max(map(len, found))
    for key, value in found.items():
        print(f"{key.ljust(width)}  {value}")


@app.command(epilog="Example:\n\nguestd journal init -d /var/lib/guestd")
def init(config: File = None, directory: Directory = None) -> None:
    """Make an empty journal in a directory that exists. One that is there already is never
    touched."""

    def work() -> None:
        from ...journal import database
        from ...journal.filesystem_check import check_file_system, read
        from ...journal.lock import DirectoryLock

        place = _place(config, directory)
        if (place / database.NAME).exists():
            raise CommandError(f"{place / database.NAME} is there already")
        lock = DirectoryLock(place)
        lock.take()
        try:
            check_file_system(place, read("/proc/self/mountinfo"))
            database.create_or_open(place).close()
        finally:
            lock.release()
        print(f"an empty journal in {place / database.NAME}")

    guarded(work)


@app.command(epilog="Example:\n\nguestd journal info -d /var/lib/guestd --json")
def info(config: File = None, directory: Directory = None, as_json: AsJson = False) -> None:
    """How much is in it. A running daemon is not disturbed."""

    def work() -> None:
        from ...journal import database

        place = find_journal(config, directory)
        reader = database.open_current(place)
        parts = [place / f"{database.NAME}{suffix}" for suffix in ("", "-wal", "-shm")]
        size = sum(part.stat().st_size for part in parts if part.exists())
        _show(
            {"file": str(place / database.NAME), "bytes": size, **database.counts(reader)}, as_json
        )
        reader.close()

    guarded(work, as_json)


@app.command(epilog="Example:\n\nguestd journal check -d /var/lib/guestd")
def check(config: File = None, directory: Directory = None, as_json: AsJson = False) -> None:
    """Read every page and every row and say what is wrong; exit 1 if anything is, 74 if the file
    cannot be read at all."""

    def work() -> None:
        from ...journal import database
        from ...journal.check import full_check

        place = find_journal(config, directory)
        reader = database.open_for_reading(place)
        problems = full_check(reader)
        reader.close()
        if as_json:
            print(json.dumps({"ok": not problems, "problems": problems}))
        elif not problems:
            print("the journal is sound")
        else:
            print("\n".join(problems))
            print(REMEDY)
        if problems:
            raise typer.Exit(exit_codes.DAMAGED)

    guarded(work, as_json)


@app.command(epilog="Example:\n\nguestd journal compact -d /var/lib/guestd")
def compact(config: File = None, directory: Directory = None) -> None:
    """Make the file anew without free space and without traces of what was deleted. Stop the daemon
    first. Takes up to three times the file's room meanwhile."""

    def work() -> None:
        from ...journal import database
        from ...journal.lock import DirectoryLock

        place = find_journal(config, directory)
        path = place / database.NAME
        lock = DirectoryLock(place)
        lock.take()
        try:
            before_bytes = path.stat().st_size
            _compact(place)
            print(f"{path}: {before_bytes} bytes before, {path.stat().st_size} now")
        finally:
            lock.release()

    guarded(work)


def _compact(place: Path) -> None:
    """Raises JournalError."""
    import sqlite3

    from ...journal import database

    try:
        with closing(database.open_for_writing(place, may_create=False)) as connection:
            database.compact(connection)
    except sqlite3.Error as error:
        raise JournalError(
            f"{place / database.NAME} could not be made anew: {error}; nothing was changed"
        ) from error


@app.command(
    epilog="Example:\n\nguestd journal backup -d /var/lib/guestd /backup/guestd-monday.sqlite3"
)
def backup(target: Path, config: File = None, directory: Directory = None) -> None:
    """A consistent copy, checked before it gets its name. A running daemon goes on."""

    def work() -> None:
        from ...journal import database

        place = find_journal(config, directory)
        if target.exists():
            raise CommandError(f"{target} is there already; name another file")
        database.backup(place, target)
        print(f"copied to {target}")

    guarded(work)


@app.command(
    epilog="Example:\n\nguestd journal restore -d /var/lib/guestd /backup/guestd-monday.sqlite3"
)
def restore(source: Path, directory: Directory = None, config: File = None) -> None:
    """Put a backup in the journal's place; what was there is moved aside. Stop the daemon first."""

    def work() -> None:
        from ...journal import database
        from ...journal.lock import DirectoryLock
        from ...runtime.files import publish

        place = _place(config, directory)
        lock = DirectoryLock(place)
        lock.take()
        try:
            database.verify(source)
            aside = database.set_aside(place / database.NAME, "replaced")
            half = place / f"{database.NAME}.half"
            shutil.copyfile(source, half)
            publish(half, place / database.NAME)
            print(
                f"restored from {source}" + (f"; what was there is {aside.name}" if aside else "")
            )
        finally:
            lock.release()

    guarded(work)


@app.command(epilog="Example:\n\nguestd journal export -d /var/lib/guestd > events.jsonl")
def export(config: File = None, directory: Directory = None) -> None:
    """Every event as a JSON line, in the journal's order, with its offset and guest session. Tokens
    are left out, and of links what makes them keys: their query, and of a webhook's all but the
    host."""

    def work() -> None:
        from ...journal import database
        from ...journal.checksum import is_sound_event, lenient_text
        from ...journal.queries import queries

        reader = database.open_for_reading(find_journal(config, directory))
        reader.text_factory = lenient_text
        for *row, session_id, name in reader.execute(queries()["export"]):
            offset, payload = row[0], row[9]
            if not is_sound_event(row) or session_id is None:
                print(
                    f"guestd: the event at offset {offset} is damaged and left out", file=sys.stderr
                )
                continue
            head = json_line({"offset": offset, "session": session_id, "guest": name})
            event = json_line(_without_keys(json.loads(payload)), (",", ":"))
            sys.stdout.write(f"{head[:-1]}, {event[1:]}\n")
        reader.close()

    guarded(work)


def _without_keys(value: Any, name: str = "") -> Any:
    """The same, where links no longer open anything."""
    if isinstance(value, dict):
        return {key: _without_keys(one, key) for key, one in value.items()}
    if isinstance(value, list):
        return [_without_keys(one, name) for one in value]
    if name == "webhook_url":
        return bare_url(value)
    return (
        value.partition("?")[0]
        if name in ("url", "downloadUrl") and isinstance(value, str)
        else value
    )
