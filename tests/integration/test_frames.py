"""The frames of a guest session over HTTP: from the first time they are asked for, linked with
commands and events, and without a secret in them."""

from __future__ import annotations

import asyncio
import json

from guestd.observe import frame_text
from guestd.supervisor import frame_ring, frame_tap
from guestd.supervisor.frame_tap import TappedConnection
from guestd.transport.socket import GuestSocket

from .control_client import opened, settled

FRAMES = "/v1/sessions/ana/frames"


async def frames_of(client, query="?texts=true"):
    status, found, _ = await client.get(f"{FRAMES}{query}")
    assert status == 200
    return found["frames"]


async def until_frame(client, wanted, query="?texts=true"):
    async with asyncio.timeout(30.0):
        while True:
            for frame in await frames_of(client, query):
                if wanted(frame):
                    return frame
            await asyncio.sleep(0.01)


async def say(client, text, command_id):
    body = {"text": text, "command_id": command_id}
    await client.post("/v1/sessions/ana/messages", body)
    await settled(client, command_id)


async def test_frames_are_kept_from_the_first_time_they_are_asked_for(new_stack, client_of):
    async with new_stack(emulator={"agent": "echo"}) as stack, client_of(stack) as client:
        await opened(stack, client)
        assert await frames_of(client) == []
        await say(client, "Where is my parcel?", "c-1")
        sent = await until_frame(client, lambda one: one["direction"] == "out")
        assert sent["class"] == "onMessage Text" and sent["command_id"] == "c-1"
        assert json.loads(sent["text"])["message"]["text"] == "Where is my parcel?"
        echo = await until_frame(
            client, lambda one: one["direction"] == "in" and one["command_id"] == "c-1"
        )
        assert echo["class"].startswith("StructuredMessage") and echo["n"] > sent["n"]
        assert echo["tracing_id"] == sent["tracing_id"] and echo["bytes"] > 100
        _, command, _ = await client.get("/v1/sessions/ana/commands/c-1")
        assert sent["seq"] == command["seq"] < echo["seq"] and sent["at"] <= echo["at"]


async def test_texts_are_there_only_for_those_who_ask_for_them(new_stack, client_of):
    async with new_stack() as stack, client_of(stack) as client:
        await opened(stack, client)
        await frames_of(client)
        await say(client, "Where is my parcel?", "c-1")
        await until_frame(client, lambda one: one["command_id"] == "c-1")
        _, found, _ = await client.get(FRAMES)
        assert found["frames"] and not [one for one in found["frames"] if "text" in one]
        assert "parcel" not in json.dumps(found)


async def test_a_frame_whose_message_was_taken_before_says_so(new_stack, client_of):
    async with new_stack() as stack, client_of(stack) as client:
        await opened(stack, client)
        await frames_of(client)
        stack.emulator.faults.set({"rules": [{"kind": "duplicate", "count": 1}]}, 0.0)
        await say(client, "Once", "c-1")
        await until_frame(client, lambda one: one.get("repeated"))
        came = [one for one in await frames_of(client) if one["direction"] == "in"][:2]
        assert [one.get("repeated", False) for one in came] == [False, True]
        assert came[0]["seq"] > came[1]["seq"] == 0


async def test_opens_and_closes_are_rows_with_who_did_it(new_stack, client_of):
    fast = {"reconnect_base_s": 0.01, "reconnect_jitter_s": 0.0}
    async with new_stack(session=fast) as stack, client_of(stack) as client:
        await opened(stack, client)
        await frames_of(client)
        for connection in list(stack.emulator.connections.values()):
            connection.close(1001, "going away")
        close = await until_frame(client, lambda one: one["kind"] == "close")
        assert (close["code"], close["by"], close["reason"]) == (1001, "platform", "going away")
        assert (close["connection"], close["class"]) == (1, "closed_by_peer")
        again = await until_frame(client, lambda one: one["kind"] == "open")
        assert (again["connection"], again["attempt"]) == (2, 1)
        assert again["address"] == f"127.0.0.1:{stack.emulator.port}"
        hello = await until_frame(client, lambda one: one["class"] == "configureSession")
        assert hello["connection"] == 2 and again["n"] < hello["n"]
        await client.ask("DELETE", "/v1/sessions/ana")


async def test_no_token_jwt_or_signature_is_in_any_frame(new_stack, client_of):
    """A whole story: hello, history, a file's signed place, a lost connection, the goodbye."""
    fast = {"reconnect_base_s": 0.01, "reconnect_jitter_s": 0.0}
    async with new_stack(session=fast) as stack, client_of(stack) as client:
        session_id = await opened(stack, client)
        source = stack.fleet.frames(session_id)
        for connection in list(stack.emulator.connections.values()):
            connection.transport.abort()
        await until_frame(client, lambda one: "Jwt" in one["class"] or "JWT" in one["class"])
        await stack.until(lambda: stack.live() == 1)
        answer = await client.session.post(
            "/v1/sessions/ana/attachments?filename=a.png",
            data=b"\x89PNG",
            headers={"Content-Type": "image/png"},
        )
        assert answer.status == 202
        await settled(client, (await answer.json())["command_id"])
        (token,) = stack.emulator.world.sessions
        (file,) = stack.emulator.world.sessions[token].attachments.values()
        jwt = stack.emulator.world.grant_jwt(stack.emulator.world.sessions[token], 0.0)[0]
        await client.ask("DELETE", "/v1/sessions/ana")
        await stack.until(lambda: source.is_over)
        rows = source.after(0, 1000)
        classes = {one.name for one in rows}
        assert {"configureSession", "getJwt", "JwtResponse", "PresignedUrlResponse"} <= classes
        shown = json.dumps([one.text + one.reason + one.name + one.tracing_id for one in rows])
        for canary in (token, file.secret, jwt.partition(".")[0], "sig="):
            assert canary not in shown, canary
        status, found, _ = await client.get(
            f"/v1/sessions/{session_id}/frames?texts=true&limit=200"
        )
        assert status == 200 and found["over"] and len(found["frames"]) == len(rows)


async def test_a_stream_shows_each_frame_once_resumes_and_ends(new_stack, client_of):
    async with new_stack(emulator={"agent": "echo"}) as stack, client_of(stack) as client:
        session_id = await opened(stack, client)
        headers = {"Accept": "text/event-stream"}
        async with client.session.get(f"{FRAMES}?texts=true", headers=headers) as answer:
            assert answer.content_type == "text/event-stream"
            await say(client, "one", "c-1")
            first = await next_event(answer)
            assert first["event"] == "frame" and first["id"] == "1"
            assert json.loads(first["data"])["n"] == 1
        await say(client, "two", "c-2")
        headers["Last-Event-ID"] = first["id"]
        async with client.session.get(f"{FRAMES}?after=0", headers=headers) as answer:
            assert (await next_event(answer))["id"] == "2"
            await client.ask("DELETE", "/v1/sessions/ana")
            async with asyncio.timeout(30.0):
                while (event := await next_event(answer))["event"] != "over":
                    last = int(event["id"])
            assert json.loads(event["data"]) == {"kind": "over", "n": last}
        path = f"/v1/sessions/{session_id}/frames?after={last}"
        async with client.session.get(path, headers={"Accept": headers["Accept"]}) as answer:
            assert answer.status == 204


async def next_event(answer):
    fields = {}
    async with asyncio.timeout(30.0):
        while line := (await answer.content.readline()).decode().rstrip("\n"):
            name, _, value = line.partition(": ")
            fields[name] = value
    return fields


async def test_frames_that_are_not_kept_are_told_in_their_place(new_stack, client_of, monkeypatch):
    monkeypatch.setattr(frame_ring, "ROWS_MAX", 3)
    async with new_stack(emulator={"agent": "echo"}) as stack, client_of(stack) as client:
        await opened(stack, client)
        await frames_of(client)
        for n in range(3):
            await say(client, str(n), f"c-{n}")
        _, found, _ = await client.get(FRAMES)
        gap, *rest = found["frames"]
        assert gap["kind"] == "not_kept" and gap["count"] == gap["n"] == found["first_kept"] - 1
        assert [one["n"] for one in rest] == [gap["n"] + n for n in (1, 2, 3)]


async def test_without_a_watcher_nothing_is_copied_and_afterwards_nothing_is_left(
    new_stack, client_of, monkeypatch
):
    looked = []

    def counted(*what):
        looked.append(what)
        return frame_text.frame_text(*what)

    monkeypatch.setattr(frame_tap, "frame_text", counted)
    async with new_stack(emulator={"agent": "echo"}) as stack, client_of(stack) as client:
        session_id = await opened(stack, client)
        runner = stack.fleet._runners[session_id]
        await say(client, "unseen", "c-1")
        assert looked == [] and len(stack.fleet._frames) == 0
        assert runner._tap is None and type(runner._connection) is GuestSocket
        await frames_of(client)
        assert type(runner._connection) is TappedConnection
        await say(client, "seen", "c-2")
        assert looked
        stack.fleet._frames._give_up(session_id, stack.fleet._frames.find(session_id))
        count = len(looked)
        await say(client, "unseen again", "c-3")
        assert len(looked) == count and len(stack.fleet._frames) == 0
        assert runner._tap is None and type(runner._connection) is GuestSocket


async def test_bad_input_is_refused_by_its_field(new_stack, client_of):
    async with new_stack() as stack, client_of(stack) as client:
        await opened(stack, client)
        for query, field in (
            ("after=x", "query.after"),
            ("limit=0", "query.limit"),
            ("limit=201", "query.limit"),
            ("texts=maybe", "query.texts"),
            ("text=true", "query.text"),
        ):
            status, found, _ = await client.get(f"{FRAMES}?{query}")
            assert (status, found["field"]) == (422, field)
        headers = {"Accept": "text/event-stream", "Last-Event-ID": "x"}
        status, found, _ = await client.get(FRAMES, headers=headers)
        assert (status, found["field"]) == (422, "Last-Event-ID")
        status, found, _ = await client.get("/v1/sessions/unknown/frames")
        assert (status, found["code"]) == (404, "not_found")
