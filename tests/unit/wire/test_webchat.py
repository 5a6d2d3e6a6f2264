"""The webchat dialect: exactly the frames of the design documents (SOCK-1, 3, 4, 6)."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestd.model import client_messages as m
from guestd.model import signals as s
from guestd.model.errors import CommandError
from guestd.model.ids import Guest
from guestd.wire.webchat import Webchat

DIALECT = Webchat()
GUEST = Guest("g1", "Ana", "tok", "ana@example.org", metadata={"page": 1})


def said(request):
    frame = DIALECT.encode(GUEST, request)
    return None if frame is None else json.loads(frame)


def read(**frame):
    return DIALECT.decode(json.dumps(frame).encode())


def test_sock_1_connect():
    assert said(m.Hello()) == {
        "type": "connect",
        "guestInfo": {"name": "Ana", "email": "ana@example.org"},
        "metadata": {"page": 1},
    }
    assert read(type="connect") == [s.Joined()]


@pytest.mark.parametrize(
    ("name", "email", "field"),
    [
        ("", "a@b.org", "name"),
        (" ", "a@b.org", "name"),
        ("A", "", "email"),
        ("A", "a@b", "email"),
        ("A", "a b@c.d", "email"),
        ("A", "ana\0@example.org", "email"),
        ("A", "ana,bo@example.org", "email"),
        ("A", "<ana@example.org>", "email"),
        ("A", ".ana@example.org", "email"),
        ("A", "a..b@example.org", "email"),
        ("A", "ana@-x.org", "email"),
        ("A", "ana@x-.org", "email"),
        ("A", "ana@exam_ple.org", "email"),
        ("A", "a" * 65 + "@example.org", "email"),
        ("A", "ana@" + "x" * 64 + ".org", "email"),
    ],
)
def test_sock_1_a_name_and_a_valid_email_are_required(name, email, field):
    with pytest.raises(CommandError) as error:
        DIALECT.check_guest(Guest("g", name, "t", email))
    assert error.value.field == field


@pytest.mark.parametrize(
    "email",
    ["a@b.org", "guest+f953@example.org", "o'neill.j-r_x@mail.ex-ample.co.uk", "jörg@müller.de"],
)
def test_sock_1_what_people_have_is_valid(email):
    DIALECT.check_guest(Guest("g", "Ana", "t", email))


def test_sock_3_inbound():
    (message,) = read(type="message", text="hi", sequenceId="msg-10")
    assert (message.text, message.sequence, message.identity, message.direction) == (
        "hi",
        "msg-10",
        "msg-10",
        "Outbound",
    )
    assert read(type="typing", state=True) == [s.TypingShown(True)]
    assert read(type="typing", state=False) == [s.TypingShown(False)]
    assert read(type="readReceipt", sequenceId="7") == [s.ReceiptArrived("7")]
    assert read(type="novelty") == [s.Unknown("novelty")]
    assert isinstance(DIALECT.decode(b"{nonsense")[0], s.Garbage)


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        (True, s.TypingShown(True)),
        (None, s.TypingShown(False)),
        ("composing", s.TypingShown(True, state="composing")),
        ("Paused", s.TypingShown(False, state="Paused")),
        ("x" * 65, s.TypingShown(True, state="x" * 64)),
    ],
)
def test_typing_keeps_the_word_of_the_state(state, shown):
    assert read(type="typing", state=state) == [shown]


def test_sock_5_what_has_a_place_in_the_order_and_no_text_is_an_empty_message():
    (message,) = read(type="message", text="", sequenceId="3")
    assert (type(message), message.text, message.sequence) == (s.MessageArrived, "", "3")


@pytest.mark.parametrize("kind", ["typing", "connect", "error", "disconnect", "novelty"])
def test_sock_5_a_frame_that_is_no_message_uses_its_number_up(kind):
    assert read(type=kind, sequenceId=7)[1:] == [s.SequenceUsed("7")]


@pytest.mark.parametrize(
    "frame",
    [
        {"type": "message", "class": "SessionExpiredEvent", "code": 200, "body": {}},
        {"type": "message", "text": ""},
        {"type": "message", "attachments": []},
        {"type": "disconnect", "reason": "of a later version"},
    ],
)
def test_what_says_nothing_is_unknown(frame):
    assert [type(one) for one in read(**frame)] == [s.Unknown]


@pytest.mark.parametrize(
    ("reason", "signal"),
    [
        ("replaced", s.ConnectionClosed()),
        ("expired", s.SessionExpired()),
        ("logout", s.LoggedOut()),
    ],
)
def test_how_a_conversation_ends(reason, signal):
    assert read(type="disconnect", reason=reason) == [signal]


def test_the_agent_ends_the_conversation():
    (shown,) = read(type="disconnect", reason="agent", readOnly=True)
    assert (shown.presence, shown.read_only) == ("Disconnect", True)


def test_sock_4_context_and_sock_6_attachments():
    assert said(m.SetContext({"cartValue": 3})) == {
        "type": "setContext",
        "context": {"cartValue": 3},
    }
    attachments = said(m.SayAttachments(({"id": "a"},), "a photo"))
    assert attachments == {"type": "message", "text": "a photo", "attachments": [{"id": "a"}]}
    assert said(m.SayText("hi", "t")) == {"type": "message", "text": "hi"}


@pytest.mark.parametrize(
    "request_", [m.Beat(), m.Clear("t"), m.CloseSession("t"), m.AskJwt(), m.ShowTyping()]
)
def test_what_the_documents_do_not_know_is_not_sent(request_):
    assert said(request_) is None


@given(st.binary(max_size=80) | st.text(max_size=40).map(str.encode))
def test_nothing_raises(raw):
    assert DIALECT.decode(raw)


def test_limits_count_as_javascript_does():
    assert DIALECT.traits.text_length("ä" * 4096) == 4096
    assert DIALECT.traits.text_length("\N{GRINNING FACE}" * 2048) == 4096


@pytest.mark.parametrize("number", [7, 2**63, 2**64 - 1, 2**64, 10**30, -(10**20)])
def test_sock_5_a_number_of_any_length_keeps_all_its_digits(number):
    (message,) = read(type="message", text="hi", sequenceId=number)
    assert message.sequence == str(number)
