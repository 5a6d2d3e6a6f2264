"""What a platform's figures may do to us: nothing. Each is within a bound of ours, or counts as not
said."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest

from guestd.model import foreign
from guestd.model import signals as s
from guestd.platform.deployment import deployment_config
from guestd.wire.times import canonical
from guestd.wire.webchat import Webchat
from guestd.wire.webmessaging_decode import decode

ODD: list[Any] = [
    0, -1, 1e9, 1e308, -1e308, 10**15, 10**18, 10**400, "²", "abc", "1e400", "nan", "inf", "-inf", "", True, False, None,
    [], {}, {"nested": {"deep": 1}}, [[1]],
]  # fmt: skip
IDS = [repr(one)[:12] for one in ODD]


def signals_of(frame: dict[str, Any]) -> list[s.Signal]:
    return decode(json.dumps(frame).encode())


def joined(**body: Any) -> Any:
    [signal] = signals_of(
        {"class": "SessionResponse", "code": 200, "body": {"connected": True, **body}}
    )
    return signal


@pytest.mark.parametrize("odd", ODD, ids=IDS)
def test_a_sessions_own_figures(odd):
    found = joined(
        durationSeconds=odd,
        expirationDate=odd,
        maxCustomDataBytes=odd,
        allowedMedia={"inbound": {"maxFileSizeKB": odd, "fileTypes": odd}},
        blockedExtensions=odd,
    )
    if type(found) is s.Garbage:  # what the JSON parser itself refuses
        assert odd == 10**400
        return
    for value, most in (
        (found.duration_s, foreign.SESSION_LIFE_MAX_S),
        (found.expires_at_epoch_s, foreign.EPOCH_MAX_S),
        (found.custom_attribute_bytes_max, foreign.CUSTOM_DATA_BYTES_MAX),
        (found.file_bytes_max, foreign.FILE_KB_MAX * 1024),
    ):
        assert value is None or 0 < value <= most


@pytest.mark.parametrize("odd", ODD, ids=IDS)
def test_a_throttle_and_a_typing(odd):
    for signal in signals_of(
        {"class": "TooManyRequestsErrorMessage", "code": 429, "body": {"retryAfter": odd}}
    ):
        assert type(signal) is s.Garbage or 0.0 <= signal.retry_after_s <= 3600.0
    event = {"eventType": "Typing", "typing": {"type": "On", "duration": odd}}
    frame = {
        "class": "StructuredMessage",
        "body": {"type": "Event", "direction": "Outbound", "events": [event]},
    }
    for signal in signals_of(frame):
        assert type(signal) is s.Garbage or 0 <= signal.duration_ms <= foreign.TYPING_MS_MAX


@pytest.mark.parametrize("odd", ODD, ids=IDS)
def test_a_heartbeats_figures(odd):
    body = {"type": "Text", "metadata": {"durationSeconds": odd, "expirationDate": odd}}
    for signal in signals_of({"class": "StructuredMessage", "type": "response", "body": body}):
        if type(signal) is s.HeartbeatAnswered:
            assert (
                signal.expires_at_epoch_s is None
                or 0 < signal.expires_at_epoch_s <= foreign.EPOCH_MAX_S
            )


def test_a_profile_has_no_more_and_no_longer_rules_than_any_real_one():
    many = [{"type": f"image/{n}"} for n in range(5000)]
    found = joined(
        allowedMedia={"inbound": {"fileTypes": [{"type": "x" * 1000}, *many]}},
        blockedExtensions=["." + "x" * 1000, *(f".x{n}" for n in range(5000))],
    )
    assert len(found.file_types) == len(found.blocked_extensions) == foreign.FILE_RULES_MAX
    assert found.file_types[0] == "image/0" and found.blocked_extensions[0] == ".x0"


@pytest.mark.parametrize(
    "jwt", ["a\r\nX: y", "a b", "ä", "x" * (foreign.JWT_CHARS_MAX + 1), "a\x00b"]
)
def test_a_jwt_that_cannot_stand_in_a_header_is_garbage(jwt):
    [signal] = signals_of({"class": "JwtResponse", "body": {"jwt": jwt, "exp": 1}})
    assert type(signal) is s.Garbage


@pytest.mark.parametrize(
    "time",
    [
        "9999999999T99999999.999Z",  # 21 digits: more than the journal's integers hold
        "zzzz-zz-zzTzz:zz:zz.zzzZ",
        "----------T--------.---Z",
        "²027-05-31T09:15:02.417Z",
        "٢٠٢٧-05-31T09:15:02.417Z",
        "2027/05/31T09:15:02.417Z",
    ],
)
def test_a_time_that_only_looks_like_one_is_none(time):
    assert canonical(time) == ""


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        ("2027-05-31T09:15:02.417Z", "2027-05-31T09:15:02.417Z"),
        ("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"),
        ("9999-12-31T23:59:59-01:00", ""),
        ("0001-01-01T00:00:00+01:00", ""),
        ("0001-01-01T00:00:00Z", ""),
        ("1969-12-31T23:59:59Z", "1969-12-31T23:59:59.000Z"),
        (-1, ""),
        (1e308, ""),
        (None, ""),
        (True, ""),
        ("-0001-01-01", ""),
    ],
)
def test_times_at_the_edges(time, expected):
    assert canonical(time) == expected


@pytest.mark.parametrize("odd", ODD, ids=IDS)
def test_a_deployments_figures(odd):
    upload = {"modes": [{"fileTypes": odd, "maxFileSizeKB": odd}]}
    facts = deployment_config({"messenger": {"fileUpload": upload}})
    assert facts.file_bytes_max is None or 0 < facts.file_bytes_max <= foreign.FILE_KB_MAX * 1024
    assert len(facts.file_types) <= foreign.FILE_RULES_MAX


@pytest.mark.parametrize("odd", ODD, ids=IDS)
def test_a_webchat_sequence_id_is_a_short_text(odd):
    for signal in Webchat().decode(
        json.dumps({"type": "message", "text": "x", "sequenceId": odd}).encode()
    ):
        if type(signal) is s.MessageArrived:
            assert len(signal.sequence) <= 256
            orjson.dumps(signal.sequence)
