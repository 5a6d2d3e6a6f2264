"""Files over the control API (SOCK-6), over real HTTP to the daemon and from there to the emulator's storage."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import aiohttp
import pytest

PNG = b"\x89PNG" + bytes(range(256)) * 4000


async def status_and_body(answer):
    return answer.status, await answer.json(content_type=None)


def stored(town):
    """What the emulator took for the guest: {file name: SHA-256}."""
    session = next(iter(town.emulator.world.sessions.values()))
    return {one.name: one.sha256 for one in (session.attachments or {}).values() if one.sent}


def copies(town):
    return list(Path(town.spool._directory).iterdir())


@pytest.fixture
def asked(new_town):
    """A town with the live guest session ana, and a client: (town, post)."""

    class Asked:
        def __init__(self, **more):
            self._town = new_town(**more)

        async def __aenter__(self):
            town = await self._town.__aenter__()
            self._session = aiohttp.ClientSession(town.http.url)
            async with self._session.post("/v1/sessions", json={"name": "ana"}) as answer:
                assert answer.status == 201
            await town.until(lambda: town.live() == 1)

            async def post(data, query="", **more):
                async with self._session.post(f"/v1/sessions/ana/attachments{query}", data=data, **more) as answer:
                    return await status_and_body(answer)

            return town, post

        async def __aexit__(self, *what):
            await self._session.close()
            await self._town.__aexit__(*what)

    return Asked


def form(**fields):
    found = aiohttp.FormData(default_to_multipart=True)
    for name, value in fields.items():
        if name == "file":
            found.add_field("file", value, filename="lamp.png", content_type="image/png")
        else:
            found.add_field(name, value)
    return found


async def test_sock_6_a_form_is_sent_with_its_caption_and_only_once(asked):
    async with asked() as (town, post):
        for _ in range(2):
            status, found = await post(form(command_id="f1", file=PNG, caption="my lamp"))
            assert (status, found["command_id"]) == (202, "f1")
        await town.until(lambda: stored(town) == {"lamp.png": hashlib.sha256(PNG).hexdigest()})
        await town.until(lambda: not copies(town))
        session = next(iter(town.emulator.world.sessions.values()))
        assert len(session.attachments) == 1


async def test_sock_6_a_raw_body_is_sent(asked):
    async with asked() as (town, post):
        headers = {"Content-Type": "image/png", "Idempotency-Key": "f2"}
        status, found = await post(PNG, "?filename=raw.png&caption=hello", headers=headers)
        assert (status, found["command_id"]) == (202, "f2")
        await town.until(lambda: stored(town) == {"raw.png": hashlib.sha256(PNG).hexdigest()})


async def test_what_is_no_good_is_refused_and_leaves_nothing(asked):
    two = form(file=PNG)
    two.add_field("file", PNG, filename="again.png")
    raw = {"headers": {"Content-Type": "image/png"}}
    broken = {"headers": {"Content-Type": "multipart/form-data; boundary=x"}}
    async with asked(spool={"file_bytes_max": len(PNG)}) as (town, post):
        for data, query, more, status, field in (
            (PNG, "", raw, 422, "query.filename"),
            (b"", "?filename=a.png", raw, 422, "buffer"),
            (PNG + b"x", "?filename=a.png", raw, 413, None),
            (form(caption="x"), "", {}, 422, "file"),
            (form(file=PNG, wish="x"), "", {}, 422, "wish"),
            (form(file=PNG, command_id="a b"), "", {}, 422, "command_id"),
            (form(file=PNG, caption="x" * 20_000), "", {}, 413, "caption"),
            (form(file=PNG, command_id="a"), "", {"headers": {"Idempotency-Key": "b"}}, 409, "command_id"),
            (two, "", {}, 422, "file"),
            (b"--x\r\nContent-Disposition: form-data; name=file; filename=a\r\n\r\nabc", "", broken, 400, None),
            (b"nothing of the kind", "", broken, 400, None),
        ):
            found = await post(data, query, **more)
            assert (found[0], found[1].get("field")) == (status, field), found
        assert not copies(town) and not stored(town)


async def test_nobody_to_send_it_is_said_before_the_file_is_read(asked):
    async with asked() as (town, post):
        async with aiohttp.ClientSession(town.http.url) as session:
            async with session.post("/v1/sessions/nobody/attachments?filename=a.png", data=b"abc") as answer:
                assert answer.status == 404


async def test_a_file_that_stops_coming_is_given_up(asked):
    async def half():
        yield PNG
        await asyncio.sleep(5.0)

    async with asked(control={"body_timeout_s": 0.2}) as (town, post):
        status, _ = await post(half(), "?filename=a.png", headers={"Content-Type": "image/png"})
        assert status == 408
        await town.until(lambda: not copies(town))


async def test_a_file_too_many_is_told_to_come_back(asked):
    async with asked(control={"uploads_max": 1}) as (town, post):
        held = asyncio.Event()

        async def slowly():
            yield PNG
            await held.wait()

        headers = {"Content-Type": "image/png"}
        first = asyncio.ensure_future(post(slowly(), "?filename=a.png", headers=headers))
        await town.until(lambda: copies(town))
        assert (await post(PNG, "?filename=b.png", headers=headers))[0] == 503
        held.set()
        assert (await first)[0] == 202
