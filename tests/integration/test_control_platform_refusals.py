"""The platform's refusals as callers of an operation see them, and what the audit keeps."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

import aiohttp
import orjson
import pytest
from typer.testing import CliRunner

from guestd.app.cli import app
from guestd.emulator import DEFAULT_DEPLOYMENT_ID, DEFAULT_QUEUE_ID, Emulator, EmulatorSettings
from guestd.emulator.platform_api.calls import PlatformResponse
from guestd.emulator.platform_api.interactions import Interactions
from guestd.model.records import OWN_STREAM

from .operations_daemon import (
    GUEST_TOKEN,
    HELLO,
    MESSAGING,
    NOBODY,
    PROMPT_ID,
    SETTINGS,
    conversation,
    running_daemon,
)


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
    problem, reported = await refused_injection("errors")
    expected = {
        "type": "urn:guestd:problem:platform_refused",
        "title": HTTPStatus(422).phrase,  # its name changed in Python 3.13
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
        "correlation_id": reported["correlation_id"],
        "remedy": "correct the request",
    }
    kept = {
        name: reported[name] for name in ("error_code", "error_status", "platform_code", "errors")
    }
    audited = {
        "error_code": "platform_refused",
        "error_status": 400,
        "platform_code": "fault",
        "errors": [{"message": "refused by a fault with 400", "code": "fault"}],
    }
    assert (problem, kept, reported["correlation_id"] != "") == (expected, audited, True)


async def test_http_3_the_command_line_tells_the_platforms_code_and_correlation_id():
    """In its text, without --json; of the operation as it is shown later, too."""
    async with running_daemon() as (daemon, ask):
        interaction = await conversation(ask)
        rule = {"kind": "http_status", "status": 400, "every": 1, "form": "errors"}
        daemon.emulator.faults.set([rule], daemon.emulator.now())
        where = ["--url", daemon.http.url]
        reported = []
        for command in (
            ["inject", interaction, "-m", "agent:hello", "--id", "i1"],
            ["prompt", interaction, PROMPT_ID, "--id", "p1"],
        ):
            found = await asyncio.to_thread(CliRunner().invoke, app, [*command, *where])
            reported.append((found.exit_code, found.stderr.splitlines()[1:]))
        shown = await asyncio.to_thread(
            CliRunner().invoke, app, ["operations", "show", "prompt", "p1", *where]
        )
        ids = [
            (await daemon.operations.view(one)).problem["correlation_id"] for one in ("i1", "p1")
        ]
    line = "guestd: the platform's status 400, code fault, correlation id {}"
    words = f"platform_code fault correlation_id {ids[1]}"
    assert (reported, words in " ".join(shown.output.split())) == (
        [(1, [line.format(one)]) for one in ids],
        True,
    )


@pytest.mark.parametrize(
    ("token_status", "setting"),
    [(400, "client_id"), (404, "token_url"), (409, "token_url"), (422, "client_id")],
)
async def test_http_3_a_refused_token_is_told_wherever_the_operation_is(token_status, setting):
    """By the command, by the API and in every line of the audit: the platform's code and status,
    and what to set; it is no mistake of the request."""
    async with running_daemon() as (daemon, ask):
        rule = {"kind": "http_status", "status": token_status, "every": 1, "path": "/oauth/token"}
        daemon.emulator.faults.set([rule], daemon.emulator.now())
        _, problem, _ = await ask(
            "POST", "/v1/injections?wait=10s", {**HELLO, "interactionId": "i"}
        )
        command = ["inject", "i", "-m", "agent:hello", "--url", daemon.http.url]
        found = await asyncio.to_thread(CliRunner().invoke, app, command)
        facts = [
            orjson.loads(row.payload)
            for row in (await daemon._journal.read(OWN_STREAM, 0, 1000)).rows
        ]
    names = ("status", "code", "platform_status", "platform_code")
    advice = [
        words in problem["detail"] for words in (f"platform.{setting}", "correct the request")
    ]
    on_stderr = f"guestd: the platform's status {token_status}, code fault" in found.stderr
    audited = {
        one["action"]: (one["details"].get("platform_code"), one["details"].get("error_status"))
        for one in facts
        if one["status"] == "failed"
    }
    lines = ("oauth.refused", "injection.preflight", "injection.completed")
    assert ([problem.get(name) for name in names], advice, on_stderr, audited) == (
        [502, "platform_token_refused", token_status, "fault"],
        [True, False],
        True,
        dict.fromkeys(lines, ("fault", token_status)),
    )


async def run(daemon, *command):
    """(exit code, standard output, the lines on standard error) of guestd."""
    where = ["--url", daemon.http.url]
    found = await asyncio.to_thread(CliRunner().invoke, app, [*command, *where])
    return found.exit_code, " ".join(found.stdout.split()), found.stderr.splitlines()


async def test_http_3_an_interaction_that_is_over_is_a_conflict_with_the_platforms_own_status():
    """Of the API 409, of the platform the 200 that it answered, with its correlation id; on the
    command line too."""
    async with running_daemon() as (daemon, ask):
        interaction = await conversation(ask)
        async with aiohttp.ClientSession(daemon.emulator.url) as http:
            await http.post(f"/__emulator/conversations/{interaction}/end")
        request = {**HELLO, "interactionId": interaction, "operation_id": "i1"}
        status, problem, _ = await ask("POST", "/v1/injections?wait=10s", request)
        code, _, lines = await run(daemon, "inject", interaction, "-m", "agent:hi", "--id", "i2")
        views = [await daemon.operations.view(one) for one in ("i1", "i2")]
    first, second = (one.problem["correlation_id"] for one in views)
    names = ("code", "platform_status", "correlation_id")
    line = f"guestd: the platform's status 200, correlation id {second}"
    assert (status, [problem.get(name) for name in names], code, lines[1:]) == (
        409,
        ["conflict", 200, first],
        1,
        [line],
    )


async def test_inj_4_the_command_fails_where_the_answer_is_wrong(monkeypatch):
    """It prints the operation, which is uncertain, and a program learns it from the exit code."""
    answer = PlatformResponse({"messages": []})
    monkeypatch.setattr(Interactions, "inject", lambda self, call: answer)
    async with running_daemon() as (daemon, ask):
        interaction = await conversation(ask)
        code, shown, lines = await run(daemon, "inject", interaction, "-m", "agent:hi")
    assert (code, "status uncertain" in shown, lines) == (1, True, [])


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
    reported = (
        "interaction.get: the platform has no such path, GET /api/v2/elsewhere/{interactionId}: it"
        " answered 404 HTTP 404 Not Found; see platform.paths, where the paths of your org are set,"
        " and platform.api_url"
    )
    facts = status, found["code"], found.get("field"), found["detail"]
    assert facts == (502, "platform_path_unknown", None, reported)


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
    reported = [
        (one["action"], one["status"], one["details"]["oauth_client"])
        for one in lines
        if "oauth" in one.get("action", "")
    ]
    expected = [
        ("oauth.fetched", "success"),
        ("oauth.expired", "success"),
        ("oauth.refreshed", "success"),
    ]
    assert reported == [(*words, "emulator-client") for words in expected]


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
            reported = {}
            for path, wish in WISHES.items():
                _, found, _ = await ask("POST", f"/v1/{path}?wait=10s", wish)
                reported[path] = (found["status"], found.get("missing_scope"), found.get("scopes"))
    assert reported == {
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
