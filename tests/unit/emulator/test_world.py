"""The emulated platform against the protocol reference, section by section."""

from __future__ import annotations

import json
import re

import pytest

from guestd.emulator import DEFAULT_DEPLOYMENT_ID
from guestd.emulator.core.frames import HEALTH_CHECK
from guestd.emulator.settings import Deployment, EmulatorLimits

DEPLOYMENT = {"id": DEFAULT_DEPLOYMENT_ID}


def join(guest, **message):
    event = {"eventType": "Presence", "presence": {"type": "Join"}}
    return guest.ask("onMessage", message={"type": "Event", "events": [event], **message})


def presence(guest, kind):
    event = {"eventType": "Presence", "presence": {"type": kind}}
    return guest.ask("onMessage", message={"type": "Event", "events": [event]})


class TestConfigure:
    """§2.2, §3.3, §6"""

    def test_a_token_is_new_once(self, platform):
        guest = platform.guest()
        first = guest.configure()
        assert (first["type"], first["class"], first["code"]) == (
            "response",
            "SessionResponse",
            200,
        )
        assert first["body"]["connected"] is True and first["body"]["newSession"] is True
        again = platform.guest().configure()
        assert again["body"]["newSession"] is False

    def test_the_answer_announces_the_deployments_figures(self, new_platform):
        deployment = Deployment(
            session_duration_s=900, file_types=("image/*",), file_kilobytes_max=5
        )
        body = new_platform(deployments=(deployment,)).guest().configure()["body"]
        assert body["durationSeconds"] == 900
        assert body["expirationDate"] == 1_800_000_900
        assert body["maxCustomDataBytes"] == 2048
        assert body["allowedMedia"]["inbound"] == {
            "fileTypes": [{"type": "image/*"}],
            "maxFileSizeKB": 5,
        }

    def test_the_request_tracing_id_comes_back(self, platform):
        assert platform.guest().configure(tracingId="mine")["tracingId"] == "mine"

    def test_nothing_works_before_it(self, platform):
        (frame,) = platform.guest().say("hello")
        assert (frame["class"], frame["code"]) == ("string", 4007)

    @pytest.mark.parametrize("deployment_id", ["", "other", None, 7])
    def test_another_deployment_than_the_sockets_is_refused(self, platform, deployment_id):
        (frame,) = platform.guest().ask("configureSession", deploymentId=deployment_id)
        assert frame["code"] >= 400

    def test_a_token_is_needed(self, platform):
        guest = platform.guest(token="")
        assert guest.configure()["code"] >= 400

    def test_start_new_begins_anew_when_read_only(self, platform):
        guest = platform.guest()
        guest.configure()
        guest.say("hello")
        platform.perform(
            platform.world.agent_disconnects(
                platform.world.sessions[guest.token], platform.now, "ReadOnly"
            )
        )
        assert guest.configure()["body"]["readOnly"] is True
        fresh = guest.configure(startNew=True)["body"]
        assert fresh["newSession"] is True and fresh["readOnly"] is False

    def test_the_fourth_connection_closes_the_oldest(self, platform):
        sockets = [platform.guest() for _ in range(4)]
        for socket in sockets:
            socket.configure()
        assert [frame["class"] for frame in sockets[0].frames] == [
            "SessionResponse",
            "ConnectionClosedEvent",
        ]
        platform.pass_time(5.0)
        assert [one.connection for one in platform.hung_up] == [sockets[0].connection_id]
        sockets[3].say("hello")
        assert sockets[0].frames[-1]["class"] == "ConnectionClosedEvent"
        assert sockets[1].frames[-1]["class"] == "StructuredMessage"


class TestMessages:
    """§2.3, §3.5"""

    def test_the_echo_is_the_confirmation(self, guest):
        (echo,) = guest.ask(
            "onMessage",
            tracingId="mine",
            message={"type": "Text", "text": "hello", "metadata": {"a": "b"}},
        )
        assert (echo["type"], echo["class"], echo["code"], echo["tracingId"]) == (
            "message",
            "StructuredMessage",
            200,
            "mine",
        )
        body = echo["body"]
        assert (body["text"], body["direction"], body["type"]) == ("hello", "Inbound", "Text")
        assert body["metadata"]["a"] == "b"
        assert re.fullmatch("[0-9a-f]{32}", body["id"])
        assert re.fullmatch(
            "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", body["channel"]["messageId"]
        )

    def test_every_connection_gets_it(self, platform, guest):
        other = platform.guest()
        other.configure()
        guest.say("hello")
        assert other.frames[-1]["body"]["text"] == "hello"

    def test_times_increase_even_within_a_millisecond(self, new_platform):
        guest = new_platform(limits=EmulatorLimits().off()).guest()
        guest.configure()
        times = [guest.say(str(n))[0]["body"]["channel"]["time"] for n in range(50)]
        assert times == sorted(set(times))

    @pytest.mark.parametrize(
        ("message", "code"),
        [
            ({}, 400),
            ({"type": "Text"}, 400),
            ({"type": "Text", "text": ""}, 400),
            ({"type": "Text", "text": "x" * 4097}, 4011),
            ({"type": "Text", "text": "é" * 2049}, 4011),
            (
                {
                    "type": "Text",
                    "text": "x",
                    "channel": {"metadata": {"customAttributes": {"k": "v" * 2048}}},
                },
                4013,
            ),
            (
                {
                    "type": "Structured",
                    "text": "x",
                    "content": [
                        {"contentType": "ButtonResponse", "buttonResponse": {"type": "Postback"}}
                    ],
                },
                400,
            ),
            (
                {
                    "type": "Text",
                    "content": [{"contentType": "Attachment", "attachment": {"id": "none"}}],
                },
                4009,
            ),
            ({"type": "Event"}, 400),
            (
                {
                    "type": "Event",
                    "events": [{"eventType": "Presence", "presence": {"type": "Leave"}}],
                },
                400,
            ),
            ({"type": "Event", "events": [{"eventType": "Dance"}]}, 400),
        ],
    )
    def test_what_the_platform_refuses(self, guest, platform, message, code):
        (frame,) = guest.ask("onMessage", message=message)
        assert (frame["class"], frame["code"]) == ("string", code)
        assert platform.world.sessions[guest.token].messages == []

    def test_exactly_the_limit_is_taken(self, guest):
        assert guest.say("x" * 4096)[0]["code"] == 200
        attributes = {"customAttributes": {"k": "v" * 2047}}
        assert guest.say("x", channel={"metadata": attributes})[0]["code"] == 200

    def test_a_quick_reply_may_be_text_or_structured(self, guest):
        content = [
            {
                "contentType": "ButtonResponse",
                "buttonResponse": {"type": "QuickReply", "text": "Yes", "payload": "Y"},
            }
        ]
        for kind in ("Text", "Structured"):
            (echo,) = guest.ask(
                "onMessage", message={"type": kind, "text": "Yes", "content": content}
            )
            assert echo["body"]["type"] == kind and echo["body"]["content"] == content

    def test_attributes_are_kept_and_the_old_place_counts_only_if_asked(self, new_platform):
        for honor in (False, True):
            platform = new_platform(honor_legacy_attributes=honor)
            guest = platform.guest()
            guest.configure()
            guest.ask(
                "onMessage",
                message={"type": "Text", "text": "a"},
                channel={"metadata": {"customAttributes": {"old": "1"}}},
            )
            guest.say("b", channel={"metadata": {"customAttributes": {"new": "2"}}})
            expected = {"new": "2", **({"old": "1"} if honor else {})}
            assert platform.world.sessions[guest.token].attributes == expected

    def test_rubbish_is_answered_and_nothing_breaks(self, guest):
        for text in (
            b"",
            b"{",
            b"[]",
            b"null",
            b'"x"',
            b"\xff\xfe",
            b"[" * 100_000,
            b'{"action":' + b"[" * 500 + b"]" * 500 + b"}",
        ):
            (frame,) = guest.raw(text)
            assert frame["code"] == 400
        assert guest.say("still here")[0]["code"] == 200

    def test_unknown_actions_are_answered(self, guest):
        assert guest.ask("dance")[0]["code"] == 400


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


class TestHealthCheck:
    """§2.9, §3.5"""

    def test_it_is_a_response_and_its_numbers_are_strings(self, guest):
        (frame,) = guest.ask(
            "echo",
            tracingId=HEALTH_CHECK,
            message={"type": "Text", "text": "ping", "metadata": {"customMessageId": "c"}},
        )
        assert (frame["type"], frame["class"], frame["tracingId"]) == (
            "response",
            "StructuredMessage",
            HEALTH_CHECK,
        )
        assert frame["body"]["text"] == "ping"
        assert frame["body"]["metadata"] == {
            "customMessageId": "c",
            "durationSeconds": "259200",
            "expirationDate": "1800259200",
        }

    def test_it_needs_no_token_on_a_configured_socket(self, guest):
        guest.token = ""
        frames = guest.raw(
            json.dumps({"action": "echo", "message": {"type": "Text", "text": "ping"}}).encode()
        )
        assert frames[0]["code"] == 200

    def test_it_is_not_in_the_history(self, platform, guest):
        guest.ask("echo", message={"type": "Text", "text": "ping"})
        assert platform.world.sessions[guest.token].messages == []

    def test_an_expired_session_says_so(self, platform, guest):
        platform.pass_time(259_201)
        assert guest.ask("echo")[0]["class"] == "SessionExpiredEvent"


class TestExpiry:
    """§6.8"""

    def test_every_message_moves_it(self, platform, guest):
        platform.pass_time(259_000)
        guest.say("still here")
        platform.pass_time(1000)
        assert guest.say("and here")[0]["class"] == "StructuredMessage"
        platform.pass_time(259_201)
        assert guest.say("too late")[0]["class"] == "SessionExpiredEvent"


class TestLimits:
    """§5: what is published is refused at n + 1 and not at n, with the platform's own answer."""

    def test_messages_per_second(self, platform, guest):
        platform.pass_time(1.0)
        answers = [guest.say(str(n))[0] for n in range(6)]
        assert [one["code"] for one in answers] == [200] * 5 + [429]
        assert answers[5]["class"] == "TooManyRequestsErrorMessage"
        assert answers[5]["body"]["retryAfter"] == 1 and answers[5]["body"]["errorCode"] == 4029
        platform.pass_time(1.0)
        assert guest.say("again")[0]["code"] == 200

    def test_the_rate_is_the_sessions_not_the_sockets(self, platform, guest):
        other = platform.guest()
        other.configure()
        platform.pass_time(1.0)
        codes = [(guest if n % 2 else other).say(str(n))[0]["code"] for n in range(6)]
        assert codes[-1] == 429

    def test_requests_per_minute(self, new_platform):
        platform = new_platform(limits=EmulatorLimits(messages_per_session_per_s=None))
        guest = platform.guest()
        guest.configure()
        codes = [guest.ask("getJwt")[0]["code"] for _ in range(60)]
        assert codes == [200] * 59 + [429]
        platform.pass_time(60.0)
        assert guest.ask("getJwt")[0]["code"] == 200

    def test_health_checks_per_minute(self, platform, guest):
        assert [guest.ask("echo")[0]["code"] for _ in range(3)] == [200, 200, 429]

    def test_configures_per_minute(self, new_platform):
        platform = new_platform(limits=EmulatorLimits(requests_per_connection_per_minute=None))
        guest = platform.guest()
        codes = [guest.configure()["code"] for _ in range(61)]
        assert codes == [200] * 60 + [429]

    def test_connections_per_minute(self, new_platform):
        platform = new_platform(limits=EmulatorLimits(connections_per_minute=3))
        deployment = platform.world.settings.deployments[0]
        waits = [platform.world.may_connect(deployment, platform.now) for _ in range(4)]
        assert waits[:3] == [0.0, 0.0, 0.0] and waits[3] == pytest.approx(60.0)

    def test_tolerant_counts_and_refuses_nothing(self, new_platform):
        guest = new_platform(limits=EmulatorLimits(strict=False)).guest()
        guest.configure()
        assert {guest.say(str(n))[0]["code"] for n in range(100)} == {200}


class TestAttachments:
    """§7, §3.10 to §3.14"""

    FILE = {"fileName": "a.png", "fileType": "image/png", "fileSize": 10}

    def test_a_slot_has_headers_and_an_url(self, guest):
        (slot,) = guest.ask("onAttachment", attachmentId="a1", **self.FILE)
        assert slot["class"] == "PresignedUrlResponse"
        assert (
            slot["body"]["attachmentId"] == "a1"
            and slot["body"]["headers"]
            and "/__storage/a1" in slot["body"]["url"]
        )

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            ({"fileName": "x" * 1021 + ".png"}, 4005),
            ({"fileName": "noextension"}, 4004),
            ({"fileName": ".png"}, 4004),
            ({"fileName": "../a.png"}, 4004),
            ({"fileSize": None}, 4020),
            ({"fileSize": True}, 4020),
            ({"fileSize": 0}, 4102),
            ({"fileSize": 10_485_761}, 4002),
            ({"fileName": "a.EXE"}, 4001),
        ],
    )
    def test_what_is_refused(self, guest, change, code):
        (frame,) = guest.ask("onAttachment", attachmentId="a1", **{**self.FILE, **change})
        assert (frame["class"], frame["body"]["errorCode"]) == ("GenerateUrlError", code)
        assert frame["type"] == "response" and frame["code"] >= 400

    def test_types_are_the_deployments(self, new_platform):
        guest = new_platform(deployments=(Deployment(file_types=("image/*",)),)).guest()
        guest.configure()
        assert guest.ask("onAttachment", **self.FILE)[0]["class"] == "PresignedUrlResponse"
        refused = guest.ask(
            "onAttachment", **{**self.FILE, "fileName": "a.pdf", "fileType": "application/pdf"}
        )[0]
        assert refused["body"]["errorCode"] == 4001

    def test_it_can_be_sent_only_when_uploaded_and_deleted_only_when_not_sent(
        self, platform, guest
    ):
        guest.ask("onAttachment", attachmentId="a1", **self.FILE)
        content = [{"contentType": "Attachment", "attachment": {"id": "a1"}}]
        assert (
            guest.ask("onMessage", message={"type": "Text", "content": content})[0]["code"] == 4010
        )
        platform.world.sessions[guest.token].attachments["a1"].uploaded = True
        (echo,) = guest.ask("onMessage", message={"content": content})
        assert echo["body"]["type"] == "Text"
        attachment = echo["body"]["content"][0]["attachment"]
        assert (
            attachment["filename"],
            attachment["mime"],
            attachment["mediaType"],
            attachment["fileSize"],
        ) == (
            "a.png",
            "image/png",
            "Image",
            10,
        )
        assert guest.ask("deleteAttachment", attachmentId="a1")[0]["code"] == 4009
        refreshed = guest.ask("getAttachment", attachmentId="a1")[0]["body"]
        assert refreshed["headers"] == {} and refreshed["fileSize"] == 10

    def test_deleting(self, guest):
        guest.ask("onAttachment", attachmentId="a1", **self.FILE)
        assert (
            guest.ask("deleteAttachment", attachmentId="a1")[0]["class"]
            == "AttachmentDeletedResponse"
        )
        assert guest.ask("deleteAttachment", attachmentId="a1")[0]["code"] == 4009


class TestHistoryAndJwt:
    """§11.1"""

    def test_pages_are_newest_first_and_empty_past_the_end(self, new_platform):
        platform = new_platform(limits=EmulatorLimits().off())
        guest = platform.guest()
        guest.configure()
        for n in range(5):
            guest.say(str(n))
        session = platform.world.sessions[guest.token]
        page = platform.world.history(session, 1, 2)
        assert [one["text"] for one in page["entities"]] == ["4", "3"]
        assert (page["total"], page["pageCount"], page["pageNumber"], page["pageSize"]) == (
            5,
            3,
            1,
            2,
        )
        assert platform.world.history(session, 4, 2)["entities"] == []

    def test_a_jwt_lives_a_minute_and_names_its_session(self, platform, guest):
        (frame,) = guest.ask("getJwt")
        jwt = frame["body"]["jwt"]
        assert frame["body"]["exp"] == int(platform.now) + 60
        assert platform.world.session_of_jwt(jwt, platform.now + 60).token == guest.token
        assert platform.world.session_of_jwt(jwt, platform.now + 61) is None
        assert platform.world.session_of_jwt(jwt[:-2] + "xx", platform.now) is None
        assert platform.world.session_of_jwt("rubbish", platform.now) is None


class TestConfiguration:
    def test_it_is_told(self, guest):
        (frame,) = guest.ask("getConfiguration", deploymentId=DEFAULT_DEPLOYMENT_ID)
        assert frame["class"] == "GetConfigurationResponse"
        assert frame["body"]["maxCustomDataBytes"] == 2048


class TestButtonResponses:
    @pytest.mark.parametrize("missing", ["text", "payload", "type"])
    def test_one_without_what_the_schema_requires_is_refused(self, guest, missing):
        button = {"type": "QuickReply", "text": "Yes", "payload": "Y"}
        button.pop(missing)
        content = [{"contentType": "ButtonResponse", "buttonResponse": button}]
        assert (
            guest.ask("onMessage", message={"type": "Structured", "content": content})[0]["code"]
            == 400
        )


class TestAuthenticated:
    """§2.10: only where the deployment has it"""

    def test_refused_where_it_is_off(self, platform):
        frame = platform.guest().ask(
            "configureAuthenticatedSession", deploymentId=DEFAULT_DEPLOYMENT_ID, data={"code": "x"}
        )[0]
        assert frame["code"] >= 400

    def test_a_known_jwt_signs_in_and_messages_say_so(self, new_platform):
        platform = new_platform(deployments=(Deployment(authentication=True),))
        platform.world.users["a.b.c"] = "user-1"
        guest = platform.guest()
        answer = guest.ask(
            "configureAuthenticatedSession",
            deploymentId=DEFAULT_DEPLOYMENT_ID,
            data={"code": "a.b.c"},
        )[0]
        assert answer["class"] == "SessionResponse", answer
        assert guest.say("hello")[0]["body"]["metadata"]["authenticated"] == "true"

    def test_a_second_sign_in_says_that_it_cleared_the_first(self, new_platform):
        platform = new_platform(deployments=(Deployment(authentication=True),))
        platform.world.users["a.b.c"] = "user-1"
        told = []
        for n in (1, 2):
            frames = platform.guest(f"c3a6e0a2-0000-4000-8000-00000000000{n}").ask(
                "configureAuthenticatedSession",
                deploymentId=DEFAULT_DEPLOYMENT_ID,
                data={"code": "a.b.c"},
            )
            (answer,) = [one for one in frames if one["class"] == "SessionResponse"]
            told.append(answer["body"]["clearedExistingSession"])
        assert told == [False, True]


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


class TestAgents:
    def test_a_choice_is_known_by_its_payload_before_its_words(self, new_platform):
        """Real clients send a quick reply with its text, or with a payload alone."""
        for text in ({"text": "Track it"}, {}):
            platform = new_platform(agent="human")
            guest = platform.guest()
            guest.configure()
            button = {"type": "QuickReply", "text": "Track it", "payload": "TRACK"}
            guest.ask(
                "onMessage",
                message={
                    "type": "Text",
                    **text,
                    "content": [{"contentType": "ButtonResponse", "buttonResponse": button}],
                },
            )
            platform.pass_time(5.0)
            assert "left the depot" in guest.frames[-1]["body"]["text"]

    @pytest.mark.parametrize(
        "script",
        [
            "nobody",
            {"rules": [{"match": "(", "steps": []}]},
            {"colour": 1},
            {"default": [{"dance": 1}]},
        ],
    )
    def test_a_script_that_makes_no_sense_is_refused(self, new_platform, script):
        with pytest.raises(ValueError, match=r".+"):
            new_platform(agent=script)
