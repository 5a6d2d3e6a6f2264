"""How far the offsets of events have come, whatever single damaged row says something else."""

from __future__ import annotations

import sqlite3

from .checksum import is_sound
from .queries import queries

#: No event has a greater offset: a million a second would take 285 years. A row that has one was
#: damaged, and the next events do not come after it: there would be no room for them.
OFFSET_MAX = 2**53


def newest(connection: sqlite3.Connection) -> int:
    """Of the events that are there, damaged ones included: no offset may be given twice."""
    return int(connection.execute(queries()["newest_offset"], (OFFSET_MAX,)).fetchone()[0])


def last(connection: sqlite3.Connection) -> int:
    """The last offset that was given; the event may be gone. From rows that are sound, or in the
    place of an event."""
    known = [newest(connection)]
    known += [
        row[0] for row in connection.execute(queries()["retired"]).fetchall() if is_sound(row)
    ]
    known += [
        row[1] for row in connection.execute(queries()["cursors"]).fetchall() if is_sound(row)
    ]
    return max(known)
