"""Names that files have on people's own machines, by each of the three ways into the daemon."""

from __future__ import annotations

import base64
from urllib.parse import quote

import aiohttp
import pytest

ACCEPTED = [
    "Screenshot 2027-03-04 at 9.15.02\u202fAM.png",
    "Obrazovka 2027-03-04 v\u00a013.05.05.png",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467.png",
    "и\u0306.png",
    "【報告】.png",
    "a;b.png",
    '5" screen.png',
]
REFUSED = ["a\nb.png", "a\0b.png", "a\tb.png", "a\x7fb.png", "a\x85b.png", "../a.png", "a\\b.png"]


def stored(stack):
    return {
        one.name
        for session in stack.emulator.world.sessions.values()
        for one in (session.attachments or {}).values()
        if one.sent
    }


def ids(name):
    return name.encode("unicode_escape").decode()


@pytest.fixture
def ways(new_stack):
    """(stack, ways): each way takes a name and gives None, or what it was refused with."""

    class Ways:
        async def __aenter__(self):
            self._context = new_stack()
            stack = await self._context.__aenter__()
            self._client = client = aiohttp.ClientSession(stack.http.url)
            async with client.post("/v1/sessions", json={"name": "ana"}) as answer:
                assert answer.status == 201
            await stack.until(lambda: stack.live() == 1)

            async def post(path, **more):
                async with client.post(f"/v1/sessions/ana/attachments{path}", **more) as answer:
                    found = await answer.json(content_type=None)
                    return None if answer.status == 202 else (answer.status, found["detail"])

            async def by_query(name):
                return await post(
                    f"?filename={quote(name)}", data=b"abc", headers={"Content-Type": "image/png"}
                )

            async def by_form(name):
                disposition = f"form-data; name=file; filename*=UTF-8''{quote(name, safe='')}"
                part = (
                    f"--x\r\nContent-Disposition: {disposition}\r\nContent-Type:"
                    " image/png\r\n\r\nabc\r\n--x--\r\n"
                )
                headers = {"Content-Type": "multipart/form-data; boundary=x"}
                return await post("", data=part.encode(), headers=headers)

            async def by_simulator(name):
                async with client.ws_connect(f"{stack.ws_url}?guest=ana") as socket:
                    await socket.send_json(
                        {
                            "action": "upload",
                            "filename": name,
                            "contentType": "image/png",
                            "buffer": base64.b64encode(b"abc").decode(),
                            "command_id": f"c-{ids(name)}",
                        }
                    )
                    async for message in socket:
                        found = message.json()
                        if "ok" in found:
                            return None
                        if "error" in found:
                            return 422, found["error"]
                    raise AssertionError("the socket was closed")

            return stack, {"query": by_query, "form": by_form, "simulator": by_simulator}

        async def __aexit__(self, *what):
            await self._client.close()
            await self._context.__aexit__(*what)

    return Ways


@pytest.mark.parametrize("name", ACCEPTED, ids=ids)
async def test_a_name_that_people_give_arrives_unchanged(ways, name):
    async with ways() as (stack, given):
        for way, send in given.items():
            assert await send(name) is None, way
            await stack.until(lambda: stored(stack) == {name})


@pytest.mark.parametrize("name", REFUSED, ids=ids)
async def test_a_name_with_a_control_character_or_a_path_is_refused_with_a_remedy(ways, name):
    async with ways() as (stack, given):
        for way, send in given.items():
            status, text = await send(name)
            assert status == 422 and "filename holds" in text, (way, text)
            assert "rename the file" in text or "give the name alone" in text
            assert name not in text
        assert stored(stack) == set()
