"""Both answers to an injection that the documents have: an object, and the bare list (INJ-4)."""

from __future__ import annotations

import aiohttp

from guestd.emulator import Emulator


async def test_inj_4_the_emulator_answers_with_the_bare_list_where_asked():
    async with Emulator() as emulator, aiohttp.ClientSession(emulator.url) as http:
        url = "/__emulator/settings"
        wrong = await http.post(url, json={"bare_injections": "perhaps"})
        assert (wrong.status, (await wrong.json())["field"]) == (400, "bare_injections")
        assert (await http.post(url, json={"bare_injections": True})).status == 200
        assert emulator.world.settings.bare_injections is True


async def test_http_3_a_refusal_of_the_emulator_names_its_message_among_the_errors_too():
    async with Emulator() as emulator, aiohttp.ClientSession(emulator.url) as http:
        found = await (await http.get("/api/v2/routing/queues/none")).json()
    assert found["errors"][0]["message"] == found["message"] != ""
