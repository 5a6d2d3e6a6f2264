"""The platform's REST side through the control API: a whole daemon, its own emulator, real HTTP both ways."""

from __future__ import annotations

import asyncio
import gc
import re
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import orjson
import pytest
from aiohttp import web

from daemon.app.config import Config
from daemon.app.house import House
from daemon.app.systemd import Notifier
from daemon.emulator import DEFAULT_QUEUE_ID

GUEST_TOKEN = "canary-guest-token-0123456789"
MESSAGING = {"guestToken": GUEST_TOKEN, "queueId": DEFAULT_QUEUE_ID}
SETTINGS = {"displaySettings": {"delayMs": 1000, "maxConcurrentPrompts": 1, "autoDismissMs": 10_000}}


@asynccontextmanager
async def a_house(**sections):
    """The daemon as `guestd serve` has it, and a way to ask it: (house, ask)."""
    thresholds = gc.get_threshold()
    config = Config.model_validate({"simulator": {"port": 0}, **sections})
    house = House(config, asyncio.get_running_loop(), Notifier())
    try:
        await house.start(quiet=True)
        async with aiohttp.ClientSession(house.http.url) as session:

            async def ask(method, path, body=None, **more):
                async with session.request(method, path, json=body, **more) as answer:
                    found = orjson.loads(await answer.read())
                    assert (answer.status >= 400) == (answer.content_type == "application/problem+json")
                    assert GUEST_TOKEN not in str(found)
                    return answer.status, found, answer.headers

            yield house, ask
    finally:
        await house.stop()
        gc.unfreeze()
        gc.set_threshold(*thresholds)


async def conversation(ask):
    status, found, _ = await ask("POST", "/v1/messaging-sessions?wait=10s", MESSAGING)
    assert status == 202 and found["status"] == "running", found
    return found["result"]["conversation_id"]


async def test_sess_7_a_guest_is_created_once_for_one_id():
    async with a_house() as (house, ask):
        wish = {"guestId": "g1", "queueId": DEFAULT_QUEUE_ID, "guestToken": GUEST_TOKEN}
        status, found, headers = await ask("POST", "/v1/guests?wait=10s", {**wish, "operation_id": "op1"})
        assert (status, found["status"], headers["Location"]) == (201, "succeeded", "/v1/guests/op1")
        again = await ask("POST", "/v1/guests?wait=10s", wish, headers={"Idempotency-Key": "op1"})
        assert (again[0], again[1]) == (201, found)
        assert (await ask("GET", "/v1/guests/op1"))[1] == found
        other = await ask("POST", "/v1/guests?wait=10s", {**wish, "guestId": "g2", "operation_id": "op1"})
        assert (other[0], other[1]["code"]) == (409, "conflict")
        wrong_kind = await ask("GET", "/v1/injections/op1")
        assert wrong_kind[0] == 404


async def test_sess_6_a_messaging_session_is_begun_listed_and_ended():
    async with a_house() as (house, ask):
        status, found, _ = await ask("POST", "/v1/messaging-sessions?wait=10s", {**MESSAGING, "operation_id": "m1"})
        assert (status, found["status"]) == (202, "running")
        assert [one["operation_id"] for one in (await ask("GET", "/v1/messaging-sessions"))[1]["operations"]] == ["m1"]
        assert (await ask("GET", "/v1/guests"))[1] == {"operations": []}
        status, found, _ = await ask("DELETE", "/v1/messaging-sessions/m1")
        assert status == 200
        async with asyncio.timeout(10.0):
            while (await ask("GET", "/v1/messaging-sessions/m1"))[1]["status"] == "running":
                await asyncio.sleep(0.02)


async def test_inj_1_messages_are_injected_and_a_bad_one_is_named():
    async with a_house() as (house, ask):
        interaction = await conversation(ask)
        message = {"type": "text", "from": "agent", "text": "I have found your parcel."}
        wish = {"interactionId": interaction, "messages": [message]}
        status, found, _ = await ask("POST", "/v1/injections?wait=10s", wish)
        assert (status, found["status"]) == (201, "succeeded"), found
        bad = {**wish, "messages": [message, {**message, "text": "x" * 4097}]}
        status, found, _ = await ask("POST", "/v1/injections", bad)
        assert (status, found["code"]) == (422, "invalid") and "messages" in found["field"] and "1" in found["field"]


async def test_http_3_the_platforms_refusal_is_a_problem():
    async with a_house() as (house, ask):
        message = {"type": "text", "from": "agent", "text": "hello"}
        wish = {"interactionId": "5f2c0e1a-0000-4000-8000-000000000000", "messages": [message]}
        status, found, _ = await ask("POST", "/v1/injections?wait=10s", wish)
        assert status == 404 and found["detail"] and found["correlation_id"]


async def test_assist_2_a_prompt_too_many_is_deferred_and_given_up():
    async with a_house() as (house, ask):
        wish = {
            "conversationId": await conversation(ask),
            "promptId": "5f2c0e1a-0000-4000-8000-000000000000",
            **SETTINGS,
        }
        assert (await ask("POST", "/v1/prompts?wait=10s", wish))[0] == 201
        status, found, headers = await ask("POST", "/v1/prompts?wait=1s", wish)
        assert (status, found["status"]) == (202, "deferred")
        assert (await ask("DELETE", headers["Location"]))[0] == 200
        assert (await ask("GET", headers["Location"]))[1]["status"] == "failed"


async def test_without_waiting_it_is_under_way_and_a_wait_that_is_none_is_refused():
    async with a_house() as (house, ask):
        status, found, headers = await ask("POST", "/v1/messaging-sessions", MESSAGING)
        assert status == 202 and headers["Location"].endswith(found["operation_id"])
        for wait in ("soon", "-1s", "", "9" * 9):
            assert (await ask("POST", "/v1/guests", {}, params={"wait": wait}))[1]["field"] == "query.wait"


async def test_sync_1_a_dead_letter_is_listed_and_sent_again():
    answers = [410, 200]
    heard = []

    async def receive(request):
        heard.append(request.headers)
        return web.Response(status=answers.pop(0) if answers else 200)

    app = web.Application()
    app.router.add_post("/", receive)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    crm = {
        "name": "crm",
        "url": f"http://127.0.0.1:{runner.addresses[0][1]}/",
        "secrets": ["a-secret-of-sixteen-bytes"],
        "events": ["session.connected"],
        "allow_internal": ["127.0.0.1"],
    }
    try:
        async with a_house(webhooks={"targets": [crm], "attempts_max": 1}) as (house, ask):
            await ask("POST", "/v1/sessions", {"name": "ana"})

            async def until(status):
                async with asyncio.timeout(10.0):
                    while True:
                        _, found, _ = await ask("GET", f"/v1/webhooks/deliveries?status={status}")
                        if found["deliveries"]:
                            return found["deliveries"][0]
                        await asyncio.sleep(0.02)

            dead = await until("dead")
            assert (dead["target"], dead["event"], dead["attempts"]) == ("crm", "session.connected", 1)
            status, again, _ = await ask("POST", f"/v1/webhooks/deliveries/{dead['delivery_id']}/replay")
            assert (status, again["delivery_id"]) == (200, dead["delivery_id"])
            assert (await until("delivered"))["delivery_id"] == dead["delivery_id"]
            assert (await ask("POST", "/v1/webhooks/replay-dead"))[1] == {"replayed": 0}
            assert (await ask("POST", "/v1/webhooks/deliveries/nothing/replay"))[0] == 404
            assert len(heard) == 2
    finally:
        await runner.cleanup()


async def test_without_an_oauth_client_it_says_what_to_set(new_town):
    async with new_town() as town, aiohttp.ClientSession(town.http.url) as session:
        async with session.post("/v1/injections", json={}) as answer:
            assert (answer.status, (await answer.json(content_type=None))["code"]) == (404, "not_configured")


@pytest.mark.filterwarnings("default")
async def test_schemathesis_finds_no_server_error_and_no_break_of_the_description(tmp_path):
    """By its command line, in another process: bounded, from a seed. A 4xx that no schema can foresee is no break."""
    program = Path(sys.executable).parent / "schemathesis"
    async with a_house() as (house, ask):
        command = [
            *("run", f"{house.http.url}/v1/openapi.json", "--seed", "4", "--max-examples", "8", "--no-color"),
            *("--generation-database", "none", "--exclude-checks", "positive_data_acceptance,use_after_free"),
            *("--request-timeout", "20", "--warnings", "off"),
        ]
        child = await asyncio.create_subprocess_exec(
            program, *command, cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        told = (await child.communicate())[0].decode()
        assert child.returncode == 0, told[-4000:]
        assert int(re.search(r"(\d+) generated", told)[1]) > 300
