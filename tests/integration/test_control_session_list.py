"""Guest sessions in a list: what is told of each, what is filtered and sorted, and by which pages."""

from __future__ import annotations

from guestd.api.control.session_schemas import FIELDS
from guestd.model.journal import EndedSession

from .control_client import opened, settled
from .test_sessions import drop


async def names(client, **asked):
    _, page, _ = await client.get("/v1/sessions", params=asked)
    return [one["name"] for one in page["sessions"]]


async def test_a_row_tells_what_an_operator_asks(new_stack, client_of):
    async with new_stack(emulator={"agent": "echo"}) as stack, client_of(stack) as client:
        await client.post("/v1/sessions", {"name": "ana", "attributes": {"tier": "gold"}})
        await stack.until(lambda: stack.live() == 1)
        text = "Where is my parcel? " * 10
        await client.post("/v1/sessions/ana/messages", {"text": text, "command_id": "c1"})
        await settled(client, "c1")
        await stack.until(lambda: stack.metrics.messages_in >= 2)
        _, page, _ = await client.get("/v1/sessions")
        (row,) = page["sessions"]
        assert set(row) == set(FIELDS)
        assert row["attributes"] == {"tier": "gold"}
        last = row["last_message"]
        assert len(last["text"]) == 120 and (last["direction"], last["type"]) == (
            "Outbound",
            "Text",
        )
        assert (row["waiting"], row["uncertain"], row["attempt"]) == (0, 0, 0)
        assert row["waiting_since"] is None
        assert row["opened_at"] <= row["state_since"] <= row["last_activity_at"] < row["ends_at"]
        assert row["opened_at"] < row["expires_at"] <= row["ends_at"]
        assert (row["reason"], row["attention"], row["next_try_at"]) == ("", "", None)
        assert page["counts"] == {"live": 1} and page["at"] > 1_700_000_000_000
        _, alone, _ = await client.get("/v1/sessions/ana")
        assert alone == row


async def test_a_lost_connection_says_why_and_when_it_is_tried_again(new_stack, client_of):
    session = {"reconnect_base_s": 30.0}
    async with new_stack(session=session) as stack, client_of(stack) as client:
        await opened(stack, client)
        await client.post(
            "/v1/sessions/ana/messages", {"text": "hello", "command_id": "c1", "when_down": "queue"}
        )
        await settled(client, "c1")
        drop(stack)
        await stack.until(lambda: stack.metrics.sessions.get("resting") == 1)
        sent = {"text": "are you there?", "command_id": "c2", "when_down": "queue"}
        assert (await client.post("/v1/sessions/ana/messages", sent))[0] == 202
        _, page, _ = await client.get("/v1/sessions?sort=attention&state=resting,waiting")
        (row,) = page["sessions"]
        assert (row["state"], row["attempt"], row["waiting"]) == ("resting", 1, 1)
        assert (row["reason"], row["attention"]) == ("lost", "down")
        assert row["next_try_at"] > row["state_since"]
        assert row["state_since"] <= row["waiting_since"]


async def test_only_the_fields_that_are_asked_for(new_stack, client_of):
    async with new_stack() as stack, client_of(stack) as client:
        found = await opened(stack, client)
        _, page, _ = await client.get("/v1/sessions?fields=name,waiting")
        assert page["sessions"] == [{"session_id": found, "name": "ana", "waiting": 0}]


async def test_filtered_by_words_states_and_ids(new_stack, client_of):
    async with new_stack() as stack, client_of(stack) as client:
        for name, tier in (("ana", "gold"), ("bob", "silver"), ("cem", "gold")):
            await client.post("/v1/sessions", {"name": name, "attributes": {"tier": tier}})
        await stack.until(lambda: stack.live() == 3)
        ids = {one.name: one.session_id for one in stack.fleet.sessions()}
        assert await names(client, q="tier:gold", sort="name") == ["ana", "cem"]
        assert await names(client, state="resting,leaving") == []
        assert await names(client, ids=f"{ids['cem']},{ids['ana']}", sort="name") == ["ana", "cem"]
        for asked, field in (
            ({"state": "asleep"}, "query.state"),
            ({"ids": ",".join(["a"] * 101)}, "query.ids"),
            ({"fields": "token"}, "query.fields"),
            ({"sort": "activity", "after": "zzz"}, "query.after"),
        ):
            status, problem, _ = await client.get("/v1/sessions", params=asked)
            assert (status, problem["field"]) == (422, field)


async def test_ids_cost_no_more_among_many(new_stack, client_of, monkeypatch):
    async with new_stack() as stack, client_of(stack) as client:
        ids = [await opened(stack, client, name) for name in ("ana", "bob")]
        monkeypatch.setattr(stack.fleet.overview, "lines", None)
        asked = {"ids": f"{ids[1]},gone,{ids[1]}"}
        _, page, _ = await client.get("/v1/sessions", params=asked)
        assert [one["name"] for one in page["sessions"]] == ["bob"]
        assert (page["total"], page["counts"]) == (1, {"live": 1})


async def test_those_that_are_over_with_the_others_or_alone(new_stack, client_of):
    async with new_stack() as stack, client_of(stack) as client:
        await opened(stack, client, "cem")

        async def ended(limit):
            return [EndedSession("s2", "bob", 10, 2_000, 7), EndedSession("s1", "ana", 5, 1_000, 3)]

        stack.fleet._journal.ended = ended
        assert await names(client) == ["cem"]
        _, page, _ = await client.get("/v1/sessions?ended=only&limit=1")
        assert [one["name"] for one in page["sessions"]] == ["bob"] and page["total"] == 2
        assert page["sessions"][0]["ended_at"] == "1970-01-01T00:00:02.000Z"
        assert await names(client, ended="true", limit=1, after=page["next"]) == ["ana"]
        assert await names(client, ended="include", sort="name") == ["ana", "bob", "cem"]
        assert await names(client, state="ended", sort="name") == ["ana", "bob"]
        _, page, _ = await client.get("/v1/sessions?ended=include&state=live")
        assert (page["total"], page["counts"]) == (1, {"live": 1, "ended": 2})


async def test_the_last_message_of_another_life_is_looked_up_by_id(new_stack, client_of):
    async with new_stack(emulator={"agent": "echo"}) as stack, client_of(stack) as client:
        session_id = await opened(stack, client)
        await client.post("/v1/sessions/ana/messages", {"text": "hello", "command_id": "c1"})
        await settled(client, "c1")
        await stack.until(lambda: stack.metrics.messages_in >= 2)
        stack.fleet._runners[session_id].activity._message = None  # as after a restart
        _, page, _ = await client.get("/v1/sessions")
        assert page["sessions"][0]["last_message"] is None
        _, page, _ = await client.get(f"/v1/sessions?ids={session_id}&fields=last_message")
        assert page["sessions"][0]["last_message"]["type"] == "Text"
