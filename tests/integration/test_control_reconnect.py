"""guestd closes a connection of its own because someone asks, and the session comes back."""

from __future__ import annotations

import pytest

from .control_client import opened, settled


@pytest.mark.parametrize("how", ["close", "abort"])
async def test_the_connection_is_closed_and_comes_back_with_nothing_lost(new_stack, client_of, how):
    session = {"reconnect_base_s": 0.05, "reconnect_jitter_s": 0.0}
    async with (
        new_stack(session=session, emulator={"agent": "echo"}) as stack,
        client_of(stack) as client,
    ):
        session_id = await opened(stack, client)
        status, found, _ = await client.post("/v1/sessions/ana/reconnect", {"how": how})
        assert (status, found) == (
            202,
            {"session_id": session_id, "how": how, "state": "resting"},
        )
        await stack.until(lambda: stack.live() == 1)
        sent = {"text": "still there?", "command_id": "c1"}
        assert (await client.post("/v1/sessions/ana/messages", sent))[0] == 202
        assert (await settled(client, "c1"))["status"] == "confirmed"
        _, page, _ = await client.get("/v1/sessions/ana/events")
        states = [(e["state"], e["reason"]) for e in page["events"] if e["kind"] == "session"]
        assert states == [("live", ""), ("resting", "reconnect_asked"), ("live", "")]
        assert stack.metrics.connections_lost == {"reconnect_asked": 1}


async def test_without_a_connection_there_is_nothing_to_close(new_stack, client_of):
    async with (
        new_stack(session={"reconnect_base_s": 30.0}) as stack,
        client_of(stack) as client,
    ):
        await opened(stack, client)
        await client.post("/v1/sessions/ana/reconnect", {})
        status, found, _ = await client.post("/v1/sessions/ana/reconnect", {})
        assert (status, found["code"], found["state"]) == (409, "not_ready", "resting")
        assert (await client.post("/v1/sessions/nobody/reconnect", {}))[0] == 404
        status, found, _ = await client.post("/v1/sessions/ana/reconnect", {"how": "softly"})
        assert (status, found["field"]) == (422, "how")
