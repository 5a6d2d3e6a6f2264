"""How long a guest session of the journal still lives, whatever the wall clock did meanwhile
(SESS-2)."""

from __future__ import annotations

import pytest

from guestd.model.journal import SessionRecord
from guestd.supervisor.records import remaining_s

MINUTE_MS = 60_000
OPENED_MS = 1_000_000_000


@pytest.mark.parametrize(
    ("passed_minutes", "remaining_minutes"),
    [(0, 45), (10, 35), (45, 0), (600, 0), (-60, 45), (-1_000_000, 45)],
)
def test_it_is_never_more_than_was_agreed(passed_minutes, remaining_minutes):
    record = SessionRecord("g1", "ana", "token", "", {}, {}, OPENED_MS, OPENED_MS + 45 * MINUTE_MS)
    assert remaining_s(record, OPENED_MS + passed_minutes * MINUTE_MS) == remaining_minutes * 60
