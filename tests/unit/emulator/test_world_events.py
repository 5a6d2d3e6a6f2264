"""Events of the guest at the emulator's world: presence, typing, clearing."""

from __future__ import annotations

import pytest

from guestd.emulator.settings import Deployment


def join(guest, **message):
    event = {"eventType": "Presence", "presence": {"type": "Join"}}
    return guest.ask("onMessage", message={"type": "Event", "events": [event], **message})


def presence(guest, kind):
    event = {"eventType": "Presence", "presence": {"type": kind}}
    return guest.ask("onMessage", message={"type": "Event", "events": [event]})


class TestEvents:
    """§2.4 to §2.6, §6.5, §6.6"""

    def test_join_is_echoed_and_starts_the_conversation(self, new_platform):
        platform = new_platform(agent="human")
        guest = platform.guest()
        guest.configure()
        (echo,) = join(guest)
        assert (
            echo["body"]["events"][0]["presence"]["type"] == "Join"
            and echo["body"]["direction"] == "Inbound"
        )
        platform.pass_time(5.0)
        assert any(frame["body"].get("direction") == "Outbound" for frame in guest.frames)

    def test_typing_is_taken_in_silence_or_refused_by_the_deployment(self, new_platform):
        event = {"type": "Event", "events": [{"eventType": "Typing", "typing": {"type": "On"}}]}
        for allowed in (True, False):
            guest = new_platform(deployments=(Deployment(user_typing=allowed),)).guest()
            guest.configure()
            assert [frame["code"] for frame in guest.ask("onMessage", message=event)] == (
                [] if allowed else [403]
            )

    def test_clear_is_echo_cleared_closed_in_this_order(self, platform, guest):
        guest.say("hello")
        frames = presence(guest, "Clear")
        assert [frame["class"] for frame in frames] == [
            "StructuredMessage",
            "SessionClearedEvent",
            "ConnectionClosedEvent",
        ]
        assert guest.token not in platform.world.sessions
        assert platform.guest().configure()["body"]["newSession"] is True

    def test_clear_needs_the_deployments_leave(self, new_platform):
        guest = new_platform(deployments=(Deployment(conversation_clear=False),)).guest()
        guest.configure()
        assert presence(guest, "Clear")[0]["code"] == 403

    @pytest.mark.parametrize(("mode", "read_only"), [("Send", "false"), ("ReadOnly", "true")])
    def test_an_agents_disconnect_says_whether_it_is_read_only(
        self, platform, guest, mode, read_only
    ):
        guest.say("hello")
        platform.perform(
            platform.world.agent_disconnects(
                platform.world.sessions[guest.token], platform.now, mode
            )
        )
        body = guest.frames[-1]["body"]
        assert body["events"][0]["presence"]["type"] == "Disconnect"
        assert body["metadata"]["readOnly"] == read_only
        assert guest.say("still?")[0]["code"] == (409 if mode == "ReadOnly" else 200)

    def test_a_disabled_disconnect_is_not_told(self, platform, guest):
        guest.say("hello")
        before = len(guest.frames)
        platform.perform(
            platform.world.agent_disconnects(
                platform.world.sessions[guest.token], platform.now, "disabled"
            )
        )
        assert len(guest.frames) == before

    def test_close_session_answers_and_keeps_the_socket(self, platform, guest):
        other = platform.guest()
        other.configure()
        (answer,) = guest.ask("closeSession", closeAllConnections=True)
        assert answer["class"] == "SessionResponse"
        assert answer["body"] == {"connected": False, "newSession": False, "readOnly": True}
        assert other.frames[-1]["class"] == "ConnectionClosedEvent"
        assert guest.connection_id in platform.world.connections

    def test_close_session_needs_its_flag(self, guest):
        assert guest.ask("closeSession")[0]["code"] == 400
