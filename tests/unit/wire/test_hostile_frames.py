"""Whatever the platform sends, decoding ends in signals that can be journaled: nothing raises,
nothing is out of bounds."""

from __future__ import annotations

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestd.model import signals as s
from guestd.wire.times import canonical
from guestd.wire.webchat import Webchat
from guestd.wire.webmessaging import WebMessaging
from guestd.wire.webmessaging_decode import _READ as CLASSES
from tests.signal_fields import fields_of

DIALECTS = {"webmessaging": WebMessaging("d"), "webchat": Webchat()}


def structured(**body):
    return json.dumps(
        {"class": "StructuredMessage", "body": {"id": "m1", "text": "hello", **body}}
    ).encode()


def chat(**fields_):
    return json.dumps({"type": "message", "text": "hello", "sequenceId": "1", **fields_}).encode()


def nested(levels):
    value = "bottom"
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "content", [nested(65), nested(255), nested(900), [2**64], [{"a": -(2**63) - 1}]]
)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_content_that_cannot_be_passed_on_is_left_out_and_said_once(dialect, content):
    raw = structured(content=content) if dialect == "webmessaging" else chat(attachments=content)
    refused, message = DIALECTS[dialect].decode(raw)
    assert isinstance(refused, s.ContentRefused)
    assert (message.text, message.content) == ("hello", [])


def test_an_entity_of_the_history_keeps_its_text_without_such_content():
    entity = {"id": "m1", "text": "hello", "content": nested(300)}
    refused, message = DIALECTS["webmessaging"].decode_history(entity)
    assert isinstance(refused, s.ContentRefused) and (message.text, message.content) == (
        "hello",
        [],
    )


def test_content_of_64_levels_and_64_bits_is_passed_on():
    content = [nested(62), 2**64 - 1, -(2**63), 1.5]
    (message,) = DIALECTS["webmessaging"].decode(structured(content=content))
    assert message.content == content


@pytest.mark.parametrize("dialect", DIALECTS)
def test_half_a_surrogate_pair_is_garbage_wherever_it_stands(dialect):
    for raw in (b'{"class":"\\ud800"}', b'{"type":"message","text":"\\ud800"}', b'{"\\udfff":1}'):
        assert [type(one) for one in DIALECTS[dialect].decode(raw)] == [s.Garbage]


@pytest.mark.parametrize(
    "time",
    [
        "2027105131T09115102.417Z",
        "zzzz-zz-zzTzz:zz:zz.zzzZ",
        "2027-05-31T09:15:02.4١7Z",
        "1" * 100_000,
        "²",
    ],
)
def test_what_only_looks_like_a_time_is_none(time):
    """A journal keeps the digits of a time as one number: digits in the wrong places would not fit
    into 64 bits."""
    assert canonical(time) == ""


def test_a_long_id_is_kept_as_its_hash_and_still_tells_two_messages_apart():
    for dialect, frame in (("webmessaging", structured), ("webchat", chat)):
        key = "id" if dialect == "webmessaging" else "sequenceId"
        first, second = (
            DIALECTS[dialect].decode(frame(**{key: "x" * 100_000 + end}))[0] for end in "ab"
        )
        assert first.identity != second.identity and len(first.identity) <= 256


def assert_within_bounds(signals):
    for signal in signals:
        for field in fields_of(signal):
            orjson.dumps(getattr(signal, field.name))
        if isinstance(signal, s.MessageArrived):
            assert len(signal.identity) <= 300
            assert signal.time == "" or (len(signal.time) == 24 and signal.time.isascii())


KEYS = [
    "body", "type", "class", "code", "content", "channel", "messageId", "time", "metadata",
    "events", "eventType", "typing", "presence", "duration", "from", "direction", "text", "id", "sequenceId",
    "attachments", "state", "errorCode", "retryAfter", "exp", "jwt", "headers", "allowedMedia",
]  # fmt: skip

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.sampled_from(
        [
            "2027-05-31T09:15:02.417Z",
            "Inbound",
            "Event",
            "Presence",
            "Typing",
            "9" * 40,
            "nan",
            1e300,
        ]
    ),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6)
    ),
    max_leaves=25,
)


@given(
    kind=st.sampled_from(
        [*CLASSES, "message", "typing", "readReceipt", "connect", "error", "other"]
    ),
    fields_=JSON,
)
def test_any_frame_becomes_signals_that_can_be_written(kind, fields_):
    frame = {
        "class": kind,
        "type": kind,
        "body": fields_,
        **(fields_ if isinstance(fields_, dict) else {}),
    }
    for raw in (json.dumps(frame).encode(), json.dumps(fields_).encode()):
        for dialect in DIALECTS.values():
            assert_within_bounds(dialect.decode(raw))
    assert_within_bounds(DIALECTS["webmessaging"].decode_history(fields_))


@given(st.binary())
def test_any_bytes_become_signals(raw):
    for dialect in DIALECTS.values():
        assert_within_bounds(dialect.decode(raw))
