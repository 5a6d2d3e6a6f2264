"""Rows that are fetched in one step are those that are fetched one by one, to the byte, and only if
all of them are sound."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestd.journal import database, packed
from guestd.journal.checksum import event_checksum, lenient_text
from guestd.journal.queries import queries

TEXTS = st.text(
    st.characters(exclude_categories=["Cs"]) | st.sampled_from("\x00\x7f\"'\\/\n\u2028é"),
    max_size=8,
)
BLOBS = st.binary(max_size=12) | st.just(b'{"text":"\xc3\xa9\\n\xf0\x9f\x99\x82"}')
EVENTS = st.lists(st.tuples(TEXTS, TEXTS | st.none(), BLOBS, BLOBS | st.none()), max_size=8)

ALL = {"after": 0, "end": 1000, "limit": 1000}


@pytest.fixture(scope="module")
def connection(tmp_path_factory):
    found = database.create_or_open(tmp_path_factory.mktemp("journal"))
    found.text_factory = lenient_text
    yield found
    found.close()


def written(connection, events):
    connection.execute("DELETE FROM events")
    for number, (kind, key, payload, intent) in enumerate(events, 1):
        row = (number, 1, number, number - 1, 0, 5, None, kind, key, payload, intent)
        sealed = (*row, event_checksum(row))
        connection.execute(queries()["insert_event"], sealed)


def one_by_one(connection):
    return connection.execute(queries()["read_on"], ALL).fetchall()


@given(events=EVENTS)
def test_they_are_the_rows_that_are_fetched_one_by_one(connection, events):
    written(connection, events)
    assert packed.fetch(connection, "read_on", ALL) == (one_by_one(connection), True)


def test_rows_are_in_the_order_that_is_asked_for(connection):
    written(connection, [("message", f"m{n}", b"%d" % n, None) for n in range(1, 9)])
    found = packed.fetch(connection, "read", {"ids": "[5,7,2,3]"})
    assert [row[0] for row in found.rows] == [5, 7, 2, 3] and found.are_sound


@pytest.mark.parametrize(
    "damage",
    [
        "payload = x'7b7d'",
        "payload = x''",
        "payload = CAST(x'7b22c3a9227d' AS TEXT)",
        "intent = NULL",
        "intent = x''",
        "kind = CAST(x'ff' AS TEXT)",
        "kind = 'm' || char(10)",
        "kind = x'6d'",
        "key = NULL",
        "seq = 7",
        "at_ms = 5.5",
        "checksum = -1",
        "checksum = 'x'",
        "checksum = '1,1'",
    ],
)
def test_a_row_that_is_not_sound_is_left_to_the_caller(connection, damage):
    """The table is STRICT: a type that it does not allow is written as a flipped byte would leave
    it."""
    written(connection, [("message", f"m{n}", b'{"n":%d}' % n, b"{}") for n in range(4)])
    connection.execute("CREATE TEMP TABLE loose AS SELECT * FROM main.events")
    try:
        connection.execute(f"UPDATE temp.loose SET {damage} WHERE id = 2")
        connection.execute("ALTER TABLE temp.loose RENAME TO events")
        found = packed.fetch(connection, "read_on", ALL)
        assert not found.are_sound
        assert found.rows == one_by_one(connection) and len(found.rows) == 4
    finally:
        for table in ("loose", "events"):
            connection.execute(f"DROP TABLE IF EXISTS temp.{table}")
