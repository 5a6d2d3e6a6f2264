"""The line at the bottom of a terminal, and the lines above it."""

from __future__ import annotations

from guestd.app.status import fitted, line_of
from guestd.observe.status_line import CLEAR, BottomLine


def test_a_line_is_written_above_and_the_status_put_back_below():
    written: list[bytes] = []
    bottom = BottomLine(written.append)
    write = bottom.above(written.append)
    write(b"first\n")
    bottom.show(b"1 live")
    write(b"second\n")
    bottom.show(b"")
    write(b"third\n")
    shown = b"".join(written)
    assert shown == (
        b"first\n" + CLEAR + b"1 live" + CLEAR + b"second\n" + b"1 live" + CLEAR + b"third\n"
    )


def test_nothing_is_taken_away_where_no_status_was():
    written: list[bytes] = []
    BottomLine(written.append).show(b"")
    assert written == []


def test_the_status_fits_80_columns_with_large_figures():
    figures = {"live": 20_000, "resting": 9999, "leaving": 0, "messages_in": 999_999}
    figures |= {"messages_out": 99_999, "reordered": 99, "gaps_filled": 9, "echo_p99_s": 1.0}
    assert len(line_of(figures)) < 80
    assert len(fitted("x" * 200, 80)) == 79
