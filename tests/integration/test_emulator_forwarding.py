"""The emulator's admin API on the daemon's own port: the same answers, the same token as /v1."""

from __future__ import annotations

import asyncio
import json

import pytest

from guestd.api import emulator_routes

from .control_client import opened

TOKEN = "0123456789abcdef0123456789abcdef"


async def test_an_agent_speaks_by_the_daemons_own_port(new_stack, client_of):
    async with new_stack() as stack, client_of(stack) as client:
        session_id = await opened(stack, client)
        body = {"session": session_id, "text": "Hi, I am Leo.", "nickname": "Leo"}
        async with client.session.post("/__emulator/say", json=body) as answer:
            assert answer.status == 200 and (await answer.json())["id"]
            assert answer.headers["X-Guestd-Emulator"] == "not-the-platform"
        await stack.until(lambda: stack.metrics.messages_in)
        async with client.session.get("/__emulator/sessions?q=ana") as answer:
            (found,) = (await answer.json())["sessions"]
            assert (found["guest"], found["session"]) == ("ana", session_id)
        async with client.session.post("/__emulator/say", json={"gest": "ana"}) as answer:
            assert (answer.status, (await answer.json())["field"]) == (400, "gest")
        async with client.session.get("/__emulator/") as answer:
            assert answer.status == 200 and "routes" in await answer.json()


async def test_what_happens_is_streamed_through(new_stack, client_of):
    async with new_stack() as stack, client_of(stack) as client:
        await opened(stack, client)
        headers = {"Accept": "text/event-stream"}
        async with client.session.get("/__emulator/events?after=0", headers=headers) as answer:
            assert answer.content_type == "text/event-stream"
            say = {"guest": "ana", "text": "streamed"}
            async with client.session.post("/__emulator/say", json=say):
                pass
            async with asyncio.timeout(10.0):
                while not (line := (await answer.content.readline()).decode()).startswith("data: "):
                    pass
            assert json.loads(line[6:])["text"] == "streamed"


async def test_the_token_of_the_control_api_is_asked_for(new_stack, client_of):
    async with new_stack(control={"token": TOKEN}) as stack, client_of(stack) as client:
        status, found, _ = await client.get("/__emulator/sessions")
        assert (status, found["code"]) == (401, "unauthorized")
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with client.session.get("/__emulator/sessions", headers=headers) as answer:
            assert answer.status == 200


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Origin": "https://evil.example"}, "origin_refused"),
        ({"Host": "evil.example"}, "no_such_host"),
        ({"Sec-Fetch-Site": "cross-site"}, "origin_refused"),
    ],
)
async def test_pages_of_others_are_refused(new_stack, client_of, headers, code):
    async with new_stack() as stack, client_of(stack) as client:
        status, found, _ = await client.get("/__emulator/sessions", headers=headers)
        assert status in (403, 421) and found["code"] == code


async def test_other_machines_are_refused_unless_they_are_let_in(new_stack, client_of, monkeypatch):
    monkeypatch.setattr(emulator_routes, "is_local", lambda request: False)
    async with new_stack() as stack, client_of(stack) as client:
        status, found, _ = await client.get("/__emulator/sessions")
        assert (status, found["code"]) == (403, "local_only")
    let_in = {"emulator_beyond_loopback": True}
    async with new_stack(control=let_in) as stack, client_of(stack) as client:
        assert (await client.get("/__emulator/sessions"))[0] == 200


async def test_an_emulator_that_is_away_is_told_as_that(new_stack, client_of):
    async with new_stack() as stack, client_of(stack) as client:
        await stack.emulator.stop()
        status, found, _ = await client.get("/__emulator/sessions")
        assert status == 502 and "does not answer" in found["detail"]


async def test_a_real_platform_has_no_admin_api(new_stack, client_of):
    async with new_stack() as stack, client_of(stack) as client:
        stack.http._emulator._admin = None
        status, found, _ = await client.get("/__emulator/sessions")
        assert (status, found["code"]) == (404, "not_configured")


async def test_a_target_that_names_a_host_leads_to_our_emulator_all_the_same(new_stack):
    async with new_stack() as stack:
        reader, writer = await asyncio.open_connection("127.0.0.1", stack.http.port)
        writer.write(
            b"GET http://localhost/__emulator/sessions?limit=1 HTTP/1.1\r\nHost: localhost\r\n"
            b"Connection: close\r\n\r\n"
        )
        answer = await asyncio.wait_for(reader.read(), 10.0)
        writer.close()
        assert answer.startswith(b"HTTP/1.1 200") and b'"sessions":[]' in answer
