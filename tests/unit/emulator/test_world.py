"""The emulated platform against the protocol reference, section by section."""

from __future__ import annotations

import json
import re

import pytest

from guestd.emulator import DEFAULT_DEPLOYMENT_ID
from guestd.emulator.core.frames import HEALTH_CHECK
from guestd.emulator.settings import Deployment, EmulatorLimits

DEPLOYMENT = {"id": DEFAULT_DEPLOYMENT_ID}


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
        reported = []
        for n in (1, 2):
            frames = platform.guest(f"c3a6e0a2-0000-4000-8000-00000000000{n}").ask(
                "configureAuthenticatedSession",
                deploymentId=DEFAULT_DEPLOYMENT_ID,
                data={"code": "a.b.c"},
            )
            (answer,) = [one for one in frames if one["class"] == "SessionResponse"]
            reported.append(answer["body"]["clearedExistingSession"])
        assert reported == [False, True]
