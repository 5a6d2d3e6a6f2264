"""The webhooks in a daemon's journal, for `guestd webhooks list | replay`."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from urllib.parse import quote

from ...journal import database
from ...journal.lock import DirectoryLock
from ...journal.reader import Reader
from ...journal.writer import Writer
from ...model.errors import NotFound
from ...model.journal import Commit
from ...model.records import DeliveryRecord
from ...observe.terminal_text import json_line, one_line
from ...webhooks.admin import PAGE, as_new, view


def lines_of(place: Path, status: str, most: int, as_json: bool) -> Iterator[str]:
    """One for each webhook of that status, at most so many."""
    with _reading(place) as journal:
        for record in islice(_all_of(journal, status), most):
            yield _line(record, as_json)


def send_again(place: Path, delivery_id: str | None) -> int:
    """This one, or every dead one, at the daemon's next start; how many. Raises NotFound."""
    lock = DirectoryLock(place)
    path = "replay-dead" if delivery_id is None else f"deliveries/{quote(delivery_id)}/replay"
    lock.take(
        f"it sends them again itself: curl -X POST http://127.0.0.1:3000/v1/webhooks/{path} (with"
        " its address, and -H 'Authorization: Bearer …' where api.token is set); or stop it first"
    )
    try:
        with _reading(place) as journal:
            found = (
                list(_all_of(journal, "dead"))
                if delivery_id is None
                else [_found(journal, delivery_id)]
            )
        _write(place, [as_new(one, time.time_ns() // 1_000_000) for one in found])
        return len(found)
    finally:
        lock.release()


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
