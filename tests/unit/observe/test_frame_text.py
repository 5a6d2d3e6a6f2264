"""No secret is in a frame as others see it, wherever it stood; and the rest is."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guestd.observe.frame_text import TEXT_BYTES_MAX, forms_of, frame_text
from tests.thoroughness import examples

TOKEN = "4f1c9a52-90d4-4b6f-8a0e-7d2b3c4e5f60"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJ0b2tlbiI6ImNhbmFyeSJ9.c2lnbmF0dXJlLWNhbmFyeQ"
SIGNATURE = "q8Zr4canary7Xv2"
SIGNED = f"https://storage.example.org/a/b.png?Policy=p&X-Amz-Signature={SIGNATURE}&Key-Pair-Id=K"
FORMS = forms_of([TOKEN])
CANARIES = (TOKEN, JWT, JWT.rpartition(".")[2], SIGNATURE)

quick = settings(
    deadline=None,
    max_examples=examples(150),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.differing_executors],
)


def assert_clean(found):
    shown = json.dumps(found._asdict(), ensure_ascii=False)
    for canary in CANARIES:
        assert canary not in shown, shown


carriers = st.sampled_from(
    [
        TOKEN,
        JWT,
        SIGNED,
        f"see {SIGNED} for it",
        f"Bearer {JWT}",
        f"x{JWT}",
        f"({SIGNED})",
        f"a {TOKEN}\nb",
        "https%3A%2F%2Fstorage.example.org%2Fb.png%3FX-Amz-Signature%3D" + SIGNATURE,
    ]
)
words = st.text(max_size=12)
values = st.recursive(
    st.one_of(carriers, words, st.integers(-9, 9), st.booleans(), st.none()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(carriers, words), inner, max_size=3),
    ),
    max_leaves=12,
)
frames = st.one_of(
    values,
    st.builds(
        lambda body, code, trace, name: {
            "type": "message",
            "class": name,
            "code": code,
            "tracingId": trace,
            "body": body,
        },
        values,
        st.one_of(st.just(200), carriers),
        carriers,
        st.one_of(st.just("StructuredMessage"), carriers),
    ),
)


@quick
@given(frames, st.booleans())
def test_no_secret_is_in_a_frame_wherever_it_stands(value, escaped):
    frame = json.dumps(value, ensure_ascii=escaped).encode("utf-8", "surrogatepass")
    assert_clean(frame_text(frame, FORMS))


@quick
@given(frames, st.integers(0, 400))
def test_no_secret_is_in_a_frame_that_is_broken(value, cut):
    frame = json.dumps(value).encode()
    whole = {one for one in CANARIES if one.encode() in frame[:cut]}
    found = frame_text(frame[:cut], FORMS)
    assert not [one for one in whole if one in found.text], found.text


@quick
@given(st.binary(max_size=300))
def test_any_bytes_at_all_are_a_frame(frame):
    frame_text(frame, FORMS)


def test_what_is_no_secret_stays():
    frame = {
        "type": "message",
        "class": "StructuredMessage",
        "code": 200,
        "tracingId": "t-1",
        "body": {
            "type": "Text",
            "text": "Where is my parcel?",
            "direction": "Outbound",
            "channel": {"time": "2027-05-31T14:20:07.198Z"},
            "metadata": {"id": "m-1"},
        },
    }
    found = frame_text(json.dumps(frame).encode(), FORMS)
    assert json.loads(found.text) == frame
    assert (found.name, found.code, found.tracing_id, found.marker, found.cut) == (
        "StructuredMessage Text",
        200,
        "t-1",
        "m-1",
        False,
    )


@pytest.mark.parametrize(
    ("frame", "name"),
    [
        ({"action": "configureSession", "token": TOKEN}, "configureSession"),
        ({"action": "onMessage", "message": {"type": "Text", "text": "a"}}, "onMessage Text"),
        (
            {
                "class": "StructuredMessage",
                "body": {"type": "Event", "events": [{"eventType": "Typing"}]},
            },
            "StructuredMessage Typing",
        ),
        (
            {
                "class": "StructuredMessage",
                "body": {"type": "Structured", "content": [{"contentType": "Card"}]},
            },
            "StructuredMessage Card",
        ),
        ({"type": "readReceipt", "sequenceId": "4"}, "readReceipt"),
        ({"class": ["?"], "type": 7}, ""),
        ([1, 2], ""),
    ],
)
def test_a_frame_is_called_by_what_it_is(frame, name):
    assert frame_text(json.dumps(frame).encode(), FORMS).name == name


def test_a_frame_that_is_too_long_is_told_by_its_beginning_alone():
    frame = (
        b'{"type":"message","class":"StructuredMessage","body":{"text":"' + b"a" * TEXT_BYTES_MAX
    )
    found = frame_text(frame, FORMS)
    assert (found.name, found.text, found.cut) == ("StructuredMessage", "", True)


def test_a_number_under_a_secret_name_is_a_count_and_stays():
    frame = {"tokens": 7, "hasToken": True, "token": "abc", "keys": [1], "jwt": ""}
    assert json.loads(frame_text(json.dumps(frame).encode(), FORMS).text) == {
        "tokens": 7,
        "hasToken": True,
        "token": "…",
        "keys": "…",
        "jwt": "",
    }


@pytest.mark.parametrize(
    "dense",
    [
        b"%3a%2f%2f" * 1800,
        b"%3a%2f%2f%3f " * 1200,
        b"a" * 16_000 + b":",
        b"a://" * 4000,
        b"eyJaaaaaaaaaa-" * 1100,
        b"a." * 8000 + b":",
        b"token: " * 2300,
        b"://a:b@" * 2300,
    ],
)
def test_no_text_takes_long_to_clean(dense):
    """Each of these took seconds with an expression that looks again and again at the same place."""
    begun = time.process_time()
    frame_text(json.dumps([dense.decode()]).encode(), FORMS)
    assert time.process_time() - begun < 0.25


def test_a_deeply_nested_frame_is_cut_and_not_an_error():
    frame = b'{"class":"X","a":' + b"[" * 900 + b"]" * 900 + b"}"
    assert len(frame_text(frame, FORMS).text) < 400
