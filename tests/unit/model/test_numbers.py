"""Whole numbers in text from outside: ASCII digits, and not too many of them."""

from __future__ import annotations

import pytest

from guestd.model.numbers import port_number, whole_number

NO_NUMBERS = ["", "²", "٣", "1²", "-1", "+1", " 1", "1_0", "1.0", "0x1", "9" * 16, "9" * 5000]


@pytest.mark.parametrize(
    ("given", "wanted"), [("0", 0), ("007", 7), ("9" * 15, 10**15 - 1), (b"101", 101)]
)
def test_digits_are_a_number(given, wanted):
    assert whole_number(given) == wanted


@pytest.mark.parametrize(
    "given", [*NO_NUMBERS, b"\xb2", b"9" * 5000], ids=lambda one: repr(one[:9])
)
def test_anything_else_is_none(given):
    assert whole_number(given) is None


@pytest.mark.parametrize("given", [*NO_NUMBERS, "0", "65536", "000080"], ids=lambda one: one[:9])
def test_a_port_is_a_number_in_its_range(given):
    assert port_number(given) is None
    assert port_number("65535") == 65535
