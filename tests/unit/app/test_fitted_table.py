"""A table on a terminal: a name and an id are whole, so that they can be copied."""

from __future__ import annotations

import pytest
from rich.console import Console

from guestd.app.commands.fitted_table import FittedTable
from guestd.app.commands.sessions import COLUMNS, ENDED_COLUMNS, ENDED_MAY_GO, MAY_GO
from guestd.app.commands.top import COLUMNS as TOP_COLUMNS
from guestd.app.commands.top import MAY_GO as TOP_MAY_GO

NAME, ID = "guest-191bed26d9c1a0b2", "34ca37ed63c2f5aa"
LIVING = (NAME, "resting", 1234, ID, "23h 59m", "23h 59m", "59m 59s")
ENDED = (NAME, "ended", 1234, ID, "2026-11-29 12:00:00", "23h 59m", "59m 59s")


def shown(columns, row, may_go, width):
    console = Console(width=width, height=24, force_terminal=False)
    with console.capture() as capture:
        console.print(FittedTable(columns, [row], may_go))
    return capture.get()


@pytest.mark.parametrize("width", [50, 80])
@pytest.mark.parametrize(
    ("columns", "row", "may_go"),
    [(COLUMNS, LIVING, MAY_GO), (ENDED_COLUMNS, ENDED, ENDED_MAY_GO)],
    ids=["living", "ended"],
)
def test_other_columns_go_before_a_name_or_an_id_is_cut(columns, row, may_go, width):
    lines = shown(columns, row, may_go, width).splitlines()
    assert len(lines) == 2 and all(len(line) <= width for line in lines)
    assert NAME in lines[1] and ID in lines[1]


def test_a_wide_terminal_shows_all_of_them():
    assert all(one in shown(COLUMNS, LIVING, MAY_GO, 120) for one in COLUMNS)


def test_what_still_fits_stays():
    row = ("n" * 60, "live", "5m", "24m", "-", 7)
    head, line = shown(TOP_COLUMNS, row, TOP_MAY_GO, 80).splitlines()
    assert head.split() == ["guest", "state", "age", "events"]
    assert line.split() == ["n" * 60, "live", "5m", "7"]


def test_what_does_not_fit_even_so_goes_on_in_the_next_line():
    text = "".join(shown(("name", "state"), ("n" * 60, "live"), (), 30).split()[2:])
    assert text.count("n") == 60 and "…" not in text
