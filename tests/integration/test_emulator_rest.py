"""The emulator's platform API over real HTTP, as any client sees it."""

from __future__ import annotations

import asyncio
import io
import json

import pytest
from websockets.asyncio.client import connect

from guestd.emulator import DEFAULT_DEPLOYMENT_ID, DEFAULT_QUEUE_ID

from .rest_client import (
    BEAT,
    CONTACT,
    CONTACTS,
    CONVERSATION,
    FILE,
    INJECT,
    INJECTION,
    MESSAGING,
    OPENING,
    PRESIGN,
    PROMPT,
    PROMPTS,
    QUERY,
    START,
    platform,
)


class TestFront:
    async def test_auth_3_401_in_the_platforms_shape(self):
        async with platform() as client:
            client.headers = {"Authorization": "Bearer none"}
            status, headers, body = await client.whole("GET", CONTACTS)
            assert status == 401 and {"message", "code", "status", "contextId"} <= set(body)
            assert headers["ININ-Correlation-Id"].startswith("emulator-")

    async def test_auth_3_all_tokens_expire_on_request_and_by_a_fault(self):
        async with platform() as client:
            assert (await client.control("tokens/expire"))["expired"] == 1
            assert (await client.call("GET", CONTACTS))[0] == 401
            await client.sign_in()
            await client.control(
                "faults", [{"kind": "expired_tokens", "count": 1, "path": "/api/v2"}]
            )
            assert (await client.call("GET", CONTACTS))[0] == 401
            await client.sign_in()
            assert (await client.call("GET", CONTACTS))[0] == 200

    async def test_auth_4_403_names_the_scope(self):
        async with platform() as client:
            await client.sign_in("conversation:view")
            status, body = await client.call("POST", INJECT, INJECTION)
            assert status == 403 and body["code"] == "missing.any.permissions"
            assert "interaction:chat:write" in body["message"]
            assert body["messageParams"] == {"scopes": "interaction:chat:write"}

    async def test_the_rate_with_retry_after(self):
        async with platform(limits={"rest_calls_per_client_per_minute": 2}) as client:
            assert [(await client.call("GET", CONTACTS))[0] for _ in range(3)] == [200, 200, 429]
            _, headers, _ = await client.whole("GET", CONTACTS)
            assert 1 <= int(headers["Retry-After"]) <= 60

    async def test_http_2_calls_at_the_same_time_with_one_key_have_one_effect(self):
        async with platform() as client:
            answers = await asyncio.gather(
                *(client.call("POST", CONTACTS, CONTACT, "k1") for _ in range(20))
            )
            assert {status for status, _ in answers} == {201}
            assert len({body["id"] for _, body in answers}) == 1
            assert await client.mutations("contact", "k1") == 1
            (kept,) = await client.resource("idempotency")
            assert (kept["key"], kept["replays"]) == ("k1", 19)
            assert (await client.call("POST", CONTACTS, {**CONTACT, "address": "x"}, "k1"))[
                0
            ] == 422

    async def test_http_3_what_is_no_object_or_too_much(self):
        async with platform() as client:
            for raw in (b"[1]", b"{", b'{"a":' * 100 + b"1" + b"}" * 100, b'"\xff"', b'{"a": NaN}'):
                status, body = await client.call("POST", CONTACTS, data=raw)
                assert (status, body["code"]) == (400, "bad.request")
            status, body = await client.call("POST", CONTACTS, data=io.BytesIO(b" " * 1_100_000))
            assert (status, body["code"]) == (413, "request.too.large")
            status, body = await client.call("POST", CONTACTS, {**CONTACT, "type": "sms"})
            assert (status, body["messageParams"]) == (400, {"field": "type"})

    async def test_the_journal_has_the_key_and_a_reset_forgets(self):
        async with platform() as client:
            await client.call("POST", CONTACTS, CONTACT, "k1")
            entries = (await client.control("journal", method="GET"))["entries"]
            assert entries[-1]["text"] == f"POST {CONTACTS} Idempotency-Key: k1"
            await client.control("reset")
            assert await client.resource("contacts") == []
            await client.sign_in()
            assert (await client.call("POST", CONTACTS, CONTACT, "k1"))[0] == 201


class TestStories:
    async def test_sess_7_a_guest_in_three_steps(self):
        async with platform() as client:
            assert (await client.call("GET", f"/api/v2/routing/queues/{DEFAULT_QUEUE_ID}"))[
                0
            ] == 200
            status, contact = await client.call("POST", CONTACTS, CONTACT, "k-contact")
            body = {
                "contactId": contact["address"],
                "routingData": {"queueId": DEFAULT_QUEUE_ID, "skillRequirements": []},
                "customAttributes": {"sessionToken": "canary", "routingTarget": DEFAULT_QUEUE_ID},
            }
            made, conversation = await client.call("POST", MESSAGING, body, "k-conversation")
            assert (status, made) == (201, 201)
            found = await client.call("GET", f"{CONTACTS}?externalContactId=g1")
            assert [one["id"] for one in found[1]["entities"]] == [contact["id"]]
            assert (await client.call("GET", f"/api/v2/interactions/chat/{conversation['id']}"))[1][
                "state"
            ] == "active"
            resources = [
                await client.resource(name)
                for name in ("contacts", "conversations", "mutations", "idempotency")
            ]
            assert [len(one) for one in resources] == [1, 1, 2, 2] and "canary" not in str(
                resources
            )

    async def test_sess_7_another_queue(self):
        async with platform() as client:
            queue = "5c1a7e52-90d4-4b6f-8a0e-000000000000"
            assert (await client.call("GET", f"/api/v2/routing/queues/{queue}"))[0] == 404
            await client.control("queues", {"id": queue, "answer_after_s": 1000})
            assert (await client.call("GET", f"/api/v2/routing/queues/{queue}"))[0] == 200
            opening = {**OPENING, "to": [{"id": queue, "type": "queue"}]}
            assert (await client.call("POST", MESSAGING, opening))[1]["state"] == "queued"
            assert (await client.call("POST", INJECT, INJECTION))[0] == 200

    async def test_sess_4_5_6_one_session(self):
        async with platform() as client:
            await client.open()
            path = f"{MESSAGING}/{CONVERSATION}"
            assert (await client.call("PATCH", path, BEAT))[1]["heartbeats"] == 1
            assert (await client.call("PATCH", path, {"status": "disconnected"}))[1][
                "status"
            ] == "disconnected"
            assert (await client.call("PATCH", path, BEAT))[0] == 409
            assert (await client.call("PATCH", f"{MESSAGING}/none", BEAT))[0] == 404
            (found,) = await client.resource("conversations")
            assert [one["sequence"] for one in found["beats"]] == [1] and found[
                "ended_by"
            ] == "guest"

    async def test_sess_6_the_platform_ends_it(self):
        async with platform() as client:
            await client.open()
            await client.control(f"conversations/{CONVERSATION}/end")
            assert (await client.call("PATCH", f"{MESSAGING}/{CONVERSATION}", BEAT))[0] == 409
            assert (await client.call("POST", INJECT, INJECTION))[0] == 409

    async def test_inj_3_into_a_guests_session_on_the_socket(self):
        async with platform() as client:
            url = f"{client.emulator.ws_url}/v1?deploymentId={DEFAULT_DEPLOYMENT_ID}"
            async with connect(url, proxy=None) as socket:
                for action, more in (
                    ("configureSession", {"deploymentId": DEFAULT_DEPLOYMENT_ID}),
                    ("onMessage", {"message": {"type": "Text", "text": "hi"}}),
                ):
                    await socket.send(json.dumps({"action": action, "token": "t", **more}))
                    await asyncio.wait_for(socket.recv(), 30.0)
                _, running = await client.call("GET", "/api/v2/conversations")
                interaction = running["entities"][0]["id"]
                body = {**INJECTION, "interactionId": interaction}
                status, answer = await client.call("POST", INJECT, body, "k1")
                reported = json.loads(await asyncio.wait_for(socket.recv(), 30.0))
                assert status == 200 and reported["body"]["text"] == "hello"
                assert reported["body"]["id"] == answer["messages"][0]["id"]
                assert (await client.call("POST", INJECT, body, "k1"))[1] == answer
            assert await client.mutations("injection", "k1") == 1

    async def test_assist_2_409_until_the_prompt_leaves(self):
        now = [START]
        async with platform(now) as client:
            await client.open()
            assert (await client.call("POST", PROMPTS, PROMPT, "k1"))[0] == 200
            assert (await client.call("POST", PROMPTS, PROMPT, "k2"))[0] == 409
            now[0] += 10
            status, made = await client.call("POST", PROMPTS, PROMPT, "k2")
            assert status == 200
            assert (await client.control(f"prompts/{made['id']}", {"event": "clicked"}))[
                "status"
            ] != "SHOWN"
            assert (await client.call("POST", PROMPTS, PROMPT, "k3"))[0] == 200
            assert [one["key"] for one in await client.resource("prompts")] == ["k1", "k2", "k3"]

    async def test_assist_4_paging(self):
        now = [START]
        async with platform(now, prompts_viewed=1.0) as client:
            await client.open()
            for _ in range(5):
                assert (await client.call("POST", PROMPTS, PROMPT))[0] == 200
                now[0] += 10
            query = {"interval": "2027-01-15T00:00:00Z/2027-01-16T00:00:00Z", "pageSize": 4}
            query["metricNames"] = [
                f"agent-assist.prompt.{one}" for one in ("viewed", "clicked", "dismissed")
            ]
            reported: list[str] = []
            for size in (4, 4, 2):
                status, page = await client.call("POST", QUERY, query)
                assert (status, len(page["events"])) == (200, size)
                reported += [one["eventId"] for one in page["events"]]
                query["pageToken"] = page.get("pageToken")
            assert query["pageToken"] is None and len(set(reported)) == 10
            assert [one["eventId"] for one in await client.resource("events")] == reported

    async def test_sock_6_from_the_presigned_place_to_the_agent(self):
        async with platform() as client:
            _, slot = await client.call("POST", PRESIGN, FILE)
            url = f"{client.emulator.ws_url}/webchat/v1"
            async with connect(url, proxy=None) as socket:
                await socket.send(
                    json.dumps(
                        {"type": "connect", "guestInfo": {"name": "Ada", "email": "ada@x.org"}}
                    )
                )
                assert json.loads(await asyncio.wait_for(socket.recv(), 30.0)) == {
                    "type": "connect"
                }
                message = json.dumps(
                    {"type": "message", "text": "see", "attachments": [slot["metadata"]]}
                )
                await socket.send(message)
                assert (
                    "not been uploaded"
                    in json.loads(await asyncio.wait_for(socket.recv(), 30.0))["message"]
                )
                async with client.http.put(
                    slot["uploadUrl"], data=b"12345", headers={"Content-Type": "x/y"}
                ) as answer:
                    assert answer.status == 403
                typed = {"Content-Type": FILE["contentType"]}
                for raw, status in ((b"1234", 400), (b"12345", 200), (b"54321", 403)):
                    async with client.http.put(
                        slot["uploadUrl"], data=raw, headers=typed
                    ) as answer:
                        assert answer.status == status
                await socket.send(message)
                await client.control("say", {"token": "webchat:ada@x.org", "text": "thanks"})
                assert json.loads(await asyncio.wait_for(socket.recv(), 30.0))["text"] == "thanks"
            sessions = (await client.control("state", method="GET"))["sessions"]
            sent = sessions["webchat:ada@x.org"]["messages"][0]["attachments"]
            assert sent == [slot["metadata"]]
            async with client.http.get(sent[0]["url"]) as answer:
                assert (await answer.read(), answer.headers["Content-Type"]) == (
                    b"12345",
                    "image/png",
                )


class TestControl:
    @pytest.mark.parametrize(
        ("method", "path", "body", "status", "field"),
        [
            ("POST", "queues", {"identity": "x"}, 400, "identity"),
            ("POST", "conversations/none/end", {}, 404, "id"),
            ("POST", "prompts/none", {"event": "viewed"}, 404, "id"),
            ("GET", "mutations?limit=all", None, 400, "limit"),
            ("GET", f"mutations?limit={'9' * 5000}", None, 400, "limit"),
            ("POST", "guest-keys", {"keys": [{"kty": "RSA"}]}, 400, "keys"),
        ],
    )
    async def test_what_makes_no_sense(self, method, path, body, status, field):
        async with platform() as client:
            found, answer = await client.call(method, f"/__emulator/{path}", body)
            assert (found, answer["field"]) == (status, field)

    async def test_an_event_that_is_none(self):
        async with platform() as client:
            await client.open()
            _, made = await client.call("POST", PROMPTS, PROMPT)
            found, answer = await client.call(
                "POST", f"/__emulator/prompts/{made['id']}", {"event": "eaten"}
            )
            assert (found, answer["field"]) == (400, "event")
