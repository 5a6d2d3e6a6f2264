"""The platform's REST side through the control API: a whole daemon, its own emulator, real HTTP
both ways."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from guestd.app.config import Config
from guestd.emulator import DEFAULT_QUEUE_ID

from .operations_daemon import GUEST_TOKEN, MESSAGING, SETTINGS, conversation, running_daemon


async def test_sess_7_a_guest_is_created_once_for_one_id():
    async with running_daemon() as (daemon, ask):
        wish = {"guestId": "g1", "queueId": DEFAULT_QUEUE_ID, "guestToken": GUEST_TOKEN}
        status, found, headers = await ask(
            "POST", "/v1/guests?wait=10s", {**wish, "operation_id": "op1"}
        )
        assert (status, found["status"], headers["Location"]) == (
            201,
            "succeeded",
            "/v1/guests/op1",
        )
        again = await ask("POST", "/v1/guests?wait=10s", wish, headers={"Idempotency-Key": "op1"})
        assert (again[0], again[1]) == (201, found)
        assert (await ask("GET", "/v1/guests/op1"))[1] == found
        other = await ask(
            "POST", "/v1/guests?wait=10s", {**wish, "guestId": "g2", "operation_id": "op1"}
        )
        assert (other[0], other[1]["code"]) == (409, "conflict")
        two = {**wish, "operation_id": "op2"}
        headers = {"Idempotency-Key": "op3"}
        other = await ask("POST", "/v1/guests", two, headers=headers)
        assert (other[0], other[1]["field"]) == (409, "operation_id")
        assert other[1]["detail"].startswith("operation_id: must equal")
        other = await ask("POST", "/v1/guests", {**wish, "guestID": "g1", "queueId": 7})
        assert [one["field"] for one in other[1]["errors"]] == ["guestID", "queueId"]
        wrong_kind = await ask("GET", "/v1/injections/op1")
        assert wrong_kind[0] == 404


async def test_sess_1_one_more_rest_session_than_the_limit_is_refused():
    """500 by default; here two."""
    async with running_daemon(limits={"max_rest_sessions": 2}) as (_, ask):
        answers = []
        for n in range(3):
            status, found, headers = await ask(
                "POST", "/v1/messaging-sessions", {**MESSAGING, "operation_id": f"m{n}"}
            )
            answers.append((status, found.get("code"), headers.get("Retry-After")))
    refusal = "limit exceeded: 2 REST sessions are running, limits.max_rest_sessions is 2"
    facts = answers, found["detail"], Config().limits.max_rest_sessions
    assert facts == (
        [(202, None, None), (202, None, None), (429, "limit_exceeded", "1")],
        refusal,
        500,
    )


WRONG_SESSIONS = {
    "no life": (422, "durationS", "0 is too small; the minimum is 1"),
    "half a second": (
        422,
        "durationS",
        "must be a whole number; write digits without quotes or a point",
    ),
    "more than 45 minutes": (422, "durationS", "2701 s is too long; a session lasts 1 to 2700 s"),
    "no token": (422, "guestToken", "is required"),
    "a number for a token": (422, "guestToken", "must be a string; put it in quotes"),
    "no receipts": (422, "capabilities", "read-receipts must be in the list"),
    "no typing": (422, "capabilities", "typing-indicator must be in the list"),
    1: 202,
    2700: 202,
}


async def test_sess_2_and_3_what_is_wrong_is_named():
    """A life of 1 to 2700 s, a guest token that is a string, and the two capabilities."""
    wrong = {
        "no life": {"durationS": 0},
        "half a second": {"durationS": 1.5},
        "more than 45 minutes": {"durationS": 2701},
        "no token": {"guestToken": None},
        "a number for a token": {"guestToken": 4711},
        "no receipts": {"capabilities": ["typing-indicator"]},
        "no typing": {"capabilities": ["read-receipts", "file-transfer"]},
    }
    async with running_daemon() as (_, ask):
        found = {}
        for name, change in wrong.items():
            wish = {
                key: value for key, value in {**MESSAGING, **change}.items() if value is not None
            }
            status, problem, _ = await ask("POST", "/v1/messaging-sessions", wish)
            found[name] = status, problem["field"], problem["detail"].partition(": ")[2]
        for duration_s in (1, 2700):
            status, problem, _ = await ask(
                "POST", "/v1/messaging-sessions", {**MESSAGING, "durationS": duration_s}
            )
            found[duration_s] = status
    assert found == WRONG_SESSIONS


async def test_sess_6_a_messaging_session_is_begun_listed_and_ended():
    async with running_daemon() as (daemon, ask):
        status, found, _ = await ask(
            "POST", "/v1/messaging-sessions?wait=10s", {**MESSAGING, "operation_id": "m1"}
        )
        assert (status, found["status"]) == (202, "running")
        assert [
            one["operation_id"]
            for one in (await ask("GET", "/v1/messaging-sessions"))[1]["operations"]
        ] == ["m1"]
        assert (await ask("GET", "/v1/guests"))[1] == {"operations": []}
        status, found, _ = await ask("DELETE", "/v1/messaging-sessions/m1")
        assert (status, found["status"], found["ending"]) == (202, "running", True)
        status, found, _ = await ask("DELETE", "/v1/messaging-sessions/m1?wait=10s")
        assert (status, found["status"], found["ending"]) == (200, "succeeded", False)


async def test_an_end_that_is_waited_for_answers_with_what_became_of_it():
    async with running_daemon() as (daemon, ask):
        wish = {**MESSAGING, "operation_id": "m1"}
        _, found, _ = await ask("POST", "/v1/messaging-sessions?wait=10s", wish)
        assert (found["status"], found["ending"]) == ("running", False)
        status, found, _ = await ask("DELETE", "/v1/messaging-sessions/m1?wait=10s")
        assert (status, found["status"]) == (200, "succeeded")
        assert (await ask("DELETE", "/v1/messaging-sessions/m1?wait=soon"))[0] in (400, 422)


async def test_inj_1_messages_are_injected_and_a_bad_one_is_named():
    async with running_daemon() as (daemon, ask):
        interaction = await conversation(ask)
        message = {"type": "text", "from": "agent", "text": "I have found your parcel."}
        wish = {"interactionId": interaction, "messages": [message]}
        status, found, _ = await ask("POST", "/v1/injections?wait=10s", wish)
        assert (status, found["status"]) == (201, "succeeded"), found
        bad = {**wish, "messages": [message, {**message, "text": "x" * 4097}]}
        status, found, _ = await ask("POST", "/v1/injections", bad)
        assert (
            (status, found["code"]) == (422, "invalid")
            and "messages" in found["field"]
            and "1" in found["field"]
        )


async def test_assist_2_a_prompt_too_many_is_deferred_and_given_up():
    async with running_daemon() as (daemon, ask):
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
    async with running_daemon() as (daemon, ask):
        status, found, headers = await ask("POST", "/v1/messaging-sessions", MESSAGING)
        assert status == 202 and headers["Location"].endswith(found["operation_id"])
        for wait in ("soon", "-1s", "", "9" * 9):
            assert (await ask("POST", "/v1/guests", {}, params={"wait": wait}))[1][
                "field"
            ] == "query.wait"


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
        async with running_daemon(webhooks={"targets": [crm], "attempts_max": 1}) as (daemon, ask):
            await ask("POST", "/v1/sessions", {"name": "ana"})

            async def until(status):
                async with asyncio.timeout(30.0):
                    while True:
                        _, found, _ = await ask("GET", f"/v1/webhooks/deliveries?status={status}")
                        if found["deliveries"]:
                            return found["deliveries"][0]
                        await asyncio.sleep(0.02)

            dead = await until("dead")
            assert (dead["target"], dead["event"], dead["attempts"]) == (
                "crm",
                "session.connected",
                1,
            )
            status, again, _ = await ask(
                "POST", f"/v1/webhooks/deliveries/{dead['delivery_id']}/replay"
            )
            assert (status, again["delivery_id"]) == (200, dead["delivery_id"])
            assert (await until("delivered"))["delivery_id"] == dead["delivery_id"]
            assert (await ask("POST", "/v1/webhooks/replay-dead"))[1] == {"replayed": 0}
            assert (await ask("POST", "/v1/webhooks/deliveries/nothing/replay"))[0] == 404
            assert len(heard) == 2
    finally:
        await runner.cleanup()


async def test_without_an_oauth_client_it_says_what_to_set(new_stack):
    async with new_stack() as stack, aiohttp.ClientSession(stack.http.url) as session:
        async with session.post("/v1/injections", json={}) as answer:
            assert (answer.status, (await answer.json(content_type=None))["code"]) == (
                404,
                "not_configured",
            )


@pytest.mark.filterwarnings("default")
async def test_schemathesis_finds_no_server_error_and_no_break_of_the_description(tmp_path):
    """By its command line, in another process: bounded, from a seed. A 4xx that no schema can
    foresee is no break."""
    program = Path(sys.executable).parent / "schemathesis"
    async with running_daemon() as (daemon, ask):
        command = [
            *(
                "run",
                f"{daemon.http.url}/v1/openapi.json",
                "--seed",
                "4",
                "--max-examples",
                "8",
                "--no-color",
            ),
            *(
                "--generation-database",
                "none",
                "--exclude-checks",
                "positive_data_acceptance,use_after_free",
            ),
            *("--request-timeout", "20", "--warnings", "off"),
        ]
        child = await asyncio.create_subprocess_exec(
            program,
            *command,
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        reported = (await child.communicate())[0].decode()
        assert child.returncode == 0, reported[-4000:]
        assert int(re.search(r"(\d+) generated", reported)[1]) > 300
