"""Which values from outside can be written out again, and where the fault lies in one that
cannot."""

from __future__ import annotations

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestd.model.errors import CommandError
from guestd.model.json_values import (
    check_writable,
    fault_in,
    is_text,
    is_writable,
    loads,
    refusal_of,
)

HALF = "\ud800"


@pytest.mark.parametrize(
    ("value", "path", "reason"),
    [
        (HALF, (), "half a surrogate"),
        ({"a": [1, {"b": f"x{HALF}"}]}, ("a", "1", "b"), "half a surrogate"),
        ({"a": {HALF: 1}}, ("a",), "has a key"),
        ({"order": 2**64}, ("order",), "64-bit range"),
        ({"device": [-(2**63) - 1]}, ("device", "0"), "64-bit range"),
        ({"a": float("inf")}, ("a",), "range of a double"),
        ({"a": float("nan")}, ("a",), "range of a double"),
    ],
)
def test_the_fault_is_named_with_its_place(value, path, reason):
    fault = fault_in(value)
    assert fault is not None and fault.path == path and reason in fault.reason


def test_the_limits_themselves_can_be_written():
    assert (
        fault_in({"most": 2**64 - 1, "least": -(2**63), "large": 1e308, "é": "\U0001f600"}) is None
    )


def test_too_deep_is_named_by_the_field_it_stands_in():
    value = "bottom"
    for _ in range(300):
        value = [value]
    fault = fault_in({"fine": 1, "deep": value})
    assert (
        fault is not None
        and fault.path == ("deep",)
        and "nested deeper than 64 levels" in fault.reason
    )


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a": 1234567890123456789012345}',
        b'{"a": -80241446968629135069}',
        b'{"a": ' + b"9" * 300 + b"}",
    ],
)
def test_an_integer_beyond_64_bits_is_never_read_as_a_rounded_number(raw):
    fault = fault_in(loads(raw))
    assert fault is not None and fault.path == ("a",)


@pytest.mark.parametrize("number", [12345678901234567890, 2**64 - 1, -(2**63), 10**18])
def test_an_integer_of_64_bits_is_read_exactly(number):
    assert loads(b'{"a": %d}' % number) == {"a": number}


def test_digits_in_a_text_are_no_number():
    assert loads(b'{"a": "1234567890123456789012345"}') == {"a": "1234567890123456789012345"}


@pytest.mark.parametrize("raw", [b"1e400", b'"\\ud800"', b"NaN", b"[" * 2000, b"", b"\xff"])
def test_what_is_not_json_is_a_value_error(raw):
    with pytest.raises(ValueError):
        loads(raw)


def test_the_refusal_names_the_field_and_can_itself_be_written():
    refused = refusal_of("attributes", {f"k{HALF}": "v"})
    assert (
        isinstance(refused, CommandError)
        and refused.field == "attributes"
        and is_text(str(refused))
    )
    with pytest.raises(CommandError) as raised:
        check_writable({"name": "ana", "email": f"a{HALF}@example.org"})
    assert raised.value.field == "email"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters()), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(JSON)
def test_writable_means_that_the_same_value_comes_back(value):
    if is_writable(value):
        assert orjson.loads(orjson.dumps(value)) == value
        assert fault_in(value) is None
    else:
        fault = fault_in(value)
        assert fault is not None and is_text(fault.reason)


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_reading_gives_a_value_or_a_value_error(raw):
    try:
        loads(raw)
    except ValueError:
        return
