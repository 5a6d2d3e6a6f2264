"""No value of a client or of the platform ends a guest session: real sockets, real HTTP."""

from __future__ import annotations

import asyncio
import json

import aiohttp
import pytest

from .frontend_client import frame, live, open_frontend

HALF = "\ud800"

BIG_INTEGERS = [
    ('{"context": {"order": 1234567890123456789012345}}', 422, "context.order"),
    ('{"context": {"device": -80241446968629135069}}', 422, "context.device"),
    ('{"context": {"a": [18446744073709551616]}}', 422, "context.a.0"),
    ('{"context": {"order": 12345678901234567890}}', 202, None),
]


async def test_no_frame_of_a_frontend_ends_its_guest_session(new_stack):
    hostile = [
        {"action": "send", "text": "x", "command_id": HALF},
        {"action": "typing", "command_id": HALF},
        {"action": "end", "command_id": HALF},
        {"action": "reply", "text": "a", "payload": "b", "in_reply_to": HALF},
        {"action": "reply", "text": "a", "payload": "b", "type": HALF},
        {"action": "context", "data": {HALF: 1}},
        {"action": "link", "attachment_id": HALF},
        {"action": "withdraw", "target": HALF},
        {"action": "upload", "filename": HALF, "contentType": "image/png", "buffer": "AAAA"},
        {"action": "upload", "filename": "a.png", "contentType": HALF, "buffer": "AAAA"},
        {"action": "upload", "filename": "a.png", "contentType": "image/png", "buffer": "é"},
        {"action": "resume", "since": "²"},
        {"action": HALF},
        {HALF: HALF},
    ]
    async with new_stack() as stack, open_frontend(stack, "?guest=ana") as frontend:
        await live(frontend)
        for one in hostile:
            await frontend.send(json.dumps(one))
            while "error" not in (answer := await frame(frontend)):
                continue
            assert answer["code"] in ("invalid", "unknown_action"), answer
        await frontend.send(
            json.dumps({"action": "send", "text": "still here", "command_id": "c1"})
        )
        assert (await frame(frontend, kind="delivery"))["status"] == "confirmed"
        assert stack.live() == 1


async def test_a_guest_that_cannot_be_written_is_not_opened(new_stack):
    from guestd.model.errors import CommandError
    from guestd.model.ports import OpenGuest

    guests = [
        OpenGuest(HALF),
        OpenGuest("ana", email=HALF),
        OpenGuest("ana", attributes={HALF: "a"}),
        OpenGuest("ana", metadata={"a": 2**70}),
    ]
    async with new_stack() as stack:
        for guest, field in zip(guests, ("name", "email", "attributes", "metadata"), strict=True):
            with pytest.raises(CommandError) as refused:
                stack.fleet.open(guest)
            assert refused.value.field == field
        async with open_frontend(stack, "?guest=ana&email=%ED%A0%80@example.org") as frontend:
            await live(frontend)


@pytest.mark.parametrize(("body", "status", "field"), BIG_INTEGERS)
async def test_an_integer_beyond_64_bits_is_refused_with_its_field(new_stack, body, status, field):
    async with (
        new_stack(dialect="webchat") as stack,
        aiohttp.ClientSession(stack.http.url) as client,
    ):
        guest = {"name": "ana", "email": "ana@example.org"}
        await client.post("/v1/sessions", json=guest)
        headers = {"Content-Type": "application/json"}
        async with client.put("/v1/sessions/ana/context", data=body, headers=headers) as answer:
            found = await answer.json(content_type=None)
            assert answer.status == status, found
        if field is not None:
            assert (found["code"], found["field"]) == ("invalid", field)
            return
        await stack.until(
            lambda: any(one.context for one in stack.emulator.world.sessions.values())
        )
        assert next(iter(stack.emulator.world.sessions.values())).context == {
            "order": 12345678901234567890
        }


@pytest.mark.parametrize("header", ["\udcff", "é", "²"])
async def test_an_idempotency_key_that_is_not_plain_text_is_refused(new_stack, header):
    async with new_stack() as stack, aiohttp.ClientSession(stack.http.url) as client:
        await client.post("/v1/sessions", json={"name": "ana"})
        raw = header.encode("utf-8", "surrogateescape").decode("latin-1")
        async with client.post(
            "/v1/sessions/ana/messages", json={"text": "x"}, headers={"Idempotency-Key": raw}
        ) as answer:
            assert answer.status == 422
            assert (await answer.json(content_type=None))["field"] == "Idempotency-Key"


def deep(levels):
    value = "bottom"
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize("dialect", ["webmessaging", "webchat"])
@pytest.mark.parametrize("content", [deep(70), deep(300), deep(900), [2**70], [float(2**64)]])
async def test_content_that_cannot_be_passed_on_is_counted_and_the_session_goes_on(
    new_stack, dialect, content
):
    async with (
        new_stack(dialect=dialect) as stack,
        open_frontend(stack, "?guest=ana&email=a@b.example") as frontend,
    ):
        await live(frontend)
        visit = next(iter(stack.emulator.connections.values()))
        visit.write(platform_frame(dialect, content).encode())
        shown = await frame(frontend, kind="message")
        assert (shown["text"], shown["content"]) == ("with content", [])
        from guestd.model.effects import SessionCounter

        assert stack.metrics.session_counts[SessionCounter.GARBAGE] == 1
        await frontend.send(
            json.dumps({"action": "send", "text": "still here", "command_id": "c1"})
        )
        assert (await frame(frontend, kind="delivery"))["status"] in ("confirmed", "sent")


def platform_frame(dialect, content):
    if dialect == "webchat":
        body = {
            "type": "message",
            "text": "with content",
            "sequenceId": "1",
            "attachments": content,
        }
    else:
        channel = {"time": "2027-05-31T09:15:02.417Z", "messageId": "m1"}
        body = {
            "type": "Structured",
            "text": "with content",
            "direction": "Outbound",
            "id": "i1",
            "channel": channel,
        }
        body = {
            "type": "message",
            "class": "StructuredMessage",
            "code": 200,
            "body": body | {"content": content},
        }
    return json.dumps(body)


@pytest.mark.parametrize(
    "media_type",
    [
        "a/b; x*",
        "multipart/form-data; c*",
        "application/json; x*",
        "application/json;x*=",
        "é",
        ";",
        "a",
    ],
)
@pytest.mark.parametrize("path", ["messages", "attachments?filename=a.png"])
async def test_any_media_type_is_read_or_refused(new_stack, media_type, path):
    """The standard library's parser of e-mail headers, which aiohttp asks, breaks on a parameter
    that ends with a star."""
    async with new_stack() as stack, aiohttp.ClientSession(stack.http.url) as client:
        await client.post("/v1/sessions", json={"name": "ana"})
        await stack.until(lambda: stack.live() == 1)
        headers = {"Content-Type": media_type}
        async with client.post(
            f"/v1/sessions/ana/{path}", data=b'{"text":"x"}', headers=headers
        ) as answer:
            found = await answer.json(content_type=None)
            assert answer.status in (202, 400, 415, 422), found
            is_json = media_type.startswith("application/json")
            assert (answer.status == 202) == (
                is_json or (path != "messages" and "multipart" not in media_type)
            ), found
        assert stack.metrics.http_internal_errors == 0


@pytest.mark.parametrize("path", ["/", "/v1/sessions", "/nowhere", "/v1/nowhere"])
@pytest.mark.parametrize("broken", [b"\xff", b"100-c\xfeontinue", "é".encode()])
@pytest.mark.parametrize(
    "name", ["Expect", "Upgrade", "Connection", "Sec-WebSocket-Version", "Sec-WebSocket-Key"]
)
async def test_a_header_that_aiohttp_repeats_is_ascii_or_refused(new_stack, path, name, broken):
    """aiohttp repeats them in its own answers, which breaks on bytes that are not UTF-8."""
    handshake = {"Upgrade": b"websocket", "Connection": b"Upgrade", "Sec-WebSocket-Version": b"13"}
    head = b"GET %s HTTP/1.1\r\nHost: localhost\r\n" % path.encode()
    for key, value in {**handshake, name: broken}.items():
        head += b"%s: %s\r\n" % (key.encode(), value)
    async with new_stack() as stack:
        reader, writer = await asyncio.open_connection("127.0.0.1", stack.http.port)
        writer.write(head + b"\r\n")
        answer = await reader.read()
        writer.close()
        assert answer.startswith(b"HTTP/1.1 400 ") and name.encode() in answer, answer


async def test_an_expectation_that_is_unknown_is_refused(new_stack):
    async with new_stack() as stack, aiohttp.ClientSession(stack.http.url) as client:
        async with client.get("/healthz", headers={"Expect": "200-ok"}) as answer:
            assert answer.status == 417


@pytest.mark.parametrize(
    "head", [b"CONNECT \nHost: localhost\r\n\r\n", b"CONNECT \r\nHost: localhost\r\n\r\n"]
)
async def test_a_request_without_a_target_is_answered(new_stack, head):
    """aiohttp makes no URL of it, and its task for the connection would end by an error and leave
    the connection open."""
    async with new_stack() as stack:
        reader, writer = await asyncio.open_connection("127.0.0.1", stack.http.port)
        writer.write(head)
        async with asyncio.timeout(30.0):
            answer = await reader.read(65_536)
        writer.close()
        assert answer.startswith(b"HTTP/") and answer.split()[1].startswith(b"4"), answer
