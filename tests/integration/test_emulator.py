"""The emulator over real sockets, as any client sees it."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from contextlib import asynccontextmanager

import aiohttp
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from guestd.emulator import DEFAULT_DEPLOYMENT_ID, Emulator, EmulatorSettings
from guestd.emulator.settings import Deployment

TOKEN = "c3a6e0a2-0000-4000-8000-000000000001"


@asynccontextmanager
async def emulating(**settings):
    async with (
        Emulator(EmulatorSettings(**{"agent": "silent", **settings})) as emulator,
        aiohttp.ClientSession() as session,
    ):
        emulator.http = session
        yield emulator


def guest(emulator, deployment_id=DEFAULT_DEPLOYMENT_ID, **more):
    return connect(
        f"{emulator.ws_url}/v1?deploymentId={deployment_id}&application=test",
        proxy=None,
        max_size=None,
        **more,
    )


async def ask(socket, action, **more):
    await socket.send(json.dumps({"action": action, "token": TOKEN, "tracingId": "t", **more}))
    return json.loads(await asyncio.wait_for(socket.recv(), 10.0))


async def configured(socket):
    answer = await ask(socket, "configureSession", deploymentId=DEFAULT_DEPLOYMENT_ID)
    assert answer["class"] == "SessionResponse"
    return socket


async def say(socket, text):
    return await ask(socket, "onMessage", message={"type": "Text", "text": text})


async def call(emulator, method, path, **more):
    async with emulator.http.request(method, f"{emulator.url}{path}", **more) as answer:
        body = await answer.read()
        return answer.status, json.loads(body) if body and b"{" in body[:2] else body


def basic(user, secret):
    return "Basic " + base64.b64encode(f"{user}:{secret}".encode()).decode()


async def control(emulator, path, **body):
    status, answer = await call(emulator, "POST", f"/__emulator/{path}", json=body)
    assert status == 200, answer
    return answer


class TestUpgrade:
    @pytest.mark.parametrize(
        ("path", "origin", "status"),
        [
            ("/v1?deploymentId=unknown", None, 403),
            ("/v1", None, 403),
            ("/v2?deploymentId=" + DEFAULT_DEPLOYMENT_ID, None, 404),
            ("/v1?deploymentId=" + DEFAULT_DEPLOYMENT_ID, "https://evil.example", 403),
            ("/v1?deploymentId=" + DEFAULT_DEPLOYMENT_ID, "http://[", 403),
            ("//[", None, 404),
        ],
    )
    async def test_refusals(self, path, origin, status):
        deployments = ({"allowed_domains": ("shop.example",)},)
        async with emulating(deployments=deployments) as emulator:
            with pytest.raises(InvalidStatus) as refused:
                async with connect(emulator.ws_url + path, proxy=None, origin=origin):
                    pass
            assert refused.value.response.status_code == status

    @pytest.mark.parametrize(
        "origin", ["https://shop.example", "https://www.shop.example", "shop.example"]
    )
    async def test_allowed_domains(self, origin):
        async with emulating(deployments=({"allowed_domains": ("shop.example",)},)) as emulator:
            async with guest(emulator, origin=origin) as socket:
                await configured(socket)

    async def test_an_inactive_deployment(self):
        async with emulating(deployments=({"status": "Inactive"},)) as emulator:
            with pytest.raises(InvalidStatus) as refused:
                async with guest(emulator):
                    pass
            assert refused.value.response.status_code == 403

    async def test_the_connection_rate_with_retry_after(self):
        async with emulating(limits={"connections_per_minute": 2}) as emulator:
            async with guest(emulator), guest(emulator):
                with pytest.raises(InvalidStatus) as refused:
                    async with guest(emulator):
                        pass
            assert refused.value.response.status_code == 429
            assert 50 <= int(refused.value.response.headers["Retry-After"]) <= 60

    async def test_any_deployment_if_told_so(self):
        async with (
            emulating(accept_any_deployment=True) as emulator,
            guest(emulator, "whatever") as socket,
        ):
            assert (await ask(socket, "configureSession", deploymentId="whatever"))["code"] == 200


class TestSockets:
    async def test_fragments_and_pings(self):
        async with emulating() as emulator, guest(emulator) as socket:
            await socket.send(
                iter(
                    [
                        '{"action":"configureSession","token":"t",',
                        f'"deploymentId":"{DEFAULT_DEPLOYMENT_ID}"}}',
                    ]
                )
            )
            assert json.loads(await socket.recv())["class"] == "SessionResponse"
            await asyncio.wait_for(await socket.ping(), 5.0)

    async def test_binary_is_refused_with_1003(self):
        async with emulating() as emulator, guest(emulator) as socket:
            await socket.send(b"\x00")
            with pytest.raises(ConnectionClosed) as closed:
                await socket.recv()
            assert closed.value.rcvd.code == 1003

    async def test_a_frame_over_the_bound_and_broken_utf8_end_that_socket_only(self):
        async with emulating(frame_bytes_max=20_000) as emulator, guest(emulator) as other:
            await configured(other)
            for sent, code in (("x" * 20_001, 1009), (b"\xff", 1007)):
                async with guest(emulator) as socket:
                    await (
                        socket.send(sent) if isinstance(sent, str) else socket.send(sent, text=True)
                    )
                    with pytest.raises(ConnectionClosed) as closed:
                        await socket.recv()
                    assert closed.value.rcvd.code == code
            assert (await say(other, "fine"))["code"] == 200

    async def test_the_clients_close_is_answered(self):
        async with emulating() as emulator:
            async with guest(emulator) as socket:
                await configured(socket)
                await socket.close(1000, "bye")
                assert socket.close_code == 1000
            await asyncio.sleep(0.05)
            assert not emulator.connections and not emulator.world.connections


class TestRest:
    async def test_the_deployments_configuration(self):
        async with emulating() as emulator:
            status, body = await call(
                emulator,
                "GET",
                f"/webdeployments/v1/deployments/{DEFAULT_DEPLOYMENT_ID}/config.json",
            )
            assert (
                status == 200 and body["status"] == "Active" and body["id"] == DEFAULT_DEPLOYMENT_ID
            )
            conversations = body["messenger"]["apps"]["conversations"]
            assert conversations["messagingEndpoint"] == emulator.ws_url
            assert {
                "autoStart",
                "conversationClear",
                "conversationDisconnect",
                "sessionDurationSeconds",
            } <= set(conversations)
            status, body = await call(
                emulator,
                "GET",
                f"/webdeployments/v1/deployments/{DEFAULT_DEPLOYMENT_ID}/domains.json",
            )
            assert (status, body) == (200, {"allowAllDomains": True, "allowedDomains": []})
            status, body = await call(
                emulator, "GET", "/webdeployments/v1/deployments/none/config.json"
            )
            assert status == 403 and b"AccessDenied" in body

    async def test_history_with_a_jwt_until_an_empty_page(self):
        async with emulating() as emulator, guest(emulator) as socket:
            await configured(socket)
            for n in range(3):
                await say(socket, f"m{n}")
            jwt = (await ask(socket, "getJwt"))["body"]["jwt"]
            texts = []
            for page in (1, 2, 3):
                status, body = await call(
                    emulator,
                    "GET",
                    f"/api/v2/webmessaging/messages?pageNumber={page}&pageSize=2",
                    headers={"Authorization": f"bearer {jwt}"},
                )
                assert status == 200
                texts.append([one["text"] for one in body["entities"]])
            assert texts == [["m2", "m1"], ["m0"], []]

    @pytest.mark.parametrize(
        ("query", "header", "status"),
        [
            ("", None, 401),
            ("", "Bearer rubbish", 401),
            ("?pageNumber=0", "jwt", 400),
            ("?pageSize=501", "jwt", 400),
            ("?pageSize=x", "jwt", 400),
        ],
    )
    async def test_history_refusals(self, query, header, status):
        async with emulating() as emulator, guest(emulator) as socket:
            await configured(socket)
            jwt = (await ask(socket, "getJwt"))["body"]["jwt"]
            value = f"Bearer {jwt}" if header == "jwt" else header
            found, body = await call(
                emulator,
                "GET",
                f"/api/v2/webmessaging/messages{query}",
                headers={"Authorization": value} if value else {},
            )
            assert found == status and {"message", "code", "status"} <= set(body)

    async def test_history_ten_a_minute(self):
        async with emulating() as emulator, guest(emulator) as socket:
            await configured(socket)
            headers = {"Authorization": f"Bearer {(await ask(socket, 'getJwt'))['body']['jwt']}"}
            found = [
                (await call(emulator, "GET", "/api/v2/webmessaging/messages", headers=headers))[0]
                for _ in range(11)
            ]
            assert found == [200] * 10 + [429]

    @pytest.mark.parametrize(
        "path", ["/oauth/token", "/login/oauth2/v2/token", "/api/v2/oauth/token"]
    )
    async def test_an_oauth_token_opens_the_platform_side(self, path):
        async with emulating() as emulator, guest(emulator) as socket:
            await configured(socket)
            message_id = (await say(socket, "hello"))["body"]["id"]
            details = f"/api/v2/conversations/messages/{message_id}/details"
            assert (await call(emulator, "GET", details))[0] == 401
            headers = {"Authorization": basic("emulator-client", "emulator-secret")}
            status, body = await call(
                emulator, "POST", path, data={"grant_type": "client_credentials"}, headers=headers
            )
            assert status == 200 and body["token_type"] == "bearer"
            headers = {"Authorization": f"Bearer {body['access_token']}"}
            status, body = await call(emulator, "GET", details, headers=headers)
            assert status == 200 and body["conversationId"]
            status, body = await call(
                emulator,
                "GET",
                "/api/v2/conversations/messages/wm-tester-preflight-check/details",
                headers=headers,
            )
            assert status == 404 and body["code"] == "not.found"

    async def test_oauth_refusals(self):
        async with emulating() as emulator:
            headers = {"Authorization": basic("emulator-client", "wrong")}
            status, body = await call(
                emulator,
                "POST",
                "/oauth/token",
                data={"grant_type": "client_credentials"},
                headers=headers,
            )
            assert (status, body["error"]) == (401, "invalid_client")
            assert (await call(emulator, "POST", "/oauth/token", data={"grant_type": "password"}))[
                0
            ] == 400

    async def test_uploading(self):
        async with emulating(upload_delay_s=0.01) as emulator, guest(emulator) as socket:
            await configured(socket)
            slot = (
                await ask(
                    socket,
                    "onAttachment",
                    attachmentId="a1",
                    fileName="a.png",
                    fileType="image/png",
                    fileSize=5,
                )
            )["body"]
            async with emulator.http.put(
                slot["url"], data=b"12345", headers=slot["headers"]
            ) as answer:
                assert answer.status == 200 and await answer.json() == {}
            told = json.loads(await asyncio.wait_for(socket.recv(), 5.0))
            assert (told["class"], told["type"], told["code"]) == (
                "UploadSuccessEvent",
                "message",
                200,
            )
            async with emulator.http.get(told["body"]["downloadUrl"]) as answer:
                assert (await answer.read(), answer.headers["Content-Type"]) == (
                    b"12345",
                    "image/png",
                )
            echo = await ask(
                socket,
                "onMessage",
                message={
                    "text": "see",
                    "content": [{"contentType": "Attachment", "attachment": {"id": "a1"}}],
                },
            )
            assert echo["body"]["content"][0]["attachment"]["filename"] == "a.png"

    async def test_an_upload_that_is_not_what_was_announced(self):
        async with emulating(upload_delay_s=0.01) as emulator, guest(emulator) as socket:
            await configured(socket)
            slot = (
                await ask(
                    socket,
                    "onAttachment",
                    attachmentId="a1",
                    fileName="a.png",
                    fileType="image/png",
                    fileSize=5,
                )
            )["body"]
            async with emulator.http.put(slot["url"], data=b"1234567", headers=slot["headers"]):
                pass
            told = json.loads(await asyncio.wait_for(socket.recv(), 5.0))
            assert (told["class"], told["body"]["errorCode"]) == ("UploadFailureEvent", 4003)
            async with emulator.http.put(
                slot["url"].replace("sig=", "sig=0"), data=b"12345"
            ) as answer:
                assert answer.status == 403

    async def test_signing_in_and_out(self):
        async with (
            emulating(deployments=({"authentication": True},)) as emulator,
            guest(emulator) as socket,
        ):
            exchange = "/api/v2/webdeployments/token/oauthcodegrantjwtexchange"
            given = {"deploymentId": DEFAULT_DEPLOYMENT_ID, "oauth": {"code": "abc"}}
            status, tokens = await call(emulator, "POST", exchange, json=given)
            assert status == 200
            status, fresh = await call(
                emulator,
                "POST",
                "/api/v2/webdeployments/token/refresh",
                json={"refreshToken": tokens["refreshToken"]},
            )
            assert status == 200 and fresh["jwt"] != tokens["jwt"]
            answer = await ask(
                socket,
                "configureAuthenticatedSession",
                deploymentId=DEFAULT_DEPLOYMENT_ID,
                data={"code": tokens["jwt"]},
            )
            assert answer["class"] == "SessionResponse"
            headers = {"Authorization": f"bearer {tokens['jwt']}"}
            assert (
                await call(
                    emulator, "DELETE", "/api/v2/webdeployments/token/revoke", headers=headers
                )
            )[0] == 204
            assert json.loads(await asyncio.wait_for(socket.recv(), 5.0))["class"] == "LogoutEvent"

    async def test_a_path_that_is_not_there_is_answered_as_the_platform_does(self):
        async with emulating() as emulator:
            answer = await call(emulator, "GET", "/api/v2/nothing")
            assert (answer[0], answer[1]["code"], answer[1]["message"]) == (
                404,
                "not found",
                "HTTP 404 Not Found",
            )


class TestControl:
    async def test_state_say_and_reset(self):
        async with emulating() as emulator, guest(emulator) as socket:
            await configured(socket)
            await say(socket, "hello")
            answer = await control(
                emulator,
                "say",
                token=TOKEN,
                text="hi",
                nickname="Leo",
                quick_replies=[["Yes", "Y"]],
            )
            pushed = json.loads(await socket.recv())
            assert (
                pushed["body"]["id"] == answer["id"]
                and pushed["body"]["content"][0]["quickReply"]["payload"] == "Y"
            )
            _, state = await call(emulator, "GET", f"/__emulator/state?token={TOKEN}")
            assert [one["text"] for one in state["sessions"][TOKEN]["messages"]] == ["hello", "hi"]
            assert [
                one["text"] for one in state["sessions"][TOKEN]["conversations"][0]["messages"]
            ] == ["hello", "hi"]
            await control(emulator, "reset")
            _, state = await call(emulator, "GET", "/__emulator/state")
            assert state == {"sessions": {}, "connections": 0}
            with pytest.raises(ConnectionClosed):
                await socket.recv()

    async def test_typing_disconnect_logout_expire(self):
        async with emulating() as emulator, guest(emulator) as socket:
            await configured(socket)
            await say(socket, "hello")
            await control(emulator, "typing", token=TOKEN, duration_ms=700)
            assert json.loads(await socket.recv())["body"]["events"][0]["typing"] == {
                "type": "On",
                "duration": 700,
            }
            await control(emulator, "disconnect", token=TOKEN, mode="ReadOnly")
            assert json.loads(await socket.recv())["body"]["metadata"]["readOnly"] == "true"
            await control(emulator, "logout", token=TOKEN)
            assert json.loads(await socket.recv())["class"] == "LogoutEvent"
            await control(emulator, "expire", token=TOKEN)
            assert json.loads(await socket.recv())["class"] == "SessionExpiredEvent"

    @pytest.mark.parametrize(("how", "code"), [("abort", 1006), ("close", 4321)])
    async def test_drop(self, how, code):
        async with emulating() as emulator, guest(emulator) as socket:
            await configured(socket)
            assert await control(emulator, "drop", all=True, how=how, code=4321) == {"dropped": 1}
            with pytest.raises(ConnectionClosed):
                await socket.recv()
            assert socket.close_code == code

    async def test_half_open_is_silence(self):
        async with emulating() as emulator, guest(emulator) as socket:
            await configured(socket)
            await control(emulator, "drop", token=TOKEN, how="half_open")
            await socket.send('{"action":"echo"}')
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(socket.recv(), 0.3)

    async def test_limits_and_agent_can_be_changed_while_it_runs(self):
        async with emulating() as emulator, guest(emulator) as socket:
            await configured(socket)
            await control(emulator, "settings", limits="off", agent="echo")
            await say(socket, "hello")
            assert json.loads(await asyncio.wait_for(socket.recv(), 5.0))["body"]["text"] == "hello"
            _, body = await call(emulator, "GET", "/__emulator/settings")
            assert body["limits"]["messages_per_session_per_s"] is None

    async def test_any_setting_can_be_changed_while_it_runs(self):
        async with emulating() as emulator, guest(emulator) as socket:
            await configured(socket)
            changes = {
                "deployment": {"agent_typing": False},
                "token_life_s": 7,
                "queues": [{"id": "second"}],
            }
            _, body = await call(emulator, "POST", "/__emulator/settings", json=changes)
            values = {one["key"]: one["value"] for one in body["settings"]}
            await control(emulator, "typing", token=TOKEN)
            await control(emulator, "say", token=TOKEN, text="not typing")
            heard = json.loads(await socket.recv())
            found = values["deployment.agent_typing"], values["token_life_s"], heard["body"]["text"]
            assert found == (False, 7, "not typing")
            assert emulator.platform_api.queues.named("second", "queue").name == "Support"

    @pytest.mark.parametrize(
        ("changes", "field", "remedy"),
        [
            (
                {"limits": {"text_bytes": 0}},
                "limits.text_bytes",
                "it must be: integer or null, at least 1",
            ),
            ({"port": 1}, "port", "give it to guestd emulate --set port=VALUE"),
            ({"colour": 1}, "colour", "see the list of settings"),
        ],
    )
    async def test_a_setting_that_is_refused_says_key_and_bound(self, changes, field, remedy):
        async with emulating() as emulator:
            status, body = await call(emulator, "POST", "/__emulator/settings", json=changes)
            assert (status, body["field"], body["remedy"]) == (400, field, remedy)

    async def test_counters_and_journal(self):
        async with emulating() as emulator, guest(emulator) as socket:
            await configured(socket)
            await say(socket, "hello")
            _, counters = await call(emulator, "GET", "/__emulator/counters")
            assert (
                counters["connects_total"] == 1
                and counters["connects_most_in_a_minute"] == 1
                and counters["sessions"] == 1
            )
            _, journal = await call(emulator, "GET", f"/__emulator/journal?token={TOKEN}")
            assert [json.loads(one["text"])["action"] for one in journal["entries"]] == [
                "onMessage"
            ]

    @pytest.mark.parametrize(
        ("path", "body", "status", "field"),
        [
            ("say", {"token": "none", "text": "x"}, 404, "token"),
            ("say", {"token": TOKEN}, 400, "text"),
            ("say", {"token": TOKEN, "text": 7}, 400, "text"),
            ("say", {"token": TOKEN, "text": "x" * 4001}, 400, "text"),
            ("say", {"token": TOKEN, "text": "x", "quick_replies": ["a"]}, 400, "quick_replies"),
            ("disconnect", {"token": TOKEN, "mode": "loud"}, 400, "mode"),
            ("drop", {"all": True, "how": "gently"}, 400, "how"),
            ("drop", {"all": True, "code": 5}, 400, "code"),
            ("faults", [{"kind": "meteor", "rate": 1}], 400, "rules.0"),
            ("settings", {"limits": {"speed": 1}}, 400, "limits.speed"),
            ("settings", {"agent": "nobody"}, 400, "agent"),
            ("settings", {"colour": 1}, 400, "colour"),
        ],
    )
    async def test_bad_orders_name_their_field(self, path, body, status, field):
        async with emulating() as emulator, guest(emulator) as socket:
            await configured(socket)
            found, answer = await call(emulator, "POST", f"/__emulator/{path}", json=body)
            assert (found, answer["field"]) == (status, field), answer

    async def test_a_body_that_is_no_json(self):
        async with emulating() as emulator:
            for path in ("say", "faults", "drop"):
                assert (await call(emulator, "POST", f"/__emulator/{path}", data=b"[" * 100_000))[
                    0
                ] == 400


class TestFaults:
    async def test_on_request_and_gone_again(self):
        async with emulating() as emulator, guest(emulator) as socket:
            await configured(socket)
            await call(
                emulator,
                "POST",
                "/__emulator/faults",
                json={"seed": 3, "rules": [{"kind": "throttle", "every": 1, "retry_after_s": 9}]},
            )
            answer = await say(socket, "hello")
            assert (answer["code"], answer["body"]["retryAfter"]) == (429, 9)
            assert not emulator.world.sessions[TOKEN].messages, "a throttled message was not taken"
            _, report = await call(emulator, "DELETE", "/__emulator/faults")
            assert report["rules"] == [] and report["injected"] == {"throttle": 1}
            assert (await say(socket, "hello"))["code"] == 200

    @pytest.mark.parametrize(
        ("rule", "frames"),
        [
            ({"kind": "duplicate"}, ["a", "a", "b"]),
            ({"kind": "mute"}, ["b"]),
            ({"kind": "delay", "ms": 50}, ["a", "b"]),
            ({"kind": "malformed"}, ["a", "?", "b"]),
            ({"kind": "malformed", "mode": "replace"}, ["?", "b"]),
            ({"kind": "binary"}, ["a", "?", "b"]),
        ],
        ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else "",
    )
    async def test_what_a_fault_makes_of_the_telling(self, rule, frames):
        async with emulating(faults=({**rule, "count": 1},)) as emulator, guest(emulator) as socket:
            await configured(socket)
            for text in ("a", "b"):
                await control(emulator, "say", token=TOKEN, text=text)
            seen = []
            while len(seen) < len(frames):
                raw = await asyncio.wait_for(socket.recv(), 5.0)
                try:
                    seen.append(json.loads(raw)["body"]["text"])
                except (ValueError, UnicodeDecodeError):
                    seen.append("?")
            assert seen == frames
            assert [one["text"] for one in emulator.world.sessions[TOKEN].messages] == [
                "a",
                "b",
            ], "the record stays true"

    async def test_reorder_lets_later_ones_overtake(self):
        async with (
            emulating(faults=({"kind": "reorder", "count": 1, "ms": 400},), seed=1) as emulator,
            guest(emulator) as socket,
        ):
            await configured(socket)
            for text in ("a", "b", "c"):
                await control(emulator, "say", token=TOKEN, text=text)
            seen = [
                json.loads(await asyncio.wait_for(socket.recv(), 5.0))["body"] for _ in range(3)
            ]
            assert sorted(one["text"] for one in seen) == ["a", "b", "c"]
            assert [one["text"] for one in seen] != ["a", "b", "c"]

    async def test_equal_times(self):
        async with (
            emulating(faults=({"kind": "equal_times", "every": 2},)) as emulator,
            guest(emulator) as socket,
        ):
            await configured(socket)
            for text in "abcd":
                await control(emulator, "say", token=TOKEN, text=text)
            times = [json.loads(await socket.recv())["body"]["channel"]["time"] for _ in range(4)]
            assert len(set(times)) < 4 and times == sorted(times)

    @pytest.mark.parametrize(
        ("rule", "code"),
        [
            ({"kind": "close", "code": 1012}, 1012),
            ({"kind": "drop", "when": "before"}, 1006),
            ({"kind": "drop", "when": "after"}, 1006),
        ],
    )
    async def test_what_ends_the_link(self, rule, code):
        async with emulating() as emulator, guest(emulator) as socket:
            await configured(socket)
            await call(emulator, "POST", "/__emulator/faults", json=[{**rule, "count": 1}])
            await socket.send(
                json.dumps(
                    {
                        "action": "onMessage",
                        "token": TOKEN,
                        "message": {"type": "Text", "text": "x"},
                    }
                )
            )
            with pytest.raises(ConnectionClosed):
                while True:
                    await asyncio.wait_for(socket.recv(), 5.0)
            assert socket.close_code == code
            expected = 1 if rule.get("when") == "after" else 0
            assert len(emulator.world.sessions[TOKEN].messages) == expected

    @pytest.mark.parametrize("kind", ["kick", "expired_session"])
    async def test_what_ends_the_session(self, kind):
        async with emulating() as emulator, guest(emulator) as socket:
            await configured(socket)
            await call(emulator, "POST", "/__emulator/faults", json=[{"kind": kind, "count": 1}])
            await socket.send(json.dumps({"action": "getJwt", "token": TOKEN}))
            frame = json.loads(await asyncio.wait_for(socket.recv(), 5.0))
            assert (
                frame["class"]
                == {"kick": "ConnectionClosedEvent", "expired_session": "SessionExpiredEvent"}[kind]
            )

    async def test_rest_faults(self):
        async with emulating() as emulator, guest(emulator) as socket:
            await configured(socket)
            await say(socket, "hello")
            headers = {"Authorization": f"Bearer {(await ask(socket, 'getJwt'))['body']['jwt']}"}
            rules = [
                {"kind": "http_status", "count": 1, "status": 503},
                {"kind": "empty_history", "count": 1},
            ]
            await call(emulator, "POST", "/__emulator/faults", json=rules)
            answers = [
                await call(emulator, "GET", "/api/v2/webmessaging/messages", headers=headers)
                for _ in range(3)
            ]
            assert answers[0][0] == 503
            assert answers[1][1]["entities"] == [] and answers[1][1]["total"] == 1
            assert len(answers[2][1]["entities"]) == 1

    async def test_a_refused_upgrade(self):
        async with emulating(
            faults=({"kind": "refuse_upgrade", "count": 1, "status": 503},)
        ) as emulator:
            with pytest.raises(InvalidStatus) as refused:
                async with guest(emulator):
                    pass
            assert refused.value.response.status_code == 503
            async with guest(emulator) as socket:
                await configured(socket)


async def test_tls_with_a_certificate_it_makes_itself(tmp_path):
    async with emulating(tls_dir=tmp_path) as emulator:
        assert emulator.url.startswith("https://")
        context = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
        async with connect(
            f"wss://localhost:{emulator.port}/v1?deploymentId={DEFAULT_DEPLOYMENT_ID}",
            ssl=context,
            proxy=None,
        ) as socket:
            await configured(socket)
        async with emulator.http.get(f"{emulator.url}/__emulator/health", ssl=context) as answer:
            assert answer.status == 200
        keys = [path for path in tmp_path.iterdir() if "key" in path.name]
        assert keys and all(path.stat().st_mode & 0o077 == 0 for path in keys), (
            "private keys are private"
        )


async def test_a_reset_gives_no_id_a_second_time():
    """A client that lives on would take the new message for one it has seen."""
    async with emulating() as emulator:
        ids = []
        for _ in range(2):
            async with guest(emulator) as socket:
                await configured(socket)
                ids.append((await say(socket, "hello"))["body"]["id"])
            await control(emulator, "reset")
        assert ids[0] != ids[1]


async def test_two_runs_with_one_seed_speak_alike():
    heard = []
    for _ in range(2):
        async with emulating(agent="faq", seed=7) as emulator, guest(emulator) as socket:
            await configured(socket)
            ids = [(await say(socket, "hours"))["body"]["id"]]
            for _ in range(2):
                ids.append(json.loads(await asyncio.wait_for(socket.recv(), 5.0))["body"]["id"])
            heard.append(ids)
    assert heard[0] == heard[1]


async def test_stopping_leaves_nothing(tmp_path):
    before = {task for task in asyncio.all_tasks()}
    async with emulating() as emulator, guest(emulator) as socket:
        await configured(socket)
        await emulator.stop()
        with pytest.raises(ConnectionClosed):
            await socket.recv()
    await asyncio.sleep(0.05)
    assert {task for task in asyncio.all_tasks()} <= before | {asyncio.current_task()}


class TestDevicesAndTokens:
    async def test_a_push_device_is_registered_once_and_changed_when_it_is_there(self):
        place = f"/api/v2/webmessaging/deployments/{DEFAULT_DEPLOYMENT_ID}/pushdevices/{TOKEN}"
        async with emulating() as emulator:
            told = []
            for method in ("PATCH", "POST", "POST", "PATCH", "DELETE", "PATCH"):
                body = None if method == "DELETE" else {"deviceToken": "d"}
                status, answer = await call(emulator, method, place, json=body)
                told.append((status, answer["code"] if answer else ""))
            not_found, done = (404, "device.not.found"), (204, "")
            assert told == [
                not_found,
                done,
                (409, "device.already.registered"),
                done,
                done,
                not_found,
            ]

    async def test_after_a_logout_the_refresh_token_gives_nothing(self):
        settings = {"deployments": (Deployment(authentication=True),)}
        async with emulating(**settings) as emulator:
            asked = {"deploymentId": DEFAULT_DEPLOYMENT_ID, "oauth": {"code": "x"}}
            _, grant = await call(
                emulator,
                "POST",
                "/api/v2/webdeployments/token/oauthcodegrantjwtexchange",
                json=asked,
            )
            bearer = {"Authorization": f"Bearer {grant['jwt']}"}
            await call(emulator, "DELETE", "/api/v2/webdeployments/token/revoke", headers=bearer)
            refresh = {"refreshToken": grant["refreshToken"]}
            status, _ = await call(
                emulator, "POST", "/api/v2/webdeployments/token/refresh", json=refresh
            )
            assert status == 401
