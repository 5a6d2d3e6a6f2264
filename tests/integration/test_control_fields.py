"""A refusal names the field as the request has it, and all that is wrong."""

from __future__ import annotations

import pytest

from .control_client import opened

#: What is sent, and the field and detail of the refusal.
NAMED = [
    (
        "PUT",
        "/context",
        {"contxt": {}},
        "contxt",
        "contxt: this key is unknown; did you mean context? (and 1 more)",
    ),
    (
        "POST",
        "/messages",
        {"reply": {"chioces": [{"text": "a", "payload": "A"}]}},
        "reply.chioces",
        "reply.chioces: this key is unknown; did you mean choices? (and 1 more)",
    ),
    (
        "PUT",
        "/context",
        {"context": {"a": "x" * 5000}},
        "context",
        "context has 5001 bytes, the limit is 2048; send less",
    ),
    (
        "POST",
        "/messages",
        {"reply": {"type": "Nope", "choices": [{"text": "a", "payload": "A"}]}},
        "reply.type",
        "a reply's type is one of Button, DatePicker, Form, ListPicker, QuickReply",
    ),
    ("POST", "/typing", {"on": False}, "on", "on: this key is unknown; leave it out"),
    ("DELETE", "", {"now": True}, "now", "now: this key is unknown; leave it out"),
]


@pytest.mark.parametrize(("method", "path", "body", "field", "detail"), NAMED)
async def test_the_field_is_one_of_the_request(
    new_stack, client_of, method, path, body, field, detail
):
    async with new_stack() as stack, client_of(stack) as client:
        await opened(stack, client)
        status, found, _ = await client.ask(method, f"/v1/sessions/ana{path}", json=body)
        assert (status, found["field"], found["detail"]) == (422, field, detail)


async def test_a_text_of_a_choice_that_is_too_long_is_told_as_the_choices(new_stack, client_of):
    async with new_stack() as stack, client_of(stack) as client:
        await opened(stack, client)
        body = {"reply": {"choices": [{"text": "x" * 5000, "payload": "A"}]}}
        status, found, _ = await client.post("/v1/sessions/ana/messages", body)
        assert (status, found["code"], found["field"]) == (422, "too_long", "reply.choices")


async def test_all_that_is_wrong_is_listed_within_a_bound(new_stack, client_of):
    async with new_stack() as stack, client_of(stack) as client:
        status, found, _ = await client.post("/v1/sessions", {"nmae": "ana", "email": 7})
        assert status == 422 and found["errors"] == [
            {"field": "nmae", "detail": "nmae: this key is unknown; did you mean name?"},
            {"field": "email", "detail": "email: must be a string; put it in quotes"},
        ]
        _, found, _ = await client.post("/v1/sessions", {f"k{n}": n for n in range(50)})
        assert len(found["errors"]) == 20 and found["detail"].endswith(" (and 49 more)")
        _, found, _ = await client.get("/v1/sessions?limit=0&sort=size")
        assert [one["field"] for one in found["errors"]] == ["query.limit", "query.sort"]


async def test_a_request_without_fields_takes_no_body_but_an_empty_one(new_stack, client_of):
    async with new_stack() as stack, client_of(stack) as client:
        await opened(stack, client)
        path = "/v1/sessions/ana/typing"
        for more in ({}, {"data": b""}, {"json": {}}):
            assert (await client.ask("POST", path, **more))[0] == 204
        for data, status in ((b"hello", 415), (b"{", 415)):
            found = await client.ask("POST", path, data=data)
            assert (found[0], found[1]["code"]) == (status, "unsupported_media_type")
        headers = {"Content-Type": "application/json"}
        found = await client.ask("POST", path, data=b"{", headers=headers)
        assert (found[0], found[1]["code"]) == (400, "bad_json")


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("state=live&state=ended", "query.state: is given twice; separate values with commas"),
        ("limit=1&limit=2", "query.limit: is given twice; give it once"),
    ],
)
async def test_a_parameter_that_is_given_twice_is_named(new_stack, client_of, query, detail):
    async with new_stack() as stack, client_of(stack) as client:
        status, found, _ = await client.get(f"/v1/sessions?{query}")
        assert (status, found["detail"]) == (422, detail)


async def test_two_ids_of_one_command_are_told_by_their_names(new_stack, client_of):
    async with new_stack() as stack, client_of(stack) as client:
        await opened(stack, client)
        headers = {"Idempotency-Key": "aa"}
        body = {"text": "hello", "command_id": "bb"}
        path = "/v1/sessions/ana/messages"
        status, found, _ = await client.ask("POST", path, json=body, headers=headers)
        assert (status, found["field"]) == (409, "command_id")
        assert found["detail"].startswith("command_id: must equal the Idempotency-Key")
