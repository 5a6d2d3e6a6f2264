"""The webmessaging dialect: every request as the reference writes it, every frame as it means, and
nothing ever raises."""

from __future__ import annotations

import json
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestd.model import client_messages as m
from guestd.model.errors import CommandError
from guestd.model.ids import Guest
from guestd.wire.times import canonical
from guestd.wire.webmessaging import WebMessaging

DIALECT = WebMessaging("dep-1", "app/1")


GUEST = Guest("g1", "ana", "tok")


def said(request):
    return json.loads(DIALECT.encode(GUEST, request))


def test_url():
    assert (
        DIALECT.url("wss://webmessaging.x.test/")
        == "wss://webmessaging.x.test/v1?deploymentId=dep-1&application=app%2F1"
    )


class TestRequests:
    @pytest.mark.parametrize(
        ("request_", "expected"),
        [
            (
                m.Hello("t1"),
                {
                    "action": "configureSession",
                    "token": "tok",
                    "deploymentId": "dep-1",
                    "startNew": False,
                    "tracingId": "t1",
                },
            ),
            (
                m.SayText("hi", "t1", marker="m1", attributes={"a": "b"}, attachment_ids=("f1",)),
                {
                    "action": "onMessage",
                    "token": "tok",
                    "tracingId": "t1",
                    "message": {
                        "type": "Text",
                        "text": "hi",
                        "content": [{"contentType": "Attachment", "attachment": {"id": "f1"}}],
                        "metadata": {"id": "m1"},
                        "channel": {"metadata": {"customAttributes": {"a": "b"}}},
                    },
                },
            ),
            (
                m.SayReply("QuickReply", (("Track", "TRACK"),), "t1"),
                {
                    "action": "onMessage",
                    "token": "tok",
                    "tracingId": "t1",
                    "message": {
                        "type": "Structured",
                        "text": "Track",
                        "content": [
                            {
                                "contentType": "ButtonResponse",
                                "buttonResponse": {
                                    "type": "QuickReply",
                                    "text": "Track",
                                    "payload": "TRACK",
                                },
                            }
                        ],
                    },
                },
            ),
            (
                m.SayReply(
                    "DatePicker",
                    (("2 June", "2027-06-02T10:30:00.000Z"),),
                    "t1",
                    originating_message_id="o1",
                ),
                {
                    "action": "onMessage",
                    "token": "tok",
                    "tracingId": "t1",
                    "message": {
                        "type": "Structured",
                        "content": [
                            {
                                "contentType": "ButtonResponse",
                                "buttonResponse": {
                                    "type": "DatePicker",
                                    "text": "2 June",
                                    "payload": "2027-06-02T10:30:00.000Z",
                                    "originatingMessageId": "o1",
                                },
                            }
                        ],
                        "metadata": {"parentMessageId": "o1"},
                    },
                },
            ),
            (
                m.ShowTyping("t1"),
                {
                    "action": "onMessage",
                    "token": "tok",
                    "tracingId": "t1",
                    "message": {
                        "type": "Event",
                        "events": [{"eventType": "Typing", "typing": {"type": "On"}}],
                    },
                },
            ),
            (
                m.Join("t1", attributes={"page": "/help"}),
                {
                    "action": "onMessage",
                    "token": "tok",
                    "tracingId": "t1",
                    "message": {
                        "type": "Event",
                        "events": [{"eventType": "Presence", "presence": {"type": "Join"}}],
                        "channel": {"metadata": {"customAttributes": {"page": "/help"}}},
                    },
                },
            ),
            (
                m.CloseSession("t1"),
                {
                    "action": "closeSession",
                    "token": "tok",
                    "closeAllConnections": True,
                    "tracingId": "t1",
                },
            ),
            (
                m.Beat(),
                {
                    "action": "echo",
                    "token": "tok",
                    "message": {"type": "Text", "text": "ping"},
                    "tracingId": "SGVhbHRoQ2hlY2tNZXNzYWdlSWQ=",
                },
            ),
            (m.AskJwt("t1"), {"action": "getJwt", "token": "tok", "tracingId": "t1"}),
            (
                m.AskSlot("a1", "x.png", "image/png", 7, "t1"),
                {
                    "action": "onAttachment",
                    "token": "tok",
                    "attachmentId": "a1",
                    "fileName": "x.png",
                    "fileType": "image/png",
                    "fileSize": 7,
                    "errorsAsJson": True,
                    "tracingId": "t1",
                },
            ),
            (
                m.AskDownload("a1", "t1"),
                {
                    "action": "getAttachment",
                    "token": "tok",
                    "attachmentId": "a1",
                    "tracingId": "t1",
                },
            ),
            (
                m.DeleteAttachment("a1", "t1"),
                {
                    "action": "deleteAttachment",
                    "token": "tok",
                    "attachmentId": "a1",
                    "tracingId": "t1",
                },
            ),
        ],
        ids=lambda value: type(value).__name__ if not isinstance(value, dict) else "",
    )
    def test_as_the_reference_writes_it(self, request_, expected):
        assert said(request_) == expected

    def test_clear(self):
        assert said(m.Clear("t"))["message"]["events"] == [
            {"eventType": "Presence", "presence": {"type": "Clear"}}
        ]

    def test_nothing_is_ever_null(self):
        assert b"null" not in DIALECT.encode(GUEST, m.SayText("x", "t"))

    @given(st.text(st.characters(exclude_categories=["Cs"])))
    def test_a_plain_text_is_written_as_any_other(self, text):
        """Without an attribute it takes a short way."""
        plain = m.SayText(text, "t1", marker="k1")
        other = m.SayText(text, "t1", marker="k1", attributes={"a": "b"})
        attributes = b',"channel":{"metadata":{"customAttributes":{"a":"b"}}}},"tracingId":"t1"}'
        written = DIALECT.encode(GUEST, other)
        assert written.endswith(attributes)
        short = written.removesuffix(attributes) + b'},"tracingId":"t1"}'
        assert DIALECT.encode(GUEST, plain) == short

    def test_there_is_no_frame_for_a_context(self):
        assert DIALECT.encode(GUEST, m.SetContext({})) is None


class TestTimes:
    def test_canonical_stays(self):
        assert canonical("2027-05-31T09:15:02.417Z") == "2027-05-31T09:15:02.417Z"

    @pytest.mark.parametrize(
        ("given_", "expected"),
        [
            ("2027-05-31T09:15:02Z", "2027-05-31T09:15:02.000Z"),
            ("2027-05-31T11:15:02.4+02:00", "2027-05-31T09:15:02.400Z"),
            ("2027-05-31T09:15:02.417999Z", "2027-05-31T09:15:02.417Z"),
            ("yesterday", ""),
            (None, ""),
            (5, ""),
            ("0001-01-01T00:00:00+14:00", ""),
        ],
    )
    def test_others_are_made_so_or_are_nothing(self, given_, expected):
        assert canonical(given_) == expected

    @given(
        st.datetimes(min_value=datetime(1970, 1, 1)), st.datetimes(min_value=datetime(1970, 1, 1))
    )
    def test_text_order_is_time_order(self, a, b):
        x, y = canonical(a.isoformat()), canonical(b.isoformat())
        cut = [one.replace(microsecond=one.microsecond // 1000 * 1000) for one in (a, b)]
        assert (x < y) == (cut[0] < cut[1])


def test_a_guests_attributes_are_bounded_as_the_platform_does():
    dialect = WebMessaging("d")
    dialect.check_guest(Guest("g", "ana", "t", attributes={"k": "ä" * 1023 + "x"}))
    with pytest.raises(CommandError, match="attributes has 2049 bytes, the limit is 2048") as bad:
        dialect.check_guest(Guest("g", "ana", "t", attributes={"k": "ä" * 1024}))
    assert (bad.value.code, bad.value.field) == ("too_long", "attributes")
