from __future__ import annotations

import pytest
import typer

from guestd.app.commands.client_options import duration
from guestd.model.durations import milliseconds, seconds


@pytest.mark.parametrize(
    ("given", "wanted"),
    [("30s", 30.0), ("1.5m", 90.0), ("2h", 7200.0), ("250ms", 0.25), (3, 3.0), (2.5, 2.5)],
)
def test_seconds(given, wanted):
    assert seconds(given) == wanted


@pytest.mark.parametrize(("given", "wanted"), [("30s", 30_000.0), ("250ms", 250.0), (100, 100.0)])
def test_milliseconds(given, wanted):
    assert milliseconds(given) == wanted


@pytest.mark.parametrize("given", ["soon", "30 parsecs", "", "s", "--1s", "1e400s", "nan s"])
def test_what_is_no_duration_is_refused(given):
    with pytest.raises(ValueError, match=r".+"):
        seconds(given)


NO_FIGURES = ["²", "٣", "٣s", "9" * 400, "9" * 5000, "9" * 400 + "s", "1.2.3", "-1", "", "soon"]


@pytest.mark.parametrize("given", NO_FIGURES, ids=lambda one: one[:9])
def test_an_option_that_is_neither_a_number_nor_a_duration_is_refused(given):
    with pytest.raises(typer.BadParameter, match="is not a duration; write seconds, or 30s, 5m"):
        duration(given)


@pytest.mark.parametrize(
    ("given", "wanted"), [("30", 30.0), ("0", 0.0), ("2.5", 2.5), ("1h30m", 5400.0)]
)
def test_an_option_is_seconds_or_a_duration(given, wanted):
    assert duration(given) == wanted


@pytest.mark.parametrize("given", [float("inf"), 1e300, 10**400, "1000000000000d"])
def test_a_figure_that_is_no_time_is_refused(given):
    with pytest.raises(ValueError, match="hundred years"):
        seconds(given)
    with pytest.raises(ValueError, match="is no number"):
        seconds(float("nan"))
