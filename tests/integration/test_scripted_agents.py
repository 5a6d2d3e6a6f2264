"""What the emulator's own agents say to a guest."""

from __future__ import annotations

import asyncio
import json

import pytest

from .emulator_client import TOKEN, ask, call, configured, emulating, guest

FILE = {"attachmentId": "a1", "fileName": "parcel.png", "fileType": "image/png", "fileSize": 5}


async def answers(emulator, socket, *texts, **more):
    """What the agent says to each of these messages, by the emulator's own record."""
    heard = []
    for n, text in enumerate(texts, 1):
        message = {"type": "Text", "text": text, **more}
        await socket.send(json.dumps({"action": "onMessage", "token": TOKEN, "message": message}))
        async with asyncio.timeout(30.0):
            while not has_answered(emulator.world.sessions[TOKEN].agent, n):
                await asyncio.sleep(0.01)
        said = [*spoken(await call(emulator, "GET", f"/__emulator/state?token={TOKEN}"))]
        heard.append(said[sum(map(len, heard)) :])
    return heard


def has_answered(agent, messages):
    return agent is not None and agent.heard == messages and not (agent.busy or agent.steps)


def spoken(answer):
    for one in answer[1]["sessions"][TOKEN]["messages"]:
        if one["direction"] == "Outbound" and one["type"] != "Event":
            yield one["text"]


@pytest.mark.parametrize(
    ("agent", "greeting"),
    [
        ("menu", "What would you like to see?"),
        ("faq", "Hello! Ask me about hours, returns or parcels."),
        ("handover", "I am a robot. Say agent to talk to a person."),
    ],
)
async def test_a_greeted_guest_is_answered_once(agent, greeting):
    async with emulating(agent=agent) as emulator, guest(emulator) as socket:
        await configured(socket)
        first, second = await answers(emulator, socket, "hi", "hi")
        assert first == [greeting]
        assert len(second) == 1 and second != first


async def test_a_first_message_that_a_rule_fits_is_answered_too():
    async with emulating(agent="faq") as emulator, guest(emulator) as socket:
        await configured(socket)
        (first,) = await answers(emulator, socket, "When do you open?")
        assert first[1:] == ["We are open every day from 8:00 to 20:00."]


async def test_an_agent_without_a_greeting_answers_the_first_message():
    async with emulating(agent="goodbye") as emulator, guest(emulator) as socket:
        await configured(socket)
        assert await answers(emulator, socket, "hi") == [["I hear you: hi"]]


async def test_several_texts_are_said_in_turn():
    script = {"default": [{"say": ["one", "two {text}"]}]}
    async with emulating(agent=script) as emulator, guest(emulator) as socket:
        await configured(socket)
        assert await answers(emulator, socket, "a", "b", "c") == [["one"], ["two b"], ["one"]]


@pytest.mark.parametrize(
    ("agent", "said"), [("menu", "Thank you, I have “parcel.png”."), ("echo", "parcel.png")]
)
async def test_a_file_is_named_in_the_answer(agent, said):
    async with emulating(agent=agent, upload_delay_s=0.0) as emulator, guest(emulator) as socket:
        await configured(socket)
        slot = (await ask(socket, "onAttachment", **FILE))["body"]
        async with emulator.http.put(slot["url"], data=b"12345", headers=slot["headers"]):
            pass
        await asyncio.wait_for(socket.recv(), 30.0)
        file = {"contentType": "Attachment", "attachment": {"id": "a1"}}
        (heard,) = await answers(emulator, socket, "", content=[file])
        assert heard[-1] == said
