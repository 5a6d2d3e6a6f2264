"""HTTP-3, AUTH-3 and AUTH-4: what the platform's refusals and odd answers become, and what is never
shown."""

from __future__ import annotations

import asyncio
import logging

import pytest
from aiohttp import web

from guestd.model.errors import (
    Conflicting,
    NoSuchPath,
    NoSuchThing,
    NotAuthenticated,
    PayloadRefused,
    PlatformRefused,
    PlatformUnavailable,
    ScopeMissing,
)
from guestd.observe.exposition import exposition
from guestd.platform.calls import RestCalls
from guestd.platform.settings import RestSettings
from guestd.platform.table import CALLS

NAMES = sorted(CALLS)
WRITES = [name for name in NAMES if not CALLS[name].reads]


# ------------------------------------------------------------------ HTTP-3 and AUTH-4


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, PayloadRefused),
        (404, NoSuchThing),
        (408, PlatformRefused),
        (409, Conflicting),
        (413, PayloadRefused),
        (418, PlatformRefused),
        (422, PayloadRefused),
    ],
)
async def test_http_3_a_refusal_is_final_and_says_it_all(line, status, kind):
    for name in line.each(NAMES):
        body = {"message": "the queue is odd", "code": "bad.request", "status": status}
        line.script.turns.append(line.script.say(status, body, ININ_Correlation_Id="corr-7"))
        error = await line.fail(name, idempotency_key="op-1")
        assert type(error) is kind
        assert (error.status, error.platform_code, error.correlation_id) == (
            status,
            "bad.request",
            "corr-7",
        )
        assert (error.attempts, error.acted, error.worth_retrying) == (1, False, False)
        assert f"{name}: the platform answered {status} the queue is odd; " in str(error)


SHAPES = {
    "the message": {"message": "too long", "code": "bad.text"},
    "in errors": {"errors": [{"message": "too long", "code": "bad.text"}]},
    "in an error of errors": {
        "errors": [{"errors": [{"message": "too long", "code": "bad.text"}]}]
    },
    "in the body": {"body": {"message": "too long", "code": "bad.text"}},
    "in an object called error": {
        "error": {"errors": [{"message": "too long", "code": "bad.text"}]}
    },
    "a bare list": [{"message": "too long", "code": "bad.text"}],
}


@pytest.mark.parametrize("shape", SHAPES)
async def test_http_3_the_message_is_told_wherever_it_stands(line, shape):
    line.script.turns.append(line.script.say(400, SHAPES[shape]))
    error = await line.fail("interaction.inject")
    reported = ("too long" in str(error), error.platform_code, "correct the request" in str(error))
    assert reported == (True, "bad.text", True)


async def test_http_3_all_errors_are_told_with_field_and_code(line):
    details = [
        {"errorCode": "unknown", "fieldName": "queueId", "entityName": "queue", "entityId": "q-1"}
    ]
    errors = [{"message": "too long", "code": "bad.text", "field": "messages[0].text"}, "and odd"]
    body = {"message": "Invalid", "code": "bad.request", "errors": errors, "details": details}
    line.script.turns.append(line.script.say(400, body))
    error = await line.fail("interaction.inject")
    assert (
        str(error)
        == "interaction.inject: the platform answered 400 Invalid: messages[0].text: too long"
        " [bad.text], and odd, queueId: queue q-1 [unknown]; correct the request"
    )
    assert [one.shown() for one in error.errors] == [
        {"message": "too long", "code": "bad.text", "field": "messages[0].text"},
        {"message": "and odd"},
        {"message": "queue q-1", "code": "unknown", "field": "queueId"},
    ]


NO_PATH = {
    "as the platform says it": (
        404,
        {"message": "HTTP 404 Not Found", "code": "not found", "status": 404},
    ),
    "by its code": (404, {"code": "not found"}),
    "the verb": (405, {"message": "HTTP 405 Method Not Allowed"}),
}


@pytest.mark.parametrize("answer", NO_PATH)
async def test_http_3_a_path_that_the_platform_has_not_is_no_missing_thing(line, answer):
    status, body = NO_PATH[answer]
    line.script.turns.append(line.script.say(status, body))
    error = await line.fail("queue.get")
    assert isinstance(error, NoSuchPath)
    said = str(error).removeprefix("queue.get: ")
    assert said.startswith("the platform has no such path, GET /api/v2/routing/queues/{queueId}: ")
    assert "see platform.paths" in said and "check the id" not in said


async def test_http_3_a_page_of_html_for_404_is_a_gateways(line):
    async def page(_):
        return web.Response(status=404, text="<html>nothing here</html>", content_type="text/html")

    line.script.turns.append(page)
    assert isinstance(await line.fail("queue.get"), NoSuchPath)


async def test_auth_4_403_names_the_scope_of_the_call(line):
    for name in line.each(NAMES):
        line.script.turns.append(line.script.say(403, {"message": "Forbidden"}))
        error = await line.fail(name)
        reported = f"missing scope: {' or '.join(CALLS[name].scopes)}; add it to the OAuth client"
        assert (type(error), error.scopes, reported in str(error)) == (
            ScopeMissing,
            CALLS[name].scopes,
            True,
        )


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        ({"message": "You are missing the following permission(s): [routing:queue:view]"}, {}),
        ({"message": "no", "messageParams": {"permissions": "routing:queue:view"}}, {}),
        ({}, {"WWW_Authenticate": 'Bearer error="insufficient_scope", scope="routing:queue:view"'}),
    ],
    ids=["message", "parameters", "header"],
)
async def test_auth_4_403_names_the_scope_that_the_platform_names(line, body, headers):
    line.script.turns.append(line.script.say(403, body, **headers))
    error = await line.fail("queue.get")
    assert (error.scopes, "missing scope: routing:queue:view" in error.remedy) == (
        ("routing:queue:view",),
        True,
    )


def test_auth_4_the_scopes_of_the_documents():
    scopes = {scope for call in CALLS.values() for scope in call.scopes}
    assert scopes >= {
        "interaction:chat:write",
        "conversation:write",
        "conversation:view",
        "webchat:write",
        "webchat:attachment:write",
        "conversation:webchat:write",
        "agent-assist:prompt:write",
        "analytics:events:read",
        "externalcontacts:create",
        "conversations:messaging",
    }


# ------------------------------------------------------------------ AUTH-3


async def test_auth_3_401_takes_a_new_token_and_asks_once_more(line):
    tokens = []
    for name in line.each(NAMES):
        line.script.turns.append(line.script.say(401))
        await line.make(name)
        tokens.append([one.headers["authorization"].rpartition("-")[2] for one in line.script.seen])
    assert tokens == [[str(n), str(n + 1)] for n in range(1, len(NAMES) + 1)]


async def test_auth_3_a_second_401_is_final(line):
    line.script.turns.extend([line.script.say(401)] * 9)
    error = await line.fail("queue.get")
    facts = type(error), error.status, error.attempts, "platform.client_id" in error.remedy
    assert facts == (NotAuthenticated, 401, 2, True)


async def test_auth_3_once_per_call_even_between_other_failures(line):
    say = line.script.say
    line.script.turns.extend([say(401), say(503), say(401), say(200)])
    error = await line.fail("queue.get")
    assert (error.status, error.attempts) == (401, 3)


async def test_auth_3_many_calls_with_a_stale_token_fetch_one_new_one(line):
    await line.tokens.current(1e9)
    line.script.turns.extend([line.script.say(401)] * 20)
    await asyncio.gather(*(line.make("queue.get") for _ in range(20)), return_exceptions=True)
    assert line.script.tokens_given <= 3  # each was refused at most once with each token


async def test_auth_3_without_a_client_the_remedy_is_told(line):
    calls = RestCalls(
        line.http,
        None,
        line.script.url,
        RestSettings(),
        line.calls._pace,
        line.metrics,
    )
    with pytest.raises(NotAuthenticated, match=r"platform\.client_secret_file"):
        await calls.call("queue.get", path={"queueId": "q"})


# ------------------------------------------------------------------ answers that are none


@pytest.mark.parametrize(
    "body",
    [b"{nope", b"[]", b"7", b"\xff\xfe", b"[" * 100_000, b"<html>"],
    ids=lambda b: repr(b[:6]),
)
@pytest.mark.parametrize("name", ["queue.get", "contact.create"])
async def test_http_3_a_success_that_cannot_be_read_may_have_acted(line, name, body):
    line.script.turns.append(line.script.raw(200, body))
    error = await line.fail(name, idempotency_key="op-1")
    assert isinstance(error, PlatformUnavailable)
    assert (error.status, error.cause, error.attempts) == (200, "malformed", 1)
    assert error.acted == (name in WRITES)
    assert "JSON" in str(error)


@pytest.mark.parametrize(
    "body", [b"{nope", b"[]", b"\xff\xfe", b"[" * 100_000], ids=lambda b: repr(b[:6])
)
async def test_http_3_a_refusal_that_cannot_be_read_is_still_one(line, body):
    line.script.turns.append(line.script.raw(404, body))
    assert isinstance(await line.fail("queue.get"), NoSuchThing)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_http_3_redirects_are_not_followed(line, status):
    """They would take the bearer token along."""
    line.script.turns.append(line.script.say(status, None, Location=f"{line.script.url}/elsewhere"))
    error = await line.fail("contact.create", idempotency_key="op-1")
    assert isinstance(error, PlatformRefused)
    assert (error.status, error.attempts, error.acted) == (status, 1, False)
    assert "redirects are not followed" in error.remedy


async def test_http_3_a_huge_answer_is_refused(line):
    line.script.turns.append(line.script.raw(200, b'{"a":"' + b"x" * (8 * 1024 * 1024) + b'"}'))
    error = await line.fail("contact.create", idempotency_key="op-1")
    assert (error.cause, error.attempts, error.acted) == ("too_long", 1, True)


async def test_http_3_a_large_answer_in_many_pieces_is_read_whole(line):
    line.script.turns.append(line.script.raw(200, b'{"a":"' + b"x" * 2_000_000 + b'"}'))
    assert len((await line.make("queue.get")).body["a"]) == 2_000_000
    line.script.turns.append(line.script.raw(200, b'{"a":"' + b"x" * 2_000_000 + b'"}'))
    assert len((await line.http.get_object(f"{line.script.url}/x"))["a"]) == 2_000_000


# ------------------------------------------------------------------ what is not shown
async def test_http_3_no_secret_is_in_an_error_or_a_log_line(line, caplog):
    """Even if the platform repeats everything it was given."""
    caplog.set_level(logging.DEBUG)

    async def parrot(request):
        said = (
            f"bad: {await request.text()} {request.headers['Authorization']} canary-client-secret"
        )
        headers = {"ININ-Correlation-Id": request.headers["Authorization"]}
        return await line.script.say(400, {"message": said, "code": said}, **headers)(request)

    line.script.turns.append(parrot)
    body = {
        "customAttributes": {"guestToken": "canary-guest-token"},
        "list": [{"password": "canary-password"}],
    }
    with pytest.raises(PayloadRefused) as caught:
        await line.calls.call("contact.create", body=body, idempotency_key="op-1")
    error = caught.value
    shown = [
        str(error),
        repr(error),
        repr(vars(error)),
        caplog.text,
        exposition(line.metrics).decode(),
    ]
    assert "bad: " in str(error)
    assert not [text for text in shown if "canary" in text]


async def test_http_3_no_secret_is_in_a_code_or_a_correlation_id(line, caplog):
    token = await line.tokens.current(1e9)
    for said in (token, "canary-client-secret", "canary-guest-token"):
        line.script.turns.append(line.script.say(400, {"code": said}, ININ_Correlation_Id=said))
        with pytest.raises(PayloadRefused) as caught:
            await line.make("contact.create", body={"guestToken": "canary-guest-token"})
        assert (caught.value.platform_code, caught.value.correlation_id) == ("", "")
    assert "canary" not in "".join(
        one.getMessage() for one in caplog.records if one.name == "guestd.platform"
    )


async def test_http_3_one_log_line_for_a_failing_call(line, caplog):
    line.script.turns.extend([line.script.say(503, None, ININ_Correlation_Id="corr-9")] * 3)
    await line.fail("queue.get")
    (record,) = [one for one in caplog.records if one.name == "guestd.platform"]
    said = record.getMessage()
    assert all(word in said for word in ("queue.get", "503", "corr-9", "3 attempts"))


async def test_the_log_keeps_nothing_of_what_was_said(line, caplog):
    """A platform may quote a text that it refuses: the caller is told, the log is not."""
    said = "my card number is 4111 1111"
    line.script.turns.append(line.script.say(400, {"message": f'bad text: "{said}"'}))
    error = await line.fail("interaction.inject", body={"messages": [{"text": said}]})
    logged = " ".join(caplog.messages)
    assert said in str(error) and said not in logged and "bad text" in logged
