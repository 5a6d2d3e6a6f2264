"""Changes of the whole fleet over real HTTP."""

from __future__ import annotations

import asyncio
import json

from .control_client import opened, settled


async def batches(answer):
    """(id, batch) of each event."""
    found = {}
    async for line in answer.content:
        name, _, value = line.decode().rstrip("\n").partition(": ")
        if name:
            found[name] = value
        elif "data" in found:
            yield found.get("event"), found.get("id", ""), json.loads(found["data"])
            found = {}


def streamed(client, after="", **headers):
    return client.session.get(
        "/v1/changes",
        params={"after": after} if after else {},
        headers={"Accept": "text/event-stream", **headers},
    )


async def until(events, wanted):
    async with asyncio.timeout(30.0):
        async for kind, cursor, batch in events:
            if kind == "changes" and wanted(batch):
                return cursor, batch
    raise AssertionError("the stream has ended")


async def test_what_happens_in_any_session_is_told_without_its_texts(new_stack, client_of):
    async with new_stack(emulator={"agent": "echo"}) as stack, client_of(stack) as client:
        async with streamed(client) as answer:
            events = batches(answer)
            _, first = await until(events, lambda one: one["reset"])
            assert first["counts"] == {} and first["changed"] == []
            session_id = await opened(stack, client)
            await until(events, lambda one: one["counts"].get("live") == 1)
            await client.post("/v1/sessions/ana/messages", {"text": "SECRET", "command_id": "c1"})
            await settled(client, "c1")
            seq = stack.fleet.view(session_id).seq
            _, batch = await until(events, lambda one: any(row[2] >= seq for row in one["changed"]))
            (row,) = batch["changed"]
            assert row[:2] == [session_id, "live"] and row[4:] == [0, 0]
            assert "SECRET" not in json.dumps(batch)
            await client.ask("DELETE", "/v1/sessions/ana")
            await until(events, lambda one: one["gone"] == [session_id])


async def test_a_stream_is_resumed_by_its_last_id(new_stack, client_of):
    async with new_stack() as stack, client_of(stack) as client:
        async with streamed(client) as answer:
            cursor, _ = await until(batches(answer), lambda one: one["reset"])
        session_id = await opened(stack, client)
        async with streamed(client, **{"Last-Event-ID": cursor}) as answer:
            _, batch = await until(batches(answer), lambda one: one["changed"])
        assert not batch["reset"] and batch["changed"][0][0] == session_id
        _, polled, _ = await client.get(f"/v1/changes?after={cursor}")
        assert [row[0] for row in polled["changed"]] == [session_id]
        async with asyncio.timeout(30.0):
            while polled["changed"]:  # its `live` becomes durable meanwhile
                _, polled, _ = await client.get(f"/v1/changes?after={polled['next']}")
        assert not polled["reset"]


async def test_what_is_no_cursor_is_refused_by_its_field(new_stack, client_of):
    async with new_stack() as stack, client_of(stack) as client:
        status, found, _ = await client.get("/v1/changes?after=nonsense")
        assert (status, found["field"]) == (422, "query.after")
        status, found, _ = await client.get(
            "/v1/changes", headers={"Accept": "text/event-stream", "Last-Event-ID": "nonsense"}
        )
        assert (status, found["field"]) == (422, "Last-Event-ID")


async def test_streams_are_bounded_and_given_back(new_stack, client_of):
    control = {"watchers_max": 1, "heartbeat_s": 0.05}
    async with new_stack(control=control) as stack, client_of(stack) as client:
        async with streamed(client) as answer:
            await until(batches(answer), lambda one: one["reset"])
            status, found, _ = await client.get(
                "/v1/changes", headers={"Accept": "text/event-stream"}
            )
            assert (status, found["code"]) == (503, "overloaded")
        await stack.until(lambda: stack.metrics.watchers == 0)
        async with streamed(client) as answer:
            await until(batches(answer), lambda one: True)


async def test_a_stream_ends_with_the_daemon(new_stack, client_of):
    async with new_stack() as stack, client_of(stack) as client, streamed(client) as answer:
        events = batches(answer)
        await until(events, lambda one: one["reset"])
        stack.http._control.close()
        async with asyncio.timeout(30.0):
            assert [kind async for kind, _, _ in events] == ["closed"]
