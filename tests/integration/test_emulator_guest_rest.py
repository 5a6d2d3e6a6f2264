"""What a guest's client asks of the emulator over HTTP."""

from __future__ import annotations

import asyncio
import json

import pytest

from guestd.emulator import DEFAULT_DEPLOYMENT_ID
from guestd.emulator.settings import Deployment

from .emulator_client import TOKEN, ask, basic, call, configured, emulating, guest, say


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
            reported = json.loads(await asyncio.wait_for(socket.recv(), 30.0))
            assert (reported["class"], reported["type"], reported["code"]) == (
                "UploadSuccessEvent",
                "message",
                200,
            )
            async with emulator.http.get(reported["body"]["downloadUrl"]) as answer:
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
            reported = json.loads(await asyncio.wait_for(socket.recv(), 30.0))
            assert (reported["class"], reported["body"]["errorCode"]) == (
                "UploadFailureEvent",
                4003,
            )
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
            assert json.loads(await asyncio.wait_for(socket.recv(), 30.0))["class"] == "LogoutEvent"

    async def test_a_path_that_is_not_there_is_answered_as_the_platform_does(self):
        async with emulating() as emulator:
            answer = await call(emulator, "GET", "/api/v2/nothing")
            assert (answer[0], answer[1]["code"], answer[1]["message"]) == (
                404,
                "not found",
                "HTTP 404 Not Found",
            )


class TestDevicesAndTokens:
    async def test_a_push_device_is_registered_once_and_changed_when_it_is_there(self):
        place = f"/api/v2/webmessaging/deployments/{DEFAULT_DEPLOYMENT_ID}/pushdevices/{TOKEN}"
        async with emulating() as emulator:
            reported = []
            for method in ("PATCH", "POST", "POST", "PATCH", "DELETE", "PATCH"):
                body = None if method == "DELETE" else {"deviceToken": "d"}
                status, answer = await call(emulator, method, place, json=body)
                reported.append((status, answer["code"] if answer else ""))
            not_found, done = (404, "device.not.found"), (204, "")
            assert reported == [
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
