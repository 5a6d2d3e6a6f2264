"""The admin API as a person's page uses it: sessions in short, one conversation, the agent's cards
and files, faults once and by rule, and what happens as a stream."""

from __future__ import annotations

import asyncio
import base64
import json

import pytest

from guestd.emulator import DEFAULT_DEPLOYMENT_ID, GUEST_HEADER, SESSION_HEADER

from .emulator_client import call, emulating, guest

ONE, TWO = "c3a6e0a2-0000-4000-8000-000000000011", "c3a6e0a2-0000-4000-8000-000000000012"


async def joined(emulator, name, token, session=""):
    headers = {GUEST_HEADER: name, SESSION_HEADER: session}
    socket = await guest(emulator, additional_headers=headers)
    frame = {"action": "configureSession", "token": token, "deploymentId": DEFAULT_DEPLOYMENT_ID}
    await socket.send(json.dumps(frame))
    assert "SessionResponse" in await asyncio.wait_for(socket.recv(), 5.0)
    return socket


async def post(emulator, path, **body):
    return await call(emulator, "POST", f"/__emulator/{path}", json=body)


async def get(emulator, path):
    status, found = await call(emulator, "GET", f"/__emulator/{path}")
    assert status == 200, found
    return found


async def heard(socket):
    return json.loads(await asyncio.wait_for(socket.recv(), 5.0))


async def test_sessions_are_listed_in_short_by_pages_and_without_tokens():
    async with emulating() as emulator:
        for n in range(3):
            await joined(emulator, f"g{n}", f"c3a6e0a2-0000-4000-8000-00000000002{n}", f"id-{n}")
        await post(emulator, "say", guest="g1", text="Hello", nickname="Leo")
        first = await get(emulator, "sessions?limit=2")
        assert [one["guest"] for one in first["sessions"]] == ["g0", "g1"] and first["total"] == 3
        rest = await get(emulator, f"sessions?after={first['next']}")
        assert [one["session"] for one in rest["sessions"]] == ["id-2"] and rest["next"] is None
        last = first["sessions"][1]["last_message"]
        assert (last["text"], last["direction"]) == ("Hello", "Outbound")
        assert "c3a6e0a2" not in json.dumps([first, rest])
        (found,) = (await get(emulator, "sessions?q=ID-1&connected=true"))["sessions"]
        assert found["guest"] == "g1" and found["message_count"] == 1
        for query, field in (
            ("limit=0", "limit"),
            ("after=x", "after"),
            ("connected=1", "connected"),
        ):
            status, refused = await call(emulator, "GET", f"/__emulator/sessions?{query}")
            assert (status, refused["field"]) == (400, field)


async def test_a_conversation_is_read_by_the_guests_name():
    async with emulating() as emulator:
        await joined(emulator, "ana", ONE, "id-1")
        for n in range(3):
            await post(emulator, "say", session="id-1", text=f"m{n}")
        found = await get(emulator, "conversations/ana?limit=2")
        assert [one["text"] for one in found["messages"]] == ["m1", "m2"]
        assert found["conversations"][0]["messages"] == 3 and ONE not in json.dumps(found)
        status, _ = await call(emulator, "GET", "/__emulator/conversations/eve")
        assert status == 404


async def test_the_agent_sends_cards_a_carousel_and_files():
    async with emulating() as emulator:
        ana = await joined(emulator, "ana", ONE)
        card = {
            "title": "Parcel shop",
            "description": "Open until 20:00",
            "actions": [["Keep it", "KEEP"], {"text": "Way", "url": "https://example.org/way"}],
        }
        await post(emulator, "say", guest="ana", text="Here:", card=card)
        (item,) = (await heard(ana))["body"]["content"]
        assert item["contentType"] == "Card" and item["card"]["title"] == "Parcel shop"
        assert item["card"]["actions"] == [
            {"type": "Postback", "text": "Keep it", "payload": "KEEP"},
            {"type": "Link", "text": "Way", "url": "https://example.org/way"},
        ]
        await post(emulator, "say", guest="ana", carousel=[card, {"title": "Other"}])
        (item,) = (await heard(ana))["body"]["content"]
        assert [one["title"] for one in item["carousel"]["cards"]] == ["Parcel shop", "Other"]
        file = {
            "name": "bill.png",
            "mime": "image/png",
            "content": base64.b64encode(b"\x89PNG").decode(),
        }
        await post(emulator, "say", guest="ana", text="Your bill", file=file)
        body = (await heard(ana))["body"]
        attachment = body["content"][0]["attachment"]
        assert (attachment["mediaType"], attachment["fileSize"]) == ("Image", 4)
        status, raw = await call(emulator, "GET", attachment["url"].removeprefix(emulator.url))
        assert status == 200 and b"PNG" in (raw if isinstance(raw, bytes) else str(raw).encode())


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"card": {"title": "a", "colour": "red"}}, "card.colour"),
        ({"card": {"description": "a"}}, "card.title"),
        ({"card": {"title": "a", "actions": [["one"]]}}, "card.actions.0"),
        ({"card": {"title": "a", "actions": [{"text": "t"}]}}, "card.actions.0"),
        ({"carousel": []}, "carousel"),
        ({"carousel": [{"title": 7}]}, "carousel.0.title"),
        ({"file": {"name": "a"}}, "file"),
        ({"file": {"name": "a", "content": "?"}}, "file.content"),
        ({"card": {"title": "a"}, "quick_replies": [["a", "b"]]}, "card"),
        ({"text": ""}, "text"),
        ({"session": "unknown", "text": "a"}, "session"),
        ({"guest": "ana", "session": "id-1", "text": "a"}, "session"),
    ],
)
async def test_what_the_agent_cannot_say_is_refused_by_its_field(body, field):
    async with emulating() as emulator:
        await joined(emulator, "ana", ONE, "id-1")
        given = body if "session" in body else {"guest": "ana", **body}
        status, refused = await post(emulator, "say", **given)
        assert status in (400, 404) and refused["field"] == field and refused["message"]


async def test_rules_have_ids_and_counts_and_go_one_by_one():
    async with emulating() as emulator:
        ana = await joined(emulator, "ana", ONE)
        await post(emulator, "faults", rules=[{"kind": "mute", "every": 1, "guest": "ana"}])
        _, added = await post(emulator, "faults/rules", kind="delay", rate=0.5, session="id-9")
        assert added["id"] != "f1" and added["injected"] == 0
        await post(emulator, "say", guest="ana", text="unheard")
        found = await get(emulator, "faults")
        assert [(one["id"], one["injected"]) for one in found["rules"]] == [
            ("f1", 1),
            (added["id"], 0),
        ]
        (recent,) = found["recent"]
        assert (recent["fault"], recent["guest"], recent["outcome"]) == ("mute", "ana", "done")
        assert found["kinds"]["delay"]["fields"] == {"ms": 150.0, "ms_min": 0.0}
        assert found["kinds"]["delay"]["occasion"] == "out" and found["kinds"]["drop"]["meaning"]
        status, left = await call(emulator, "DELETE", "/__emulator/faults/f1")
        assert status == 200 and [one["id"] for one in left["rules"]] == [added["id"]]
        status, _ = await call(emulator, "DELETE", "/__emulator/faults/f1")
        assert status == 404
        await post(emulator, "say", guest="ana", text="heard")
        assert (await heard(ana))["body"]["text"] == "heard"
        status, refused = await post(
            emulator, "faults/rules", kind="no_answer", rate=1, guest="ana"
        )
        assert status == 400 and "knows no guest" in refused["message"]
        status, _ = await post(emulator, "faults", rules=found["rules"])
        assert status == 200


async def test_the_next_message_comes_twice_and_only_to_one_guest():
    async with emulating() as emulator:
        ana, bob = await joined(emulator, "ana", ONE), await joined(emulator, "bob", TWO)
        _, armed = await post(emulator, "inject", guest="ana", kind="duplicate")
        assert (armed["at"], armed["guests"]) == ("next", 1)
        for text in ("one", "two"):
            await post(emulator, "say", guest="ana", text=text)
            await post(emulator, "say", guest="bob", text=text)
        assert [(await heard(ana))["body"]["text"] for _ in range(3)] == ["one", "one", "two"]
        assert [(await heard(bob))["body"]["text"] for _ in range(2)] == ["one", "two"]
        assert (await get(emulator, "faults"))["rules"] == []


async def test_a_fault_for_all_meets_each_guest_once():
    async with emulating() as emulator:
        ana, bob = await joined(emulator, "ana", ONE), await joined(emulator, "bob", TWO)
        _, armed = await post(emulator, "inject", all=True, kind="duplicate")
        assert armed["guests"] == 2
        for socket, name in ((ana, "ana"), (bob, "bob")):
            for text in ("one", "two"):
                await post(emulator, "say", guest=name, text=text)
            assert [(await heard(socket))["body"]["text"] for _ in range(3)] == [
                "one",
                "one",
                "two",
            ]


async def test_a_dropped_connection_is_told_when_it_is_back():
    async with emulating() as emulator:
        await joined(emulator, "ana", ONE, "id-1")
        _, hit = await post(emulator, "inject", session="id-1", kind="drop")
        assert (hit["at"], hit["guests"], hit["rule"]) == ("once", 1, None)
        (one,) = (await get(emulator, "faults"))["recent"]
        assert (one["outcome"], one["took_ms"]) == ("broken", None)
        await joined(emulator, "ana", ONE, "id-1")
        (one,) = (await get(emulator, "faults"))["recent"]
        assert one["outcome"] == "restored" and one["took_ms"] >= 0


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"kind": "dance"}, "kind"),
        ({}, "kind"),
        ({"kind": "delay", "code": 1001}, "code"),
        ({"kind": "close", "code": 7}, "code"),
        ({"kind": "drop", "all": "yes"}, "all"),
        ({"kind": "drop", "tempo": 1}, "tempo"),
    ],
)
async def test_what_cannot_be_injected_is_refused_by_its_field(body, field):
    async with emulating() as emulator:
        await joined(emulator, "ana", ONE)
        status, refused = await post(emulator, "inject", **body)
        assert (status, refused["field"]) == (400, field)


async def test_what_happens_is_followed_as_a_stream_without_tokens():
    import aiohttp

    async with emulating() as emulator, aiohttp.ClientSession(emulator.url) as client:
        headers = {"Accept": "text/event-stream"}
        async with client.get("/__emulator/events?after=0", headers=headers) as answer:
            assert answer.content_type == "text/event-stream"
            ana = await joined(emulator, "ana", ONE, "id-1")
            message = {"type": "Text", "text": "Where is my parcel?"}
            await ana.send(json.dumps({"action": "onMessage", "token": ONE, "message": message}))
            assert (await heard(ana))["body"]["direction"] == "Inbound"
            await post(emulator, "typing", guest="ana")
            await post(emulator, "say", guest="ana", text="Here", nickname="Leo")
            await post(emulator, "inject", guest="ana", kind="drop")
            await joined(emulator, "ana", ONE, "id-1")
            seen = []
            async with asyncio.timeout(10.0):
                while not seen or seen[-1]["kind"] != "injection_over":
                    line = (await answer.content.readline()).decode()
                    if line.startswith("data: "):
                        seen.append(json.loads(line[6:]))
        kinds = [one["kind"] for one in seen]
        for kind in ("joined", "message", "typing", "injection"):
            assert kind in kinds
        assert [one["n"] for one in seen] == sorted(one["n"] for one in seen)
        assert {one["guest"] for one in seen} == {"ana"} and ONE not in json.dumps(seen)
        texts = [one["text"] for one in seen if one["kind"] == "message"]
        assert texts[0] == "Where is my parcel?" and "Here" in texts
        async with client.get("/__emulator/events?aftr=0", headers=headers) as answer:
            assert answer.status == 400
        async with client.get("/__emulator/events?limit=1") as answer:
            assert answer.status == 200 and "entities" in await answer.json()


async def test_messages_are_not_noted_while_none_follows():
    async with emulating() as emulator:
        await joined(emulator, "ana", ONE)
        await post(emulator, "say", guest="ana", text="x")
        assert emulator.world.events.last_n == 0
