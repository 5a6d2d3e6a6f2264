"""HTTP-1: what a Retry-After header may ask for, and what it may not."""

from __future__ import annotations

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestd.policy.retry_after import retry_after_s

CAP_S = 60.0
NOW_S = 1_700_000_000.0
DATE = formatdate(NOW_S, usegmt=True)


def at(offset_s: float) -> str:
    return formatdate(NOW_S + offset_s, usegmt=True)


@pytest.mark.parametrize(
    ("header", "date_header", "now_epoch_s", "expected"),
    [
        (None, DATE, NOW_S, None),
        ("7", None, None, 7.0),
        (" 7\t", None, None, 7.0),
        ("0", None, None, 0.0),
        ("60", None, None, 60.0),
        ("61", None, None, CAP_S),
        ("86400", None, None, CAP_S),
        ("1000000000", None, None, CAP_S),
        ("9" * 5000, None, None, CAP_S),
        (at(30), DATE, None, 30.0),
        (at(30), DATE, NOW_S - 86_400, 30.0),  # our clock is a day behind; the server's own counts
        (at(-86_400), DATE, None, 0.0),
        (at(200_000_000), DATE, None, CAP_S),
        ("Fri, 31 Dec 9999 23:59:59 GMT", DATE, None, CAP_S),
        ("Mon, 01 Jan 0001 00:00:00 GMT", DATE, None, 0.0),
        (at(30), None, NOW_S, 30.0),
        (at(30), "yesterday", NOW_S, 30.0),
        (at(30), None, None, None),
        (at(30).replace("GMT", "-0000"), DATE, None, 30.0),
        ("soon", DATE, NOW_S, None),
        ("-3", DATE, NOW_S, None),
        ("+3", DATE, NOW_S, None),
        ("1.5", DATE, NOW_S, None),
        ("1e3", DATE, NOW_S, None),
        ("1e308", DATE, NOW_S, None),
        ("inf", DATE, NOW_S, None),
        ("NaN", DATE, NOW_S, None),
        ("1_000", DATE, NOW_S, None),
        ("²", DATE, NOW_S, None),
        ("٣", DATE, NOW_S, None),
        ("\u00a07", DATE, NOW_S, None),
        ("true", DATE, NOW_S, None),
        ("null", DATE, NOW_S, None),
        ("", DATE, NOW_S, None),
        ("7, 8", DATE, NOW_S, None),
        ("Mon, 01 Jan 2024 00:00:00 +9999", DATE, NOW_S, None),
        ("x" * 30_000, DATE, NOW_S, None),
    ],
    ids=lambda value: ascii(value)[:24],
)
def test_http_1_retry_after_is_read_strictly_and_bounded(
    header, date_header, now_epoch_s, expected
):
    assert retry_after_s(header, date_header, now_epoch_s, CAP_S) == expected


@given(st.text(max_size=80), st.none() | st.text(max_size=80), st.none() | st.floats(0.0, 1e11))
def test_http_1_no_retry_after_does_harm(header, date_header, now_epoch_s):
    found = retry_after_s(header, date_header, now_epoch_s, CAP_S)
    assert found is None or 0.0 <= found <= CAP_S
