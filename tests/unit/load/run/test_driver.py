"""How others tell automated guests, and the guests of one process from those of the others."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from guestd.load.run.driver import GuestDriver, own_mark
from guestd.model.ports import OpenGuest


@pytest.mark.parametrize(
    ("workers", "marks"),
    [
        (1, {"IsAutomatedTest": "true", "guestd_run": "r"}),
        (2, {"IsAutomatedTest": "true", "guestd_run": "r", "guestd_run_part": "r-0"}),
    ],
)
def test_guests_are_marked_with_their_run_and_where_it_has_several_their_process(workers, marks):
    host = SimpleNamespace(run_id="r", mark=own_mark("r", 0, workers))
    driver = GuestDriver(guest=None, host=host)
    marked = driver._marked(OpenGuest("ana", attributes={"language": "de"}))
    assert marked.attributes == {**marks, "language": "de"}
