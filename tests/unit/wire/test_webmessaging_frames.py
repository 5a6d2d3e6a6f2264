"""What frames of the webmessaging dialect mean, whatever they are."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guestd.model import signals as s
from guestd.wire.webmessaging import WebMessaging
from tests.thoroughness import examples

DIALECT = WebMessaging("dep-1", "app/1")


def frame(name, body, code=200, kind="message", trace=None):
    made = {"type": kind, "class": name, "code": code, "body": body}
    if trace:
        made["tracingId"] = trace
    return json.dumps(made).encode()


def read(*args, **more):
    return DIALECT.decode(frame(*args, **more))


class TestFrames:
    def test_session_response(self):
        body = {
            "connected": True,
            "newSession": True,
            "readOnly": True,
            "clearedExistingSession": True,
            "allowedMedia": {"inbound": {"fileTypes": [{"type": "image/*"}], "maxFileSizeKB": 10}},
            "blockedExtensions": [".exe"],
            "maxCustomDataBytes": 2048,
            "durationSeconds": 259200,
            "expirationDate": 1806000000,
        }
        (joined,) = read("SessionResponse", body, kind="response", trace="t")
        assert joined == s.Joined(
            True, True, True, 259200.0, 1806000000.0, 2048, 10240, ("image/*",), (".exe",), "t"
        )

    def test_the_smallest_session_response_and_the_goodbye(self):
        assert read("SessionResponse", {"connected": True, "newSession": True})[0].new_session
        assert read("SessionResponse", {"connected": False, "readOnly": True}, trace="t") == [
            s.Left("t")
        ]

    def test_a_guest_echo(self):
        body = {
            "id": "a0f3",
            "type": "Text",
            "text": "Hi",
            "direction": "Inbound",
            "channel": {
                "time": "2027-05-31T09:15:02.417Z",
                "messageId": "e7c9",
                "from": {},
                "to": {},
            },
            "metadata": {"id": "mark", "correlationId": "c"},
        }
        (message,) = read("StructuredMessage", body, trace="t1")
        assert (message.identity, message.message_id, message.direction) == (
            "e7c9",
            "a0f3",
            "Inbound",
        )
        assert (message.tracing_id, message.marker, message.time) == (
            "t1",
            "mark",
            "2027-05-31T09:15:02.417Z",
        )

    def test_an_agents_message_and_its_twin_in_history(self):
        body = {
            "id": "b81d",
            "type": "Structured",
            "text": "Pick",
            "direction": "Outbound",
            "channel": {"time": "2027-05-31T09:15:07.003Z", "from": {"nickname": "Leo"}},
            "content": [{"contentType": "QuickReply", "quickReply": {"text": "A", "payload": "a"}}],
            "originatingEntity": "Bot",
        }
        (live,) = read("StructuredMessage", body)
        (old,) = DIALECT.decode_history(body)
        assert live == old
        assert (live.identity, live.sender, live.bot, len(live.content)) == ("b81d", "Leo", True, 1)

    def test_health_check_with_numbers_as_strings(self):
        body = {
            "type": "Text",
            "text": "ping",
            "metadata": {"durationSeconds": "259200", "expirationDate": "1806000000"},
        }
        assert read("StructuredMessage", body, kind="response") == [
            s.HeartbeatAnswered(259200.0, 1806000000.0)
        ]

    def test_several_events_in_one_frame(self):
        body = {
            "id": "e",
            "type": "Event",
            "direction": "Outbound",
            "channel": {"time": "2027-05-31T09:40:00.250Z"},
            "events": [
                {"eventType": "Typing", "typing": {"type": "On", "duration": 3000}},
                {"eventType": "Presence", "presence": {"type": "Disconnect"}},
                {"eventType": "Reactions"},
            ],
            "metadata": {"readOnly": "true"},
        }
        typing, presence, unknown = read("StructuredMessage", body)
        assert typing == s.TypingShown(True, 3000, "Outbound", "On")
        assert (presence.presence, presence.read_only, presence.identity) == (
            "Disconnect",
            True,
            "e#1",
        )
        assert isinstance(unknown, s.Unknown)

    @pytest.mark.parametrize(
        ("name", "body", "signal"),
        [
            ("ConnectionClosedEvent", {}, s.ConnectionClosed("")),
            ("ConnectionClosedEvent", {"reasonCode": "signedIn"}, s.ConnectionClosed("signedIn")),
            ("SessionClearedEvent", {}, s.SessionCleared()),
            ("SessionExpiredEvent", {}, s.SessionExpired()),
            ("LogoutEvent", {}, s.LoggedOut()),
            ("JwtResponse", {"jwt": "j", "exp": 5}, s.JwtGranted("j", 5.0)),
            (
                "PresignedUrlResponse",
                {"attachmentId": "a", "url": "u", "headers": {"h": "v"}, "fileSize": 3},
                s.SlotGranted("a", "u", {"h": "v"}, "", 3, "", ""),
            ),
            (
                "UploadSuccessEvent",
                {"attachmentId": "a", "downloadUrl": "d", "timestamp": "2027-05-31T09:20:11.000Z"},
                s.UploadSucceeded("a", "d", "2027-05-31T09:20:11.000Z"),
            ),
        ],
    )
    def test_every_other_class(self, name, body, signal):
        assert read(name, body) == [signal]

    @pytest.mark.parametrize(
        ("name", "body"),
        [
            ("ResumeTokenResponse", {"resumeToken": "r", "exp": 5}),
            ("AttachmentDeletedResponse", {"attachmentId": "a"}),
            ("GetConfigurationResponse", {"maxCustomDataBytes": 9, "messageRoutingEnabled": True}),
        ],
    )
    def test_a_class_that_is_known_and_not_needed_is_no_signal(self, name, body):
        assert read(name, body) == []

    @pytest.mark.parametrize("code", [4000, 4001, 4002, 4003, 4004, 4005, 4102])
    def test_upload_errors(self, code):
        body = {"attachmentId": "a", "errorCode": code, "errorMessage": "no"}
        assert read("GenerateUrlError", body, code=400)[0] == s.SlotRefused("a", code, "no", "")
        assert read("UploadFailureEvent", body)[0].code == code

    @pytest.mark.parametrize(
        "code",
        [
            400,
            401,
            403,
            404,
            409,
            500,
            503,
            4007,
            4008,
            4009,
            4010,
            4011,
            4013,
            4017,
            4020,
            5000,
            4012,
        ],
    )
    def test_string_errors_keep_their_code(self, code):
        assert read("string", "text", code=code, kind="response", trace="t") == [
            s.Refused(code, "text", "t")
        ]

    def test_expiry_and_throttling_have_their_own_words(self):
        assert read("string", "gone", code=4006) == [s.SessionExpired()]
        assert read("string", "slow down", code=429, trace="t") == [
            s.Throttled(1.0, "slow down", "t")
        ]
        body = {"retryAfter": 3, "errorCode": 4029, "errorMessage": "too fast"}
        assert read("TooManyRequestsErrorMessage", body, code=429, trace="t") == [
            s.Throttled(3.0, "too fast", "t")
        ]

    def test_unknown_classes_are_not_fatal_and_unknown_errors_are_errors(self):
        assert read("BrandNew", {}) == [s.Unknown("BrandNew")]
        assert read("BrandNew", "bad", code=418) == [s.Refused(418, "bad", "")]

    @pytest.mark.parametrize(
        "raw", [b"", b"{", b"[]", b"1", b"null", b"\xff", b"[" * 100_000 + b"]" * 100_000, b"{}"]
    )
    def test_garbage_is_garbage(self, raw):
        (garbage,) = DIALECT.decode(raw)
        assert isinstance(garbage, s.Garbage)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False)
    | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


CLASSES = st.sampled_from(
    [
        "StructuredMessage",
        "SessionResponse",
        "JwtResponse",
        "PresignedUrlResponse",
        "GenerateUrlError",
        "TooManyRequestsErrorMessage",
        "string",
        "ConnectionClosedEvent",
        "GetConfigurationResponse",
        "UploadFailureEvent",
        "Error",
        "ErrorMessage",
        "Nonsense",
    ]
)


KEYS = st.sampled_from(
    [
        "id",
        "type",
        "text",
        "direction",
        "channel",
        "events",
        "content",
        "metadata",
        "connected",
        "retryAfter",
        "jwt",
        "code",
    ]
)


@settings(max_examples=examples(400))
@given(CLASSES | JSON, JSON | st.dictionaries(KEYS, JSON), JSON, JSON)
def test_any_json_is_read_without_an_exception(name, body, code, kind):
    raw = json.dumps({"class": name, "body": body, "code": code, "type": kind}).encode()
    assert all(isinstance(one, s.Signal) for one in DIALECT.decode(raw))
    assert all(
        isinstance(one, s.MessageArrived | s.ContentRefused) for one in DIALECT.decode_history(body)
    )


@settings(max_examples=examples(300))
@given(st.binary(max_size=64))
def test_any_bytes_are_read_without_an_exception(raw):
    assert DIALECT.decode(raw)


def test_a_receipt_is_no_message_and_keeps_its_status():
    body = {
        "id": "1",
        "type": "Receipt",
        "status": "Read",
        "direction": "Outbound",
        "channel": {"messageId": "m"},
    }
    frame = {"type": "message", "class": "StructuredMessage", "code": 200, "body": body}
    assert DIALECT.decode(json.dumps(frame).encode()) == [s.ReceiptArrived("1", "Read")]
