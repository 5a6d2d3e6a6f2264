"""One WebSocket for everything that a page follows."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager

import aiohttp
import pytest

from guestd.api.control import watch
from guestd.model.instants import NEVER
from guestd.supervisor import frame_ring

from .control_client import opened

TOKEN = "0123456789abcdef0123456789abcdef"


class Page:
    """A client of the socket; `waits` keeps what came for others."""

    def __init__(self, socket):
        self.socket = socket
        self.heard = []

    async def say(self, **message):
        await self.socket.send_str(json.dumps(message))

    async def next(self, **wanted):
        """The next message with these fields; those before it are kept in `heard`."""
        async with asyncio.timeout(15.0):
            while True:
                message = await self.socket.receive()
                assert message.type is aiohttp.WSMsgType.TEXT, message
                found = json.loads(message.data)
                if all(found.get(name) == value for name, value in wanted.items()):
                    return found
                self.heard.append(found)

    async def subscribe(self, topic_id, topic, **more):
        await self.say(action="subscribe", id=topic_id, topic=topic, **more)
        return await self.next(kind="subscribed", id=topic_id)


@asynccontextmanager
async def page_of(client, token="", **more):
    async with client.session.ws_connect("/v1/watch", **more) as socket:
        page = Page(socket)
        await page.say(action="hello", token=token)
        hello = await page.next(kind="hello")
        assert "frames" in hello["topics"] and hello["version"]
        yield page


async def say(client, text, command_id):
    body = {"text": text, "command_id": command_id}
    await client.post("/v1/sessions/ana/messages", body)


async def test_events_frames_and_explanations_come_by_one_socket(new_stack, client_of):
    async with new_stack(emulator={"agent": "echo"}) as stack, client_of(stack) as client:
        session_id = await opened(stack, client)
        async with page_of(client) as page:
            await page.subscribe("e", "events", session="ana", after=0)
            assert (await page.next(id="e", kind="data"))["data"]["kind"] == "session"
            await page.subscribe("f", "frames", session=session_id, texts=True)
            await page.subscribe("x", "explain", session="ana")
            assert (await page.next(id="x", kind="data"))["data"][
                "sentence"
            ] == "Waits for nothing."
            await say(client, "Where is my parcel?", "c-1")
            sent = await page.next(id="f", kind="data")
            assert sent["topic"] == "frames" and "Where is my parcel?" in sent["data"]["text"]
            while (await page.next(id="e", kind="data"))["data"]["kind"] != "message":
                pass
            await client.ask("DELETE", "/v1/sessions/ana")
            over = {(await page.next(kind="over"))["id"] for _ in range(3)}
            assert over == {"e", "f", "x"}


async def test_what_is_waited_for_is_told_again_while_the_time_passes(new_stack, client_of):
    mute = [{"kind": "mute", "count": 1}]
    async with (
        new_stack(emulator={"faults": mute}) as stack,
        client_of(stack) as client,
        page_of(client) as page,
    ):
        await opened(stack, client)
        await say(client, "hello", "c-1")
        await stack.until(lambda: stack.emulator.faults.injected["mute"])
        await page.subscribe("x", "explain", session="ana")
        told = [(await page.next(id="x", kind="data"))["data"]["waits_for"][0] for _ in range(2)]
        assert {one["code"] for one in told} == {"echo"}
        assert told[0]["detail"] != told[1]["detail"]


async def test_the_fleets_topics_are_the_same_as_their_streams(new_stack, client_of):
    async with new_stack() as stack, client_of(stack) as client, page_of(client) as page:
        await page.subscribe("s", "stats")
        row = (await page.next(id="s", kind="data"))["data"]
        assert row["at"] > 0
        await page.subscribe("c", "changes")
        first = (await page.next(id="c", kind="data"))["data"]
        assert first["reset"] and first["next"]
        session_id = await opened(stack, client)
        async with asyncio.timeout(10.0):
            while True:
                batch = (await page.next(id="c", kind="data"))["data"]
                if session_id in [one[0] for one in batch["changed"]]:
                    break


async def test_what_happens_at_the_emulator_comes_too(new_stack, client_of):
    async with new_stack() as stack, client_of(stack) as client:
        await opened(stack, client)
        async with page_of(client) as page:
            await page.subscribe("m", "emulator", after=0)
            await stack.until(lambda: stack.emulator.world.events.watched_until == NEVER)
            body = {"guest": "ana", "text": "Hi"}
            async with client.session.post("/__emulator/say", json=body):
                pass
            found = (await page.next(id="m", kind="data"))["data"]
            assert (found["kind"], found["guest"], found["text"]) == ("message", "ana", "Hi")


async def test_what_was_skipped_is_told_with_its_number(new_stack, client_of, monkeypatch):
    monkeypatch.setattr(frame_ring, "ROWS_MAX", 2)
    async with new_stack(emulator={"agent": "echo"}) as stack, client_of(stack) as client:
        session_id = await opened(stack, client)
        ring = stack.fleet.frames(session_id)
        for n in range(3):
            await say(client, str(n), f"c-{n}")
        await stack.until(lambda: ring.last_n > 4)
        async with page_of(client) as page:
            await page.subscribe("f", "frames", session="ana")
            lagging = await page.next(kind="lagging", id="f")
            row = (await page.next(id="f", kind="data"))["data"]
            assert row["kind"] == "not_kept" and row["count"] == lagging["skipped"] > 0


async def test_a_topic_is_left_and_may_be_taken_again(new_stack, client_of):
    async with new_stack() as stack, client_of(stack) as client:
        session_id = await opened(stack, client)
        async with page_of(client) as page:
            await page.subscribe("f", "frames", session="ana")
            ring = stack.fleet._frames.find(session_id)
            assert ring.is_listened_to
            await page.say(action="unsubscribe", id="f")
            await page.next(kind="unsubscribed", id="f")
            assert not ring.is_listened_to
            await page.subscribe("f", "frames", session="ana")
        await stack.until(lambda: not ring.is_listened_to)


async def test_the_token_comes_in_the_first_message(new_stack, client_of):
    async with new_stack(control={"token": TOKEN}) as stack, client_of(stack) as client:
        async with page_of(client, token=TOKEN):
            pass
        async with page_of(client, headers={"Authorization": f"Bearer {TOKEN}"}):
            pass
        for first in (
            {"action": "hello", "token": "wrong"},
            {"action": "hello"},
            {"action": "subscribe", "id": "s", "topic": "stats"},
            {"action": "dance"},
        ):
            async with client.session.ws_connect("/v1/watch") as socket:
                await socket.send_str(json.dumps(first))
                refused = json.loads((await socket.receive()).data)
                assert refused["kind"] == "error" and TOKEN not in refused["detail"]
                await socket.receive()
                assert socket.close_code == watch.UNAUTHORIZED


async def test_who_does_not_greet_is_sent_away(new_stack, client_of, monkeypatch):
    monkeypatch.setattr(watch, "HELLO_TIMEOUT_S", 0.05)
    async with (
        new_stack() as stack,
        client_of(stack) as client,
        client.session.ws_connect("/v1/watch") as socket,
    ):
        await socket.receive()
        assert socket.close_code == watch.UNAUTHORIZED


@pytest.mark.parametrize(
    ("message", "code", "field"),
    [
        ({"action": "subscribe", "id": "a", "topic": "weather"}, "invalid", "topic"),
        ({"action": "subscribe", "id": "a", "topic": "frames"}, "invalid", ""),
        ({"action": "subscribe", "topic": "stats"}, "invalid", "id"),
        ({"action": "subscribe", "id": "a", "topic": "stats", "session": "ana"}, "invalid", ""),
        ({"action": "subscribe", "id": "a", "topic": "stats", "colour": 1}, "invalid", "colour"),
        (
            {"action": "subscribe", "id": "a", "topic": "frames", "session": "ana", "after": "x"},
            "invalid",
            "",
        ),
        ({"action": "subscribe", "id": "a", "topic": "frames", "session": "eve"}, "not_found", ""),
        ({"action": "subscribe", "id": "a", "topic": "events", "session": "eve"}, "not_found", ""),
        ({"action": "subscribe", "id": "a", "topic": "explain", "session": "eve"}, "not_found", ""),
        ({"action": "subscribe", "id": "a", "topic": "changes", "after": "?"}, None, ""),
        ({"action": "unsubscribe", "id": "a"}, "not_found", "id"),
        ({"action": "dance", "id": "a"}, "unknown_action", "action"),
    ],
)
async def test_what_cannot_be_followed_is_refused_by_its_field(
    new_stack, client_of, message, code, field
):
    async with new_stack() as stack, client_of(stack) as client, page_of(client) as page:
        await page.say(**message)
        refused = await page.next(kind="error")
        assert code in (None, refused["code"]) and refused["detail"]
        assert refused.get("field", "") == field or code is None
        await page.subscribe("b", "stats")


async def test_what_is_no_json_is_refused_and_the_socket_goes_on(new_stack, client_of):
    async with new_stack() as stack, client_of(stack) as client, page_of(client) as page:
        for text in ("{", "[]", '{"action": 1}', "[" * 500):
            await page.socket.send_str(text)
            assert (await page.next(kind="error"))["code"] in ("bad_json", "unknown_action")
        await page.subscribe("b", "stats")


async def test_a_socket_has_no_more_topics_than_may_be(new_stack, client_of, monkeypatch):
    monkeypatch.setattr(watch, "TOPICS_MAX", 2)
    async with new_stack() as stack, client_of(stack) as client, page_of(client) as page:
        await page.subscribe("a", "stats")
        await page.say(action="subscribe", id="a", topic="stats")
        assert (await page.next(kind="error", id="a"))["code"] == "conflict"
        await page.subscribe("b", "stats")
        await page.say(action="subscribe", id="c", topic="stats")
        assert (await page.next(kind="error", id="c"))["code"] == "overloaded"


async def test_without_an_upgrade_the_path_says_what_it_is(new_stack, client_of):
    async with new_stack() as stack, client_of(stack) as client:
        status, found, _ = await client.get("/v1/watch")
        assert status == 400 and "WebSocket" in found["detail"]


async def test_a_daemon_that_stops_says_goodbye(new_stack, client_of):
    async with new_stack() as stack, client_of(stack) as client, page_of(client) as page:
        await page.subscribe("s", "stats")
        stopping = asyncio.ensure_future(stack.http.stop())
        async with asyncio.timeout(10.0):
            while (await page.socket.receive()).type is aiohttp.WSMsgType.TEXT:
                pass
        assert page.socket.close_code == 1001
        await stopping


async def test_nothing_of_a_page_is_left_when_it_is_gone(new_stack, client_of):
    async with new_stack() as stack, client_of(stack) as client:
        session_id = await opened(stack, client)
        async with page_of(client) as page:
            for n, topic in enumerate(("stats", "changes", "emulator")):
                await page.subscribe(f"t{n}", topic)
            for n, topic in enumerate(("frames", "events", "explain")):
                await page.subscribe(f"s{n}", topic, session="ana")
            assert len(watch_tasks()) == 6
        await stack.until(lambda: not watch_tasks())
        assert not stack.fleet._hub.is_watched(session_id)
        assert not stack.fleet._frames.find(session_id).is_listened_to


def watch_tasks():
    return [one for one in asyncio.all_tasks() if one.get_name().startswith("watch ")]
