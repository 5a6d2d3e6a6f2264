"""A client of the control API in the test's own process."""

from __future__ import annotations

import asyncio

import aiohttp
import orjson
import pytest

PROBLEM = "application/problem+json"


async def open_post(stack, rest):
    """A POST of a JSON body on a connection of its own, as far as `rest` goes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", stack.http.port)
    writer.write(
        b"POST /v1/sessions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        + rest
    )
    return reader, writer


class Client:
    """Asks and gives (status, body, headers)."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session

    async def ask(self, method, path, body=None, **more):
        if body is not None:
            more["json"] = body
        async with self.session.request(method, path, **more) as answer:
            raw = await answer.read()
            found = orjson.loads(raw) if raw else None
            if answer.status >= 400:
                assert answer.content_type == PROBLEM, raw
                assert (
                    found["status"] == answer.status
                    and found["type"] == f"urn:guestd:problem:{found['code']}"
                )
                assert found["detail"] and found["title"] and found["instance"].startswith("/")
            return answer.status, found, answer.headers

    async def get(self, path, **more):
        return await self.ask("GET", path, **more)

    async def post(self, path, body=None, **more):
        return await self.ask("POST", path, body, **more)


@pytest.fixture
def client_of():
    def open_client(stack, **more):
        return _Opened(stack, more)

    class _Opened:
        def __init__(self, stack, more):
            self._session = aiohttp.ClientSession(stack.http.url, **more)

        async def __aenter__(self):
            return Client(await self._session.__aenter__())

        async def __aexit__(self, *what):
            await self._session.__aexit__(*what)

    return open_client


async def opened(stack, client, name="ana"):
    status, found, _ = await client.post("/v1/sessions", {"name": name})
    assert status == 201
    await stack.until(lambda: stack.fleet.view(found["session_id"]).state == "live")
    return found["session_id"]


async def settled(client, command_id, name="ana"):
    async with asyncio.timeout(30.0):
        while True:
            status, found, _ = await client.get(f"/v1/sessions/{name}/commands/{command_id}")
            if status == 200 and found["status"] != "accepted":
                return found
            await asyncio.sleep(0.01)
