"""Any walk through the actions, and the scripted agents on top: never a frame that a strict client
would drop (§9.2)."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guestd.emulator import DEFAULT_DEPLOYMENT_ID, EmulatorSettings
from guestd.emulator.agents.script import built_in
from guestd.emulator.core.world import World
from guestd.emulator.settings import Deployment, EmulatorLimits
from tests.thoroughness import examples


def _beside(name):
    spec = importlib.util.spec_from_file_location(
        f"emulator_tests_{name}", Path(__file__).with_name(f"{name}.py")
    )
    module = importlib.util.module_from_spec(spec)
    import sys

    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


strict = _beside("strict")
harness = _beside("conftest")

TEXTS = st.sampled_from(
    [
        "hello",
        "where is my parcel?",
        "return it",
        "card",
        "carousel",
        "date",
        "agent",
        "bye",
        "é" * 3000,
    ]
)
EVENTS = st.sampled_from(["Join", "Clear", "Typing", "Nonsense"])

STEPS = st.one_of(
    st.tuples(st.just("configure"), st.booleans()),
    st.tuples(st.just("say"), TEXTS),
    st.tuples(st.just("event"), EVENTS),
    st.tuples(st.just("reply"), st.sampled_from(["TRACK", "RETURN", "DONE"])),
    st.tuples(st.just("attach"), st.sampled_from(["a.png", "b.exe", "noext"])),
    st.tuples(st.just("uploaded"), st.just("")),
    st.tuples(st.just("send_attachment"), st.just("")),
    st.tuples(st.just("refresh"), st.just("")),
    st.tuples(
        st.just("action"),
        st.sampled_from(
            ["echo", "getJwt", "getConfiguration", "closeSession", "deleteAttachment", "dance"]
        ),
    ),
    st.tuples(st.just("agent_disconnects"), st.sampled_from(["Send", "ReadOnly", "disabled"])),
    st.tuples(st.just("time"), st.sampled_from([0.01, 1.0, 61.0, 259_300.0])),
)


def walk(platform, guest, step, value):
    session = platform.world.sessions.get(guest.token)
    match step:
        case "configure":
            guest.configure(startNew=value)
        case "say":
            guest.say(
                value, channel={"metadata": {"customAttributes": {"k": "v"}}}, metadata={"id": "1"}
            )
        case "event":
            kind = (
                {"eventType": "Typing", "typing": {"type": "On"}}
                if value == "Typing"
                else {"eventType": "Presence", "presence": {"type": value}}
            )
            guest.ask("onMessage", message={"type": "Event", "events": [kind]})
        case "reply":
            button = {"type": "QuickReply", "text": value.title(), "payload": value}
            guest.ask(
                "onMessage",
                message={
                    "type": "Structured",
                    "text": value,
                    "content": [{"contentType": "ButtonResponse", "buttonResponse": button}],
                },
            )
        case "attach":
            guest.ask(
                "onAttachment", attachmentId="a1", fileName=value, fileType="image/png", fileSize=5
            )
        case "uploaded" if session is not None and session.attachments:
            for attachment in session.attachments.values():
                attachment.uploaded = True
        case "send_attachment":
            guest.ask(
                "onMessage",
                message={"content": [{"contentType": "Attachment", "attachment": {"id": "a1"}}]},
            )
        case "refresh":
            guest.ask("getAttachment", attachmentId="a1")
        case "action":
            guest.ask(
                value,
                deploymentId=DEFAULT_DEPLOYMENT_ID,
                closeAllConnections=True,
                attachmentId="a1",
            )
        case "agent_disconnects" if session is not None:
            platform.perform(platform.world.agent_disconnects(session, platform.now, value))
        case "time":
            platform.pass_time(value)


@settings(max_examples=examples(150))
@given(
    steps=st.lists(STEPS, max_size=25),
    agent=st.sampled_from(sorted(built_in())),
    off=st.booleans(),
    seed=st.integers(0, 99),
)
def test_no_walk_brings_a_frame_that_a_strict_client_drops(steps, agent, off, seed):
    limits = EmulatorLimits().off() if off else EmulatorLimits()
    world = World(
        EmulatorSettings(agent=agent, seed=seed, limits=limits, deployments=(Deployment(),))
    )
    platform = harness.Platform(world)
    guest = platform.guest()
    guest.configure()
    for step, value in steps:
        walk(platform, guest, step, value)
    platform.pass_time(30.0)
    for frame in guest.frames:
        strict.check_frame(frame)
    for session in world.sessions.values():
        strict.check_history(world.history(session, 1, 100))
        times = [body["channel"]["time"] for body in session.messages]
        assert times == sorted(set(times)), "channel.time is strictly increasing"


@pytest.mark.parametrize("agent", sorted(built_in()))
def test_every_built_in_agent_talks_in_frames_a_strict_client_takes(agent):
    platform = harness.Platform(
        World(EmulatorSettings(agent=agent, seed=0, limits=EmulatorLimits().off()))
    )
    guest = platform.guest()
    guest.configure()
    for text in (
        "hello",
        "card",
        "carousel",
        "picker",
        "menu",
        "parcel",
        "return",
        "hours",
        "agent",
        "human",
        "bye",
        "thanks",
    ):
        guest.say(text)
        platform.pass_time(10.0)
    for frame in guest.frames:
        strict.check_frame(frame)
    said = [frame for frame in guest.frames if frame["body"].get("direction") == "Outbound"]
    assert bool(said) is (agent != "silent")


def test_the_check_itself_can_fail():
    with pytest.raises(AssertionError):
        strict.check_frame(
            {
                "type": "message",
                "class": "StructuredMessage",
                "code": 200,
                "body": {"id": "x", "type": "Text", "direction": "Inbound", "text": None},
            }
        )
    with pytest.raises(AssertionError):
        strict.check_frame(
            {"type": "message", "class": "StructuredMessage", "code": 200.5, "body": {}}
        )
