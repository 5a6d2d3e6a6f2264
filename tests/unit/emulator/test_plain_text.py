"""The short way of a guest's text answers as the whole way does, byte for byte."""

from __future__ import annotations

import json
from random import Random
from uuid import UUID

import pytest

from guestd.emulator.core import agent_runner
from guestd.emulator.core.ids import draw_hex, draw_reply_ids, draw_uuid
from guestd.emulator.core.records import SendFrame, StartTimer
from guestd.emulator.guest_api import actions

TEXTS = ["hello", 'she said "no"\n', "naïve 😀", "\u2028", "x" * 4096, "x" * 4097, "é" * 3000, ""]


#: An agent that greets, says each of two texts in its turn, and then is another.
TALKER = {
    "nickname": 'Léa "L"',
    "greeting": [{"say": "Hello"}],
    "rules": [{"match": "she", "steps": [{"persona": {"nickname": "", "bot": True}}, {"say": ""}]}],
    "default": [{"say": ["<{text}>{file}", "\u2028 {text}"]}, {"say": "more"}],
}


def says_the_whole_way(world, session, text, now, nickname, is_bot):
    return world.agent_says(session, text, now, nickname=nickname, bot=is_bot)[1]


def said(new_platform, monkeypatch, texts, *, short, watched=False, more=None, **settings):
    """All frames of a conversation, and what the record has of it. `more`: of each message."""
    with monkeypatch.context() as patched:
        if not short:
            patched.setattr(actions, "answer_text", lambda *_: None)
            patched.setattr(agent_runner, "agent_answers", says_the_whole_way)
        platform = new_platform(**settings)
        if watched:
            platform.world.events.listen(lambda: None)
        guest = platform.guest()
        guest.configure()
        frames = []
        for n, text in enumerate(texts):
            platform.now += 0.05
            request = {"action": "onMessage", "token": guest.token, "tracingId": f"t{n}"}
            request["message"] = {"type": "Text", "text": text, **(more or {})}
            frame = text if isinstance(text, bytes) else json.dumps(request).encode()
            effects = actions.receive_guest_frame(
                platform.world, guest.connection_id, frame, platform.now
            )
            for one in list(effects):
                if type(one) is StartTimer and one.delay_s == 0:
                    effects += agent_runner.run_steps(platform.world, guest.token, platform.now)
            frames += [one.payload for one in effects if type(one) is SendFrame]
        session = platform.world.sessions[guest.token]
        events = list(platform.world.events.after(0, 1000))
        return frames, session.messages.frames(), session.expires, events


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"agent": "echo"},
        {"agent": "human"},
        {"agent": TALKER},
        {"limits": {"messages_per_session_per_s": None}},
        {"agent": "echo", "limits": {"agent_text_characters": 3}},
    ],
    ids=lambda one: json.dumps(one),
)
def test_both_ways_say_the_same(new_platform, monkeypatch, settings):
    short = said(new_platform, monkeypatch, TEXTS, short=True, **settings)
    assert short == said(new_platform, monkeypatch, TEXTS, short=False, **settings)
    assert len(short[0]) >= len(TEXTS) and len(short[1]) >= 5


@pytest.mark.parametrize(
    "more",
    [
        {"metadata": {"id": "k-1"}},
        {"metadata": {"id": 'k "1" é'}},
        {"metadata": {"id": ""}},
        {"metadata": {"id": 7}},
        {"metadata": {"id": "k-1", "customMessageId": "k-2"}},
        {"metadata": {"correlationId": "mine"}},
        {"metadata": {}},
        {"metadata": None},
        {"metadata": []},
        {"channel": {"metadata": {"customAttributes": {"a": "b"}}}},
        {"content": []},
    ],
    ids=json.dumps,
)
def test_both_ways_say_the_same_of_what_comes_with_a_text(new_platform, monkeypatch, more):
    short = said(new_platform, monkeypatch, ["a", "b"], short=True, more=more, agent="echo")
    assert short == said(
        new_platform, monkeypatch, ["a", "b"], short=False, more=more, agent="echo"
    )


def test_an_id_of_the_clients_own_takes_the_short_way(new_platform, monkeypatch):
    """Each text of guestd's own has one."""
    monkeypatch.setattr(actions, "is_kept_as_read", lambda text: b"configureSession" in text)
    frames, *_ = said(
        new_platform, monkeypatch, ["a"], short=True, more={"metadata": {"id": "k-1"}}
    )
    assert json.loads(frames[-1])["body"]["metadata"]["id"] == "k-1"


_FRAME = (
    b'{"action":"onMessage","token":"TOKEN","tracingId":"t","message":{"type":"Text","text":"hi"}}'
)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"hi"', rb'"\ud800"'),
        (b'"hi"', rb'"\ud83d\ude00"'),
        (b'"hi"', b'"\x01"'),
        (b'"hi"', b'"hi","text":"ho"'),
        (b'"hi"', b'"hi","text":7'),
        (b'"hi"', b'"\xff"'),
        (b'"t"', b'"t","tracingId":null'),
        (b'"t"', b'"t","startNew":' + b"[" * 3000 + b"]" * 3000),
        (b"}}", b"}} "),
        (b"}}", b"}}}"),
        (b"}}", b"}"),
        (b'{"action', b'\xef\xbb\xbf{"action'),
        (b'"action":"onMessage"', b'"action":"onMessage","action":"echo"'),
        (b'"action":"onMessage"', b'"action":"echo","action":"onMessage"'),
        (b'"onMessage"', rb'"on\u004dessage"'),
        (b'"TOKEN"', b'""'),
    ],
)
def test_both_ways_read_the_same_of_odd_bytes(new_platform, monkeypatch, old, new):
    token = new_platform().guest().token
    frame = _FRAME.replace(old, new, 1).replace(b"TOKEN", token.encode())
    short = said(new_platform, monkeypatch, [frame, "then"], short=True)
    assert short == said(new_platform, monkeypatch, [frame, "then"], short=False)


def test_what_is_refused_goes_the_whole_way(new_platform, monkeypatch):
    limits = {"requests_per_connection_per_minute": 4}
    for short in (True, False):
        frames, kept, *_ = said(new_platform, monkeypatch, ["a"] * 8, short=short, limits=limits)
        codes = [json.loads(one)["code"] for one in frames]
        assert codes == [200, 200, 200] + [429] * 5 and len(kept) == 3


def test_what_watchers_are_told_is_the_same(new_platform, monkeypatch):
    both = [
        said(new_platform, monkeypatch, TEXTS, short=short, watched=True, agent="echo")
        for short in (True, False)
    ]
    assert both[0] == both[1]
    told = [one["direction"] for one in both[0][3] if one["kind"] == "message"]
    assert told[:2] == ["Inbound", "Outbound"]


def test_the_ids_of_a_reply_are_those_of_two_draws():
    one, other = Random(7), Random(7)
    for _ in range(100):
        assert draw_reply_ids(one) == (draw_hex(other), draw_uuid(other))
        assert UUID(draw_uuid(one)).version == UUID(draw_uuid(other)).version == 4


def test_a_message_is_found_by_its_id(platform, guest):
    for n in range(3):
        guest.say(f"text {n}")
    body = platform.world.sessions[guest.token].messages[1]
    conversation = platform.world.sessions[guest.token].conversations[0]
    assert platform.world.find_message(body["id"]) == (conversation.id, body)
    assert platform.world.find_message("none") is None
