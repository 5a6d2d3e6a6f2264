"""The events of many guest sessions as one stream, over real HTTP."""

from __future__ import annotations

import asyncio
import json

import pytest

from guestd.api.control import fleet_events

from .control_client import opened, settled


async def told(answer):
    """(kind, data) of each event."""
    kind = ""
    async for line in answer.content:
        name, _, value = line.decode().rstrip("\n").partition(": ")
        if name == "event":
            kind = value
        elif name == "data":
            yield kind, json.loads(value)


def streamed(client, **query):
    headers = {"Accept": "text/event-stream"}
    return client.session.get("/v1/events", params=query, headers=headers)


async def named(client, name, **attributes):
    body = {"name": name, "attributes": attributes}
    return (await client.post("/v1/sessions", body))[1]["session_id"]


async def test_all_events_of_all_sessions_come_as_they_become_durable(new_stack, client_of):
    async with new_stack(emulator={"agent": "echo"}) as stack, client_of(stack) as client:
        async with streamed(client) as answer:
            assert answer.status == 200
            ids = [await opened(stack, client, name) for name in ("ana", "bob")]
            await client.post("/v1/sessions/ana/messages", {"text": "hi", "command_id": "c1"})
            await settled(client, "c1")
            for name in ("ana", "bob"):
                await client.ask("DELETE", f"/v1/sessions/{name}")
            seqs, over = {one: [] for one in ids}, 0
            async with asyncio.timeout(30.0):
                async for kind, data in told(answer):
                    event = data["event"]
                    assert event["kind"] == kind
                    seqs[data["session_id"]].append(event["seq"])
                    over += kind == "session" and event["state"] == "ended"
                    if over == 2:
                        break
            for seen in seqs.values():
                assert seen == list(range(1, len(seen) + 1))


@pytest.mark.parametrize("query", ["tier:gold", "tier"])
async def test_only_those_with_an_attribute(new_stack, client_of, query):
    async with new_stack() as stack, client_of(stack) as client:
        before = await named(client, "before", tier="gold")
        await stack.until(lambda: stack.live() == 1)
        async with streamed(client, attribute=query) as answer:
            other = "lead" if query == "tier:gold" else None
            await named(client, "other", **({"tier": other} if other else {}))
            wanted = await named(client, "ana", tier="gold")
            await stack.until(lambda: stack.live() == 3)
            await client.ask("DELETE", "/v1/sessions/before")
            await client.ask("DELETE", "/v1/sessions/ana")
            ended = set()
            async with asyncio.timeout(30.0):
                async for _, data in told(answer):
                    assert data["session_id"] in (before, wanted)
                    if data["event"].get("state") == "ended":
                        ended.add(data["session_id"])
                    if len(ended) == 2:
                        break


async def test_without_that_accept_it_says_how_to_ask(new_stack, client_of):
    async with new_stack() as stack, client_of(stack) as client:
        status, found, _ = await client.get("/v1/events")
        assert (status, found["code"]) == (400, "bad_request") and "Accept" in found["detail"]


async def test_who_reads_too_slowly_is_told_and_costs_no_more(new_stack, client_of, monkeypatch):
    monkeypatch.setattr(fleet_events, "BYTES_MAX", 600)
    async with new_stack() as stack, client_of(stack) as client:
        async with streamed(client) as answer:
            (queue,) = stack.fleet._hub.followers
            queue._bytes = fleet_events.BYTES_MAX  # as if so much waited
            await named(client, "ana")
            async with asyncio.timeout(30.0):
                last = [one async for one in told(answer)][-1]
            assert last == ("closed", {"kind": "closed", "reason": "too slow"})
        await stack.until(lambda: stack.metrics.watchers_closed_slow == 1)
        assert stack.fleet._hub.followers == ()


async def test_the_daemons_end_closes_it(new_stack, client_of):
    async with new_stack() as stack, client_of(stack) as client:
        async with streamed(client) as answer:
            stack.http._control._fleet_events.close()
            async with asyncio.timeout(30.0):
                last = [one async for one in told(answer)][-1]
        assert last[1]["reason"] == "guestd is shutting down"
