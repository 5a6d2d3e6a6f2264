"""The platform's REST side through the control API: a whole daemon, its own emulator, real HTTP
both ways."""

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
from typer.testing import CliRunner

from guestd.app.cli import app
from guestd.app.config import Config
from guestd.app.daemon import Daemon
from guestd.app.systemd import Notifier
from guestd.emulator import DEFAULT_DEPLOYMENT_ID, DEFAULT_QUEUE_ID, Emulator, EmulatorSettings
from guestd.model.records import OWN_STREAM

GUEST_TOKEN = "canary-guest-token-0123456789"
MESSAGING = {"guestToken": GUEST_TOKEN, "queueId": DEFAULT_QUEUE_ID}
SETTINGS = {
    "displaySettings": {"delayMs": 1000, "maxConcurrentPrompts": 1, "autoDismissMs": 10_000}
}


@asynccontextmanager
async def running_daemon(**sections):
    """The daemon as `guestd serve` has it, and a way to ask it: (daemon, ask)."""
    thresholds = gc.get_threshold()
    config = Config.model_validate({"simulator": {"port": 0}, **sections})
    daemon = Daemon(config, asyncio.get_running_loop(), Notifier())
    try:
        await daemon.start(quiet=True)
        async with aiohttp.ClientSession(daemon.http.url) as session:

            async def ask(method, path, body=None, **more):
                async with session.request(method, path, json=body, **more) as answer:
                    found = orjson.loads(await answer.read())
                    assert (answer.status >= 400) == (
                        answer.content_type == "application/problem+json"
                    )
                    assert GUEST_TOKEN not in str(found)
                    return answer.status, found, answer.headers

            yield daemon, ask
    finally:
        await daemon.stop()
        gc.unfreeze()
        gc.set_threshold(*thresholds)


async def conversation(ask):
    status, found, _ = await ask("POST", "/v1/messaging-sessions?wait=10s", MESSAGING)
    assert status == 202 and found["status"] == "running", found
    return found["result"]["conversation_id"]


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
        assert status == 200
        async with asyncio.timeout(10.0):
            while (await ask("GET", "/v1/messaging-sessions/m1"))[1]["status"] == "running":
                await asyncio.sleep(0.02)


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


HELLO = {"messages": [{"type": "text", "from": "agent", "text": "hello"}]}
PROMPT_ID = "77ab0000-0000-4000-8000-000000000001"
NOBODY = "5f2c0e1a-0000-4000-8000-000000000000"


async def refused_injection(form, status=400):
    """An injection that the platform refuses, its message in that place: the problem, and what the
    audit gets."""
    async with running_daemon() as (daemon, ask):
        interaction = await conversation(ask)
        rule = {"kind": "http_status", "status": status, "every": 1, "path": INJECT, "form": form}
        daemon.emulator.faults.set([rule], daemon.emulator.now())
        _, problem, _ = await ask(
            "POST", "/v1/injections?wait=10s", {**HELLO, "interactionId": interaction}
        )
        facts = [
            orjson.loads(row.payload)
            for row in (await daemon._journal.read(OWN_STREAM, 0, 1000)).rows
        ]
        return problem, facts[-1]["details"]


INJECT = "/api/v2/interactions/chat/inject"


async def test_http_3_the_platforms_refusal_is_a_problem():
    """Status, code, correlation id, every message with its code, and what to do."""
    problem, told = await refused_injection("errors")
    expected = {
        "type": "urn:guestd:problem:platform_refused",
        "title": "Unprocessable Entity",
        "status": 422,
        "detail": (
            "interaction.inject: the platform answered 400 refused by a fault with 400 [fault];"
            " correct the request"
        ),
        "instance": "/v1/injections",
        "code": "platform_refused",
        "platform_status": 400,
        "platform_code": "fault",
        "errors": [{"message": "refused by a fault with 400", "code": "fault"}],
        "correlation_id": told["correlation_id"],
    }
    kept = {name: told[name] for name in ("error_code", "error_status", "platform_code", "errors")}
    audited = {
        "error_code": "platform_refused",
        "error_status": 400,
        "platform_code": "fault",
        "errors": [{"text": "refused by a fault with 400", "code": "fault"}],
    }
    assert (problem, kept, told["correlation_id"] != "") == (expected, audited, True)


async def test_http_3_the_command_line_tells_the_platforms_code_and_correlation_id():
    """In its text, without --json; of the operation as it is shown later, too."""
    async with running_daemon() as (daemon, ask):
        interaction = await conversation(ask)
        rule = {"kind": "http_status", "status": 400, "every": 1, "form": "errors"}
        daemon.emulator.faults.set([rule], daemon.emulator.now())
        where = ["--url", daemon.http.url]
        told = []
        for command in (
            ["inject", interaction, "-m", "agent:hello", "--id", "i1"],
            ["prompt", interaction, PROMPT_ID, "--id", "p1"],
        ):
            found = await asyncio.to_thread(CliRunner().invoke, app, [*command, *where])
            told.append((found.exit_code, found.stderr.splitlines()[1:]))
        shown = await asyncio.to_thread(
            CliRunner().invoke, app, ["operations", "show", "prompt", "p1", *where]
        )
        ids = [
            (await daemon.operations.view(one)).problem["correlation_id"] for one in ("i1", "p1")
        ]
    line = "guestd: the platform's status 400, code fault, correlation id {}"
    assert told == [(1, [line.format(one)]) for one in ids]
    assert f'"platform_code": "fault", "correlation_id": "{ids[1]}"' in shown.output


@pytest.mark.parametrize("form", ["message", "details", "nested"])
async def test_http_3_the_message_is_told_from_every_place(form):
    problem, _ = await refused_injection(form)
    assert "refused by a fault with 400" in problem["detail"]


async def test_http_3_a_thing_that_is_missing_is_named_by_its_field():
    async with running_daemon() as (_, ask):
        status, found, _ = await ask(
            "POST", "/v1/injections?wait=10s", {**HELLO, "interactionId": NOBODY}
        )
        assert (status, found["code"], found["field"]) == (404, "not_found", "interactionId")
        assert (
            f"There is no interaction {NOBODY}" in found["detail"]
            and "check the id" in found["detail"]
        )


async def test_http_3_a_path_that_the_platform_has_not_is_said_first():
    elsewhere = {"interaction.get": "/api/v2/elsewhere/{interactionId}"}
    async with running_daemon(platform={"paths": elsewhere}) as (_, ask):
        status, found, _ = await ask(
            "POST", "/v1/injections?wait=10s", {**HELLO, "interactionId": NOBODY}
        )
    told = (
        "interaction.get: the platform has no such path, GET /api/v2/elsewhere/{interactionId}: it"
        " answered 404 HTTP 404 Not Found; see platform.paths, where the paths of your org are set,"
        " and platform.api_url"
    )
    facts = status, found["code"], found.get("field"), found["detail"]
    assert facts == (502, "platform_path_unknown", None, told)


async def test_http_3_a_look_at_a_path_that_is_not_there_proves_nothing():
    """The answer to the opening is lost, and the way to look is unknown: whether it was opened
    cannot be known."""
    paths = {"conversation.get": "/api/v2/elsewhere/{conversationId}"}
    async with running_daemon(
        platform={"paths": paths}, operations={"tries_max": 1}, rest={"attempts_max": 1}
    ) as (
        daemon,
        ask,
    ):
        rule = {
            "kind": "http_status",
            "status": 500,
            "every": 1,
            "when": "after",
            "path": "/api/v2/conversations",
        }
        daemon.emulator.faults.set([rule], daemon.emulator.now())
        _, found, _ = await ask("POST", "/v1/messaging-sessions?wait=10s", MESSAGING)
        assert (found["status"], found["problem"]["code"]) == ("uncertain", "uncertain")


async def test_auth_2_what_becomes_of_the_token_is_in_the_audit(tmp_path):
    """Fetched at the first call; taken back by the platform, and refreshed."""
    (tmp_path / "journal").mkdir()
    async with running_daemon(journal={"directory": str(tmp_path / "journal")}) as (daemon, ask):
        for _ in range(2):
            await ask("POST", "/v1/injections?wait=10s", {**HELLO, "interactionId": NOBODY})
            daemon.emulator.platform_api.clients.expire_all()
    lines = [
        orjson.loads(line)
        for file in tmp_path.rglob("audit/*")
        for line in file.read_bytes().splitlines()
        if line
    ]
    told = [
        (one["action"], one["status"], one["details"]["oauth_client"])
        for one in lines
        if "oauth" in one.get("action", "")
    ]
    expected = [
        ("oauth.fetched", "success"),
        ("oauth.expired", "success"),
        ("oauth.refreshed", "success"),
    ]
    assert told == [(*words, "emulator-client") for words in expected]


WISHES = {
    "guests": {"guestId": "ana", "queueId": DEFAULT_QUEUE_ID, "guestToken": GUEST_TOKEN},
    "messaging-sessions": MESSAGING,
    "injections": {**HELLO, "interactionId": NOBODY},
    "prompts": {"conversationId": NOBODY, "promptId": NOBODY, **SETTINGS},
    "adoption": {"interval": "2026-01-01T00:00:00Z/2026-02-01T00:00:00Z"},
}


async def test_auth_4_403_names_the_missing_scope_in_every_operation():
    """A client that may only look at conversations: the problem says which scope it is to get, as a
    field of its own."""
    settings = EmulatorSettings(
        oauth_clients={"reader": "reader-secret"}, oauth_scopes={"reader": ("conversation:view",)}
    )
    async with Emulator(settings) as emulator:
        urls = {name: emulator.url for name in ("api_url", "cdn_url")}
        platform = {
            "guest_socket_url": "ws" + emulator.url.removeprefix("http"),
            "deployment_id": DEFAULT_DEPLOYMENT_ID,
            "token_url": f"{emulator.url}/oauth/token",
            "client_id": "reader",
            "client_secret": "reader-secret",
            **urls,
        }
        async with running_daemon(platform=platform) as (_, ask):
            told = {}
            for path, wish in WISHES.items():
                _, found, _ = await ask("POST", f"/v1/{path}?wait=10s", wish)
                told[path] = (found["status"], found.get("missing_scope"), found.get("scopes"))
    assert told == {
        "guests": (502, "externalcontacts:create", ["externalcontacts:create"]),
        "messaging-sessions": (
            502,
            "conversation:write",
            ["conversation:write", *MESSAGING_SCOPES],
        ),
        "injections": (502, "interaction:chat:write", ["interaction:chat:write"]),
        "prompts": (502, "agent-assist:prompt:write", ["agent-assist:prompt:write"]),
        "adoption": (502, "analytics:events:read", ["analytics:events:read"]),
    }


MESSAGING_SCOPES = ["conversations:messaging", "webchat:write"]


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
                async with asyncio.timeout(10.0):
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


async def test_without_an_oauth_client_it_says_what_to_set(new_town):
    async with new_town() as town, aiohttp.ClientSession(town.http.url) as session:
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
        told = (await child.communicate())[0].decode()
        assert child.returncode == 0, told[-4000:]
        assert int(re.search(r"(\d+) generated", told)[1]) > 300
