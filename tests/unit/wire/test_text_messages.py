"""The short way of a plain text gives what the tolerant way gives, or stands aside."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestd.model.signals import MessageArrived
from guestd.wire.text_messages import text_message
from guestd.wire.webmessaging_decode import decode, decode_any

WHOLE = {
    "type": "message",
    "class": "StructuredMessage",
    "code": 200,
    "tracingId": "t1",
    "body": {
        "id": "m1",
        "type": "Text",
        "text": "Your parcel left the depot.",
        "direction": "Outbound",
        "channel": {
            "time": "2027-05-31T09:15:02.417Z",
            "messageId": "c1",
            "type": "Private",
            "from": {"nickname": "Leo", "image": "https://example.org/leo.png"},
            "to": {},
        },
        "originatingEntity": "Bot",
        "metadata": {"correlationId": "0d9c1f7e"},
    },
}
PLACES = [
    (),
    ("type",),
    ("class",),
    ("code",),
    ("tracingId",),
    ("body",),
    ("body", "id"),
    ("body", "type"),
    ("body", "text"),
    ("body", "direction"),
    ("body", "channel"),
    ("body", "channel", "time"),
    ("body", "channel", "messageId"),
    ("body", "channel", "from"),
    ("body", "channel", "from", "nickname"),
    ("body", "originatingEntity"),
    ("body", "content"),
    ("body", "metadata"),
    ("body", "metadata", "id"),
    ("body", "metadata", "customMessageId"),
    ("body", "events"),
]
ODD = [
    None,
    True,
    0,
    200,
    400,
    1.5,
    "",
    "Inbound",
    "Structured",
    "x" * 300,
    [],
    ["a"],
    {},
    {"a": 1},
]
GONE = "gone"


ECHO = orjson.loads(orjson.dumps(WHOLE))
ECHO["body"] |= {
    "direction": "Inbound",
    "originatingEntity": "Human",
    "metadata": {"id": "k1", "customMessageId": "k2", "correlationId": "0d9c1f7e"},
}
ECHO["body"]["channel"]["from"] = {}


def changed(place, value, whole=WHOLE):
    frame = orjson.loads(orjson.dumps(whole))
    if not place:
        return frame if value == GONE else value
    inner = frame
    for key in place[:-1]:
        inner = inner[key]
    if value == GONE:
        inner.pop(place[-1], None)
    else:
        inner[place[-1]] = value
    return frame


def test_a_plain_text_takes_it():
    message = text_message(orjson.dumps(WHOLE))
    assert message == MessageArrived(
        "c1",
        "Outbound",
        "Text",
        "Your parcel left the depot.",
        "2027-05-31T09:15:02.417Z",
        message_id="m1",
        tracing_id="t1",
        sender="Leo",
        bot=True,
    )


@pytest.mark.parametrize(
    ("metadata", "marker"),
    [
        ({"id": "k1", "customMessageId": "k2"}, "k1"),
        ({"customMessageId": "k2"}, "k2"),
        ({"id": "", "customMessageId": "k2"}, "k2"),
        ({}, ""),
        (None, ""),
    ],
)
def test_an_echo_takes_it_with_its_marker(metadata, marker):
    message = text_message(orjson.dumps(changed(("body", "metadata"), metadata, ECHO)))
    assert message == MessageArrived(
        "c1",
        "Inbound",
        "Text",
        "Your parcel left the depot.",
        "2027-05-31T09:15:02.417Z",
        message_id="m1",
        tracing_id="t1",
        marker=marker,
    )


@pytest.mark.parametrize("whole", [WHOLE, ECHO], ids=["other side", "echo"])
@pytest.mark.parametrize("value", [GONE, *ODD], ids=repr)
@pytest.mark.parametrize("place", PLACES, ids=".".join)
def test_with_any_field_odd_or_missing_both_ways_agree(place, value, whole):
    frame = orjson.dumps(changed(place, value, whole))
    assert decode(frame) == decode_any(frame)


@pytest.mark.parametrize("place", [("body", "content"), ("body", "direction"), ("body", "type")])
def test_what_says_more_than_a_text_stands_aside(place):
    more = {"content": [], "direction": "Sideways", "type": "Event"}[place[-1]]
    assert text_message(orjson.dumps(changed(place, more))) is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text() | st.floats(-1e9, 1e9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.sampled_from([WHOLE, ECHO]),
    st.lists(st.tuples(st.sampled_from(PLACES[1:]), json_values), max_size=3),
    st.text(),
)
def test_whatever_the_fields_hold_both_ways_agree(whole, changes, said):
    frame = changed(("body", "text"), said, whole)
    for place, value in changes:
        inner = frame
        for key in place[:-1]:
            inner = inner.get(key) if isinstance(inner, dict) else None
        if isinstance(inner, dict):
            inner[place[-1]] = value
    raw = orjson.dumps(frame)
    assert decode(raw) == decode_any(raw)


@given(st.binary(max_size=40), st.integers(0, 400))
def test_broken_bytes_never_raise(junk, at):
    whole = orjson.dumps(WHOLE)
    decode(whole[:at] + junk + whole[at:])
    decode(whole[:at] + junk)


@pytest.mark.parametrize("depth", [100, 5000, 200_000])
def test_depth_never_raises(depth):
    frame = orjson.dumps(WHOLE)[:-1] + b',"x":' + b"[" * depth + b"]" * depth + b"}"
    decode(frame)
