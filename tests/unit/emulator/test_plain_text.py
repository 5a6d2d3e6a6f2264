"""The short way of a guest's text answers as the whole way does, byte for byte."""

from __future__ import annotations

import json

import pytest

from guestd.emulator.core.records import SendFrame
from guestd.emulator.guest_api import actions

TEXTS = ["hello", 'she said "no"\n', "naïve 😀", "\u2028", "x" * 4096, "x" * 4097, "é" * 3000, ""]


def said(new_platform, monkeypatch, texts, *, short, **settings):
    """All frames of a conversation, and what the record has of it."""
    with monkeypatch.context() as patched:
        if not short:
            patched.setattr(actions, "answer_text", lambda *_: None)
        platform = new_platform(**settings)
        guest = platform.guest()
        guest.configure()
        frames = []
        for n, text in enumerate(texts):
            platform.now += 0.05
            request = {"action": "onMessage", "token": guest.token, "tracingId": f"t{n}"}
            request["message"] = {"type": "Text", "text": text}
            effects = actions.receive_guest_frame(
                platform.world, guest.connection_id, json.dumps(request).encode(), platform.now
            )
            frames += [one.payload for one in effects if type(one) is SendFrame]
        session = platform.world.sessions[guest.token]
        return frames, session.messages.frames(), session.expires


@pytest.mark.parametrize(
    "settings",
    [{}, {"agent": "echo"}, {"agent": "human"}, {"limits": {"messages_per_session_per_s": None}}],
    ids=lambda one: json.dumps(one),
)
def test_both_ways_say_the_same(new_platform, monkeypatch, settings):
    short = said(new_platform, monkeypatch, TEXTS, short=True, **settings)
    assert short == said(new_platform, monkeypatch, TEXTS, short=False, **settings)
    assert len(short[0]) == len(TEXTS) and len(short[1]) >= 5


def test_what_is_refused_goes_the_whole_way(new_platform, monkeypatch):
    limits = {"requests_per_connection_per_minute": 4}
    for short in (True, False):
        frames, kept, _ = said(new_platform, monkeypatch, ["a"] * 8, short=short, limits=limits)
        codes = [json.loads(one)["code"] for one in frames]
        assert codes == [200, 200, 200] + [429] * 5 and len(kept) == 3


def test_a_message_is_found_by_its_id(platform, guest):
    for n in range(3):
        guest.say(f"text {n}")
    body = platform.world.sessions[guest.token].messages[1]
    conversation = platform.world.sessions[guest.token].conversations[0]
    assert platform.world.find_message(body["id"]) == (conversation.id, body)
    assert platform.world.find_message("none") is None
