"""The checksum of a row: every column counts, and so does every type."""

from __future__ import annotations

import pytest

from guestd.journal.checksum import (
    UNREADABLE,
    event_checksum,
    is_sound,
    renewed,
    row_checksum,
    sealed,
)

EVENT = (
    7,
    3,
    2,
    5,
    0,
    1000,
    20270531091502417,
    "message",
    "m1",
    b'{"seq":2}',
    b'{"action":"send"}',
)


def test_the_quick_way_for_events_gives_the_same():
    for row in (EVENT, (*EVENT[:10], None), (*EVENT[:8], None, b"", b"")):
        assert event_checksum(row) == row_checksum(row)


def test_it_is_the_same_for_ever():
    assert row_checksum(EVENT) == 2683722393


@pytest.mark.parametrize("column", range(len(EVENT)))
def test_every_column_counts(column):
    old = EVENT[column]
    other = {int: lambda: old + 1, str: lambda: old + "x", bytes: lambda: old[:-1] + b"?"}[
        type(old)
    ]()
    for value in (other, None, str(old)):
        changed = (*EVENT[:column], value, *EVENT[column + 1 :])
        if value != old:
            assert event_checksum(changed) != event_checksum(EVENT), value


def test_where_one_blob_ends_and_the_next_begins_counts():
    assert row_checksum((b"ab", b"c")) != row_checksum((b"a", b"bc"))


def test_text_that_is_no_utf_8_is_never_sound():
    row = ("a\udc80",)
    assert row_checksum(row) == UNREADABLE and not is_sound((*row, UNREADABLE))


def test_a_row_that_was_damaged_stays_damaged_when_it_is_changed():
    sound, damaged = sealed((1, "a")), (1, "b", 12345)
    assert is_sound((2, "a", renewed(sound, (2, "a"))))
    assert not is_sound((2, "b", renewed(damaged, (2, "b"))))
