"""Conversations in bulk, to be reconciled with; and sessions by a custom attribute."""

from __future__ import annotations

from hashlib import sha256

import pytest

from guestd.emulator.core import world as world_module
from guestd.emulator.guest_api.actions import receive_guest_frame

from .emulator_client import TOKEN, ask, call, configured, emulating, guest

RUN = {"channel": {"metadata": {"customAttributes": {"run": "r1"}}}}


async def transcripts(emulator, query=""):
    status, found = await call(emulator, "GET", f"/__emulator/transcripts{query}")
    assert status == 200, found
    return found


async def say(socket, text, **more):
    return await ask(socket, "onMessage", message={"type": "Text", "text": text, **more})


async def test_a_conversation_with_what_each_message_was():
    async with emulating(agent="echo") as emulator, guest(emulator) as socket:
        await configured(socket)
        assert (await transcripts(emulator)) == {"conversations": [], "next": None}
        echo = await say(socket, "hello", **RUN)
        (found,) = (await transcripts(emulator, "?state=open&attribute=run:r1"))["conversations"]
        assert found["token_sha256"] == sha256(TOKEN.encode()).hexdigest()
        assert TOKEN not in str(found)
        assert found["attributes"] == {"run": "r1"}
        first, second = found["messages"]
        assert first == {
            "id": echo["body"]["id"],
            "type": "Text",
            "direction": "Inbound",
            "text": "hello",
            "time": echo["body"]["channel"]["time"],
            "tracing_id": "t",
        }
        assert (second["direction"], second["text"], second["tracing_id"]) == (
            "Outbound",
            "hello",
            "",
        )


async def test_a_cleared_conversation_is_still_there_and_none_is_open():
    async with emulating() as emulator, guest(emulator) as socket:
        await configured(socket)
        await say(socket, "hello", **RUN)
        assert await count(emulator, "?attribute=run:r1&state=open") == 1
        assert await count(emulator, "?attribute=run:r2&state=open") == 0
        event = {"eventType": "Presence", "presence": {"type": "Clear"}}
        await ask(socket, "onMessage", message={"type": "Event", "events": [event]})
        assert await count(emulator, "?attribute=run:r1&state=open") == 0
        (found,) = (await transcripts(emulator, "?attribute=run"))["conversations"]
        assert found["state"] == "ended" and found["ended"] is not None
        (event,) = found["messages"][-1]["events"]
        assert event["presence"] == {"type": "Clear"}


async def count(emulator, query):
    status, found = await call(emulator, "GET", f"/__emulator/sessions{query}")
    assert status == 200, found
    return found["total"]


async def test_an_expired_session_has_no_open_conversation():
    async with emulating() as emulator, guest(emulator) as socket:
        await configured(socket)
        await say(socket, "hello")
        assert await count(emulator, "?state=open") == 1
        emulator.world.sessions[TOKEN].expires = emulator.now() - 1
        assert await count(emulator, "?state=open") == 0
        assert await count(emulator, "?state=ended") == 1


def many(world, count, texts=1):
    """Guests by frames, without sockets."""
    deployment = world.settings.deployments[0]
    for n in range(count):
        record, token = world.connect(deployment, 1e9), f"c3a6e0a2-0000-4000-8000-{n:012x}"
        hello = (
            f'{{"action":"configureSession","token":"{token}","deploymentId":"{deployment.id}"}}'
        )
        receive_guest_frame(world, record.id, hello.encode(), 1e9)
        for text in range(texts):
            said = (
                f'{{"action":"onMessage","token":"{token}","tracingId":"t{text}",'
                f'"message":{{"type":"Text","text":"{n}"}}}}'
            )
            receive_guest_frame(world, record.id, said.encode(), 1e9)


async def test_pages_leave_nothing_out_and_are_bounded_by_messages(monkeypatch):
    async with emulating() as emulator:
        many(emulator.world, 250, texts=3)
        seen, after, pages = [], 0, 0
        while after is not None:
            page = await transcripts(emulator, f"?limit=40&after={after}")
            seen += [one["messages"][0]["text"] for one in page["conversations"]]
            after, pages = page["next"], pages + 1
        assert seen == [str(n) for n in range(250)] and pages == 7
        monkeypatch.setattr("guestd.emulator.admin.transcript_admin.PAGE_MESSAGES_MAX", 30)
        page = await transcripts(emulator, "?limit=1000")
        assert len(page["conversations"]) == 10 and page["next"] == 10


async def test_pages_go_on_where_the_oldest_were_forgotten(monkeypatch):
    monkeypatch.setattr(world_module, "CONVERSATIONS_KEPT_MAX", 20)
    async with emulating() as emulator:
        many(emulator.world, 30)
        page = await transcripts(emulator, "?limit=15&after=5")
        texts = [one["messages"][0]["text"] for one in page["conversations"]]
        assert texts == [str(n) for n in range(10, 25)]
        rest = await transcripts(emulator, f"?after={page['next']}")
        assert [one["messages"][0]["text"] for one in rest["conversations"]] == [
            str(n) for n in range(25, 30)
        ]


@pytest.mark.parametrize(
    "query", ["?state=closed", "?attribute=:x", "?limit=1001", "?after=-1", "?nonsense=1"]
)
async def test_what_is_asked_wrongly_is_refused(query):
    async with emulating() as emulator:
        many(emulator.world, 1)
        assert (await call(emulator, "GET", f"/__emulator/transcripts{query}"))[0] == 400
        assert (await call(emulator, "GET", f"/__emulator/sessions{query}"))[0] == 400
