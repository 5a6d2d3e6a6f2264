"""`guestd webhooks list | replay | verify`."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from ...journal import database
from ...journal.lock import DirectoryLock
from ...journal.reader import Reader
from ...journal.writer import Writer
from ...model.errors import CommandError, ConfigError, NotFound
from ...model.journal import Commit
from ...model.records import DeliveryRecord
from ...observe.terminal_text import json_line, one_line
from ...webhooks.admin import PAGE, as_new, view
from ...webhooks.signing import problem_with
from ..secret_files import read_secret
from .files import AsJson, File, find_journal, guarded

app = typer.Typer(
    help="Look at webhooks, send dead letters again, check a signature.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

Directory = Annotated[
    Path | None, typer.Option("-d", "--directory", help="The journal's directory itself.")
]


@app.command("list", epilog="Example:\n\nguestd webhooks list --dead -d /var/lib/guestd --json")
def list_(
    config: File = None,
    directory: Directory = None,
    dead: Annotated[bool, typer.Option("--dead", help="Those that were given up.")] = False,
    waiting: Annotated[
        bool, typer.Option("--waiting", help="Those not delivered yet (the default).")
    ] = False,
    delivered: Annotated[bool, typer.Option("--delivered", help="Those delivered lately.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 1000,
    as_json: AsJson = False,
) -> None:
    """What waits, what was given up and why. A running daemon is not disturbed."""

    def work() -> None:
        wanted = [
            word
            for word, is_on in (("waiting", waiting), ("dead", dead), ("delivered", delivered))
            if is_on
        ]
        with _reading(find_journal(config, directory)) as journal:
            for status in wanted or ["waiting"]:
                for record in islice(_all_of(journal, status), limit):
                    print(_line(record, as_json))

    guarded(work, as_json)


@app.command(
    epilog=(
        "Examples:\n\nguestd webhooks replay 000000000042-9f3a1c2b77de-crm\n\nguestd webhooks"
        " replay --all-dead"
    )
)
def replay(
    delivery_id: Annotated[
        str | None, typer.Argument(help="A webhook that is dead or delivered.")
    ] = None,
    config: File = None,
    directory: Directory = None,
    all_dead: Annotated[bool, typer.Option("--all-dead", help="Every dead letter.")] = False,
) -> None:
    """Send webhooks again, with the same id, at the daemon's next start. The daemon must be
    stopped: it owns the journal."""

    def work() -> None:
        if (delivery_id is None) != all_dead:
            raise CommandError("name one webhook, or write --all-dead")
        place = find_journal(config, directory)
        lock = DirectoryLock(place)
        lock.take()
        try:
            with _reading(place) as journal:
                found = (
                    list(_all_of(journal, "dead"))
                    if delivery_id is None
                    else [_found(journal, delivery_id)]
                )
            _write(place, [as_new(one, time.time_ns() // 1_000_000) for one in found])
            print(f"{len(found)} webhooks wait again")
        finally:
            lock.release()

    guarded(work)


@app.command(
    epilog=(
        "Example:\n\nguestd webhooks verify --secret-file crm.secret --signature"
        " 't=1767225600,v1=5f2b…' < body.json"
    )
)
def verify(
    secret_file: Annotated[Path, typer.Option(help="The file with the secret shared with guestd.")],
    signature: Annotated[str, typer.Option(help="The value of the Guestd-Signature header.")],
    max_age_s: Annotated[
        float, typer.Option(help="How far its time may be from now, in seconds.")
    ] = 300.0,
) -> None:
    """Check a received webhook, its body on standard input byte for byte: exit 0 if guestd sent it,
    1 if not, and why."""

    def work() -> None:
        body = sys.stdin.buffer.read()
        secret = _secret(secret_file)
        problem = problem_with(signature, body, secret, time.time(), max_age_s)
        print(problem or "the signature is good")
        if problem:
            raise typer.Exit(1)

    guarded(work)


def _secret(path: Path) -> bytes:
    """Raises ConfigError."""
    try:
        return read_secret(path, may_be_pipe=True)
    except OSError as error:
        problem = f"{path} cannot be read: {error.strerror or error}"
        raise ConfigError("--secret-file", problem, "name the file with the secret") from None


@contextmanager
def _reading(place: Path) -> Iterator[Reader]:
    reader = Reader(database.open_current(place))
    try:
        yield reader
    finally:
        reader.close()


def _all_of(journal: Reader, status: str) -> Iterator[DeliveryRecord]:
    """Page by page, in the order of their making."""
    after_id = ""
    while page := journal.deliveries(status, after_id, PAGE):
        yield from page
        after_id = page[-1].delivery_id


def _found(journal: Reader, delivery_id: str) -> DeliveryRecord:
    record = journal.delivery(delivery_id)
    if record is not None and record.status != "waiting":
        return record
    raise NotFound(
        f"there is no webhook {delivery_id} that is dead or delivered; see guestd webhooks list"
        " --dead"
    )


def _write(place: Path, records: Sequence[DeliveryRecord]) -> None:
    connection = database.open_for_writing(place)
    try:
        writer = Writer(connection)
        for start in range(0, len(records), PAGE):
            writer.write([Commit(deliveries=list(records[start : start + PAGE]))])
        writer.checkpoint()
    finally:
        connection.close()


def _line(record: DeliveryRecord, as_json: bool) -> str:
    seen = view(record)
    if as_json:
        return json_line({name: getattr(seen, name) for name in seen.__dataclass_fields__})
    made = datetime.fromtimestamp(seen.created_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    tries = f"{seen.attempts} tries" if seen.attempts != 1 else "1 try"
    reason = f": {seen.reason}" if seen.reason else ""
    return one_line(
        f"{seen.delivery_id}  {made}  {seen.status:9}  {seen.target}  {seen.event}  {seen.lane} "
        f" {tries}{reason}"
    )
