"""HTTP-3: whatever a body holds, reading it raises nothing and keeps little."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestd.model.error_body import ITEMS_MAX, TEXT_CHARACTERS_MAX, read_error
from guestd.platform.answers import HttpReply, refusal

NAMES = st.sampled_from(
    [
        "message",
        "code",
        "errors",
        "details",
        "body",
        "error",
        "field",
        "fieldName",
        "errorCode",
        "messageParams",
        "x",
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=30,
)


@given(VALUES)
def test_http_3_no_body_is_too_odd(value):
    read_error(json.dumps(value).encode())


@given(st.binary(max_size=200))
def test_http_3_no_bytes_are_too_odd(raw):
    read_error(raw)


def refused(body, secrets=()):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return refusal(HttpReply(400, {}, raw), secrets=secrets)


def test_http_3_what_is_kept_of_a_body_is_bounded():
    wide = [{"message": f"{n} " + "x" * 1000, "code": "c" * 1000} for n in range(1000)]
    errors = refused({"errors": wide[:30]}).errors
    texts = [text for item in errors for text in (item.message, item.code, item.field)]
    assert (len(errors), max(map(len, texts))) == (ITEMS_MAX + 1, TEXT_CHARACTERS_MAX)


@pytest.mark.parametrize("at", range(270, 301, 5))
def test_audit_1_a_secret_is_taken_out_before_the_text_is_cut(at):
    """Where the cut would go through it, nothing of it is known any more."""
    secret = "TOK-abcdefghij0123456789"
    words = f"{'p' * at}{secret} {'q' * 400}"
    found = refused({"message": words, "errors": [{"code": words, "message": words}]}, (secret,))
    assert "TOK" not in str(found) + repr(found.errors) + found.platform_code


def test_http_3_what_is_left_out_is_told():
    """A text that is cut says how long it was, a list how many errors it leaves out."""
    errors = [{"message": f"{n} is wrong"} for n in range(ITEMS_MAX + 24)]
    found = refused({"message": "x" * 1234, "errors": errors})
    mark = "… (cut, 1234 characters)"
    assert "x" * (TEXT_CHARACTERS_MAX - len(mark)) + mark in str(found)
    assert [str(one) for one in found.errors] == [
        *(f"{n} is wrong" for n in range(ITEMS_MAX)),
        "and 24 more",
    ]


def test_http_3_what_is_nested_deeper_than_anybody_reads_is_left_out():
    deep = {"message": "the deepest"}
    for _ in range(50):
        deep = {"errors": [deep]}
    assert read_error(json.dumps({"message": "the whole", **deep}).encode()).items == ()


def test_http_3_an_error_that_repeats_the_whole_is_told_once():
    body = {
        "message": "Invalid",
        "code": "bad",
        "errors": [{"message": "Invalid", "code": "bad"}, "Invalid"],
    }
    assert read_error(json.dumps(body).encode()).items == ()


def test_http_3_a_table_of_errors_has_the_fields_as_its_names():
    (item,) = read_error(b'{"errors": {"queueId": "is unknown"}}').items
    assert (item.field, item.message) == ("queueId", "is unknown")


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"too many requests, come back later\n", "too many requests, come back later"),
        (b"<html><body>502 Bad Gateway</body></html>", ""),
        (b'{"message": "cut off', ""),
        (b"\xff\xfe\x00", ""),
        (b"x" * 60_000, "x" * 60_000),
    ],
)
def test_http_3_a_sentence_that_is_no_json_is_the_message(raw, message):
    assert read_error(raw).message == message
