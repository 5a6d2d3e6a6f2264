"""The emulator's world in the webchat dialect."""

from __future__ import annotations

import pytest


class TestWebchat:
    """SOCK-1, 3, 4, 6"""

    def connected(self, platform):
        guest = platform.guest()
        frames = guest.webchat(
            type="connect", guestInfo={"name": "Ana", "email": "ana@example.org"}
        )
        assert {"type": "connect"} in frames
        return guest

    def test_connect_then_talk(self, new_platform):
        platform = new_platform(agent="echo")
        guest = self.connected(platform)
        guest.webchat(type="message", text="hello")
        platform.pass_time(1.0)
        said = [frame for frame in guest.frames if frame["type"] == "message"]
        assert [(one["text"], one["sequenceId"]) for one in said] == [("hello", "1")]

    @pytest.mark.parametrize(("after_s", "answers"), [(0.1, 1), (5.0, 2)])
    def test_a_greeting_that_crossed_the_first_message_answers_it(
        self, new_platform, after_s, answers
    ):
        """What is said at once on opening is not answered with the menu twice."""
        platform = new_platform(agent="menu")
        guest = self.connected(platform)
        platform.pass_time(after_s)
        guest.webchat(type="message", text="hi")
        platform.pass_time(5.0)
        said = [frame["text"] for frame in guest.frames if frame["type"] == "message"]
        assert len(said) == answers and said[0] == "What would you like to see?"

    @pytest.mark.parametrize(
        "frame",
        [
            {"type": "connect"},
            {"type": "connect", "guestInfo": {"name": "", "email": "a@b.c"}},
            {"type": "connect", "guestInfo": {"name": "Ana", "email": "nonsense"}},
            {"type": "message", "text": "too early"},
            {"type": "dance"},
            {},
        ],
    )
    def test_what_is_refused(self, platform, frame):
        assert platform.guest().webchat(**frame)[0]["type"] == "error"

    def test_ten_messages_a_second(self, platform):
        guest = self.connected(platform)
        refused = [guest.webchat(type="message", text=str(n)) for n in range(11)]
        assert all(not any(f["type"] == "error" for f in frames) for frames in refused[:10])
        assert refused[10][0]["type"] == "error"

    def test_text_of_4096_characters(self, platform):
        guest = self.connected(platform)
        assert guest.webchat(type="message", text="é" * 4096) == []
        assert guest.webchat(type="message", text="é" * 4097)[0]["type"] == "error"

    @pytest.mark.parametrize(
        ("happens", "told"),
        [
            (
                lambda world, one: world.evict(one, one.connections[0], "signedIn"),
                {"reason": "replaced"},
            ),
            (lambda world, one: world.expire(one, 1.8e9), {"reason": "expired"}),
            (lambda world, one: world.log_out(one), {"reason": "logout"}),
            (lambda world, one: world.agent_disconnects(one, 1.8e9, "Send"), {"reason": "agent"}),
            (
                lambda world, one: world.agent_disconnects(one, 1.8e9, "ReadOnly"),
                {"reason": "agent", "readOnly": True},
            ),
        ],
        ids=["eviction", "expiry", "logout", "disconnect", "disconnect for good"],
    )
    def test_an_end_is_told_in_frames_of_its_own(self, platform, happens, told):
        self.connected(platform)
        effects = happens(platform.world, platform.world.sessions["webchat:ana@example.org"])
        assert [one.frame for one in effects if hasattr(one, "frame")] == [
            {"type": "disconnect", **told}
        ]

    def test_an_expired_conversation_takes_nothing_and_the_next_is_a_new_one(self, platform):
        guest = self.connected(platform)
        world = platform.world
        old = world.sessions["webchat:ana@example.org"]
        world.expire(old, old.created)
        assert guest.webchat(type="message", text="hello") == [
            {"type": "disconnect", "reason": "expired"}
        ]
        self.connected(platform)
        assert world.sessions["webchat:ana@example.org"] is not old and not old.messages

    def test_a_conversation_that_is_over_takes_no_message(self, platform):
        guest = self.connected(platform)
        session = platform.world.sessions["webchat:ana@example.org"]
        platform.world.agent_disconnects(session, session.created, "ReadOnly")
        assert (
            guest.webchat(type="message", text="hello")[0]["type"] == "error"
            and not session.messages
        )

    @pytest.mark.parametrize("state", [True, False, "composing", "paused"])
    def test_the_agent_types_with_any_state(self, platform, state):
        self.connected(platform)
        session = platform.world.sessions["webchat:ana@example.org"]
        (effect,) = platform.world.agent_types(session, session.created, state=state)
        assert effect.frame == {"type": "typing", "state": state}

    def test_choices_are_said_in_words(self, platform):
        self.connected(platform)
        session = platform.world.sessions["webchat:ana@example.org"]
        content = [
            {"contentType": "QuickReply", "quickReply": {"text": one, "payload": one}}
            for one in ("Yes", "No")
        ]
        _, (effect,) = platform.world.agent_says(session, "", session.created, content=content)
        assert effect.frame == {"type": "message", "text": "Yes, No", "sequenceId": "1"}

    def test_context_is_kept(self, platform):
        guest = self.connected(platform)
        guest.webchat(type="setContext", context={"page": "/help"})
        assert platform.world.sessions["webchat:ana@example.org"].context == {"page": "/help"}
