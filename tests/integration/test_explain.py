"""What a guest session waits for, asked over HTTP while it does."""

from __future__ import annotations

import re

from guestd.session.waits import rest_sentence

from .control_client import opened

ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


async def test_a_quiet_session_waits_for_nothing_and_says_where_it_stands(new_stack, client_of):
    async with new_stack() as stack, client_of(stack) as client:
        session_id = await opened(stack, client)
        status, found, _ = await client.get("/v1/sessions/ana/explain")
        assert status == 200
        assert (found["session_id"], found["name"], found["state"]) == (session_id, "ana", "live")
        assert found["sentence"] == "Waits for nothing." and found["waits_for"] == []
        connection = found["connection"]
        assert (connection["n"], connection["tries"]) == (1, 0)
        assert connection["address"] == connection["host"] == f"127.0.0.1:{stack.emulator.port}"
        assert all(ISO.fullmatch(found[name]) for name in ("since", "expires_at"))
        assert [one["name"] for one in found["buckets"]] == ["connects"]


async def test_an_unconfirmed_message_is_explained_until_its_echo(new_stack, client_of):
    mute = [{"kind": "mute", "count": 1}]
    async with new_stack(emulator={"faults": mute}) as stack, client_of(stack) as client:
        await opened(stack, client)
        await client.post("/v1/sessions/ana/messages", {"text": "hello", "command_id": "c-1"})
        await stack.until(lambda: stack.emulator.faults.injected["mute"])
        _, found, _ = await client.get("/v1/sessions/ana/explain")
        (wait,) = [one for one in found["waits_for"] if one["code"] == "echo"]
        assert found["sentence"] == found["waits_for"][0]["sentence"]
        assert wait["since"] < wait["until"]
        (one,) = found["unconfirmed"]
        assert (one["command_id"], one["state"], one["text"]) == ("c-1", "sent", "hello")


async def test_a_lost_connection_is_explained_by_the_sentence_of_the_log(new_stack, client_of):
    rest = {"reconnect_base_s": 30.0, "reconnect_jitter_s": 0.0, "reconnect_cap_s": 30.0}
    async with new_stack(session=rest) as stack, client_of(stack) as client:
        session_id = await opened(stack, client)
        for connection in list(stack.emulator.connections.values()):
            connection.close(1001, "going away")
        await stack.until(lambda: stack.fleet.view(session_id).state == "resting")
        _, found, _ = await client.get(f"/v1/sessions/{session_id}/explain")
        machine = stack.fleet._runners[session_id].machine
        said = rest_sentence(machine.connection, machine.since)
        assert said.startswith("Waits to connect again: attempt 1 in 30 s")
        assert found["sentence"].startswith("Waits to connect again: attempt 1 in ")
        last = found["connection"]["last_close"]
        assert (last["code"], last["by"], last["reason"]) == (1001, "platform", "going away")
        assert found["connection"]["since"] is None and len(found["connections"]) == 1


async def test_an_unknown_session_is_not_found(new_stack, client_of):
    async with new_stack() as stack, client_of(stack) as client:
        status, found, _ = await client.get("/v1/sessions/unknown/explain")
        assert (status, found["code"]) == (404, "not_found")
        status, found, _ = await client.get("/v1/sessions/unknown/explain?x=1")
        assert (status, found["field"]) == (422, "query.x")
