from __future__ import annotations

import pytest

from daemon.app.durations import milliseconds, seconds


@pytest.mark.parametrize(
    ("given", "wanted"), [("30s", 30.0), ("1.5m", 90.0), ("2h", 7200.0), ("250ms", 0.25), (3, 3.0), (2.5, 2.5)]
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
