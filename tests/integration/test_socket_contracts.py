"""SOCK and SIM contracts as a user meets them: a frontend, the daemon and the emulator over real
sockets.

What the platform received and what the frontend was shown are compared as wholes.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json

import pytest

from guestd.app.config import Config
from guestd.model.commands import Context
from tests.patience import PATIENCE_S

from .attaching import PNG, attach, steps
from .frontend_client import frame, live, open_frontend
from .test_sessions import FAST, SILENT, open_guest

JPEG = b"\xff\xd8\xff" + bytes(range(256))
TYPES = "image/png, image/jpeg, application/pdf"


def received(stack, kind):
    """The frames of that type that the platform received."""
    frames = [
        json.loads(one["text"]) for one in stack.emulator.journal if one["text"].startswith("{")
    ]
    return [one for one in frames if one["type"] == kind]


def drop_links(stack):
    for visit in list(stack.emulator.connections.values()):
        visit.transport.abort()


async def test_sock_4_the_context_is_a_frame_and_sent_again_after_a_lost_link(new_stack):
    context = {"uiState": "checkout", "cartValue": 149.99, "preferred": {"languages": ["en", None]}}
    async with new_stack(dialect="webchat", emulator=SILENT, session=FAST) as stack:
        session_id, _ = open_guest(stack)
        await stack.until(lambda: stack.live() == 1)
        stack.fleet.give(session_id, Context("x1", context), lambda answer: None)
        await stack.until(lambda: len(received(stack, "setContext")) == 1)
        drop_links(stack)
        await stack.until(lambda: len(received(stack, "setContext")) == 2)
        stack.fleet.give(session_id, Context("x2", {}), lambda answer: None)
        await stack.until(
            lambda: {"type": "setContext", "context": {}} in received(stack, "setContext")
        )
        reported = [one["context"] for one in received(stack, "setContext")]
        assert reported == [context, context, {}]


async def test_sock_6_a_file_is_asked_for_put_with_its_type_and_sent(new_stack):
    """The first place dies, so a fresh one is asked for."""
    async with new_stack(dialect="webchat", emulator=SILENT, session=FAST, calls=True) as stack:
        stack.emulator.faults.set([{"kind": "slot_expired", "count": 1}], 0.0)
        session_id, watching = open_guest(stack)
        await stack.until(lambda: stack.live() == 1)
        await attach(stack, session_id, caption="the bill", name="bill")
        await stack.until(lambda: received(stack, "message"))
        (message,) = received(stack, "message")
        (metadata,) = message.pop("attachments")
        asked = {key: metadata[key] for key in ("filename", "contentType", "size")}
        stored = stack.emulator.world.files.named(metadata["id"])
        sha256 = hashlib.sha256(PNG).hexdigest()
        found = message, asked, (stored.sha256, stored.content_type), steps(watching)[:3]
        assert found == (
            {"type": "message", "text": "the bill"},
            {"filename": "bill", "contentType": "image/png", "size": len(PNG)},
            (sha256, "image/png"),
            ["asked", "uploading", "retrying"],
        )


async def test_sock_7_webchat_takes_three_types_of_files(new_stack):
    async with new_stack(dialect="webchat", emulator=SILENT, session=FAST, calls=True) as stack:
        session_id, _ = open_guest(stack)
        await stack.until(lambda: stack.live() == 1)
        refused = {}
        for content_type in (
            "image/png",
            "image/jpeg",
            "application/pdf",
            "image/gif",
            "text/plain",
        ):
            answers, _ = await attach(
                stack, session_id, content_type=content_type, command_id=content_type
            )
            await stack.until(lambda answers=answers: answers)
            refused[content_type] = str(answers[0].error or "")
        problem = "files of type {} are not allowed; allowed are " + TYPES
        not_allowed = {one: problem.format(one) for one in ("image/gif", "text/plain")}
        assert refused == dict.fromkeys(TYPES.split(", "), "") | not_allowed


async def test_sim_1_the_documents_frames_do_what_they_say(new_stack):
    """A frontend that names no guest and speaks as soon as its socket is open; files as a Node.js
    Buffer and as base64."""
    async with (
        new_stack(dialect="webchat", emulator=SILENT, calls=True) as stack,
        open_frontend(stack) as frontend,
    ):
        png = {"type": "Buffer", "data": list(PNG[:200])}
        for said in (
            {"action": "send", "text": "hello"},
            {"action": "context", "data": {"cartValue": 149.99}},
            {
                "action": "upload",
                "filename": "a.png",
                "contentType": "image/png",
                "buffer": png,
                "caption": "a photo",
            },
            {
                "action": "upload",
                "filename": "b.jpg",
                "contentType": "image/jpeg",
                "buffer": base64.b64encode(JPEG).decode(),
            },
        ):
            await frontend.send(json.dumps(said))
        await stack.until(lambda: len(received(stack, "message")) == 3)
        files = stack.emulator.world.files
        reported = [
            (one["text"], [files.named(file["id"]).sha256 for file in one.get("attachments", ())])
            for one in received(stack, "message")
        ]
        contexts = [one["context"] for one in received(stack, "setContext")]
        photo, other = (hashlib.sha256(one).hexdigest() for one in (PNG[:200], JPEG))
        assert (reported, contexts, Config().simulator.port) == (
            [("hello", []), ("a photo", [photo]), ("", [other])],
            [{"cartValue": 149.99}],
            3000,
        )


async def in_parts(frontend, parts):
    """A text in fragments, with a ping before each that must be answered before the fragment is
    sent."""
    for part in parts:
        await (await frontend.ping())
        yield part


async def test_sim_2_an_error_is_told_with_a_code_and_the_socket_stays_open(new_stack):
    async with (
        new_stack(emulator={"agent": "echo"}) as stack,
        open_frontend(stack, "?guest=ana", close_timeout=1.0) as frontend,
    ):
        await live(frontend)
        errors = []
        async with asyncio.timeout(PATIENCE_S):
            for said in (
                "not json",
                '{"action": "dance"}',
                '{"action": "send", "text": 7, "command_id": "c1"}',
                b"\x00",
                "x" * 1_048_576,
                "x" * 1_048_577,
                bytes(3_000_000),
                in_parts(
                    frontend,
                    [b"x" * 500_000 + b"\xe2", b"\x82\xac" + b"y" * 600_000, b"z" * 900_000, b"z"],
                ),
            ):
                await frontend.send(said, text=None if isinstance(said, str | bytes) else True)
                while "error" not in (found := json.loads(await frontend.recv())):
                    pass
                errors.append((found.pop("error"), found))
            await frontend.send('{"action": "send", "text": "still here"}')
            heard = await frame(frontend, kind="message", direction="Outbound")
        not_json = (
            "the frame is not JSON: Expecting value: line 1 column 1 (char 0)",
            {"code": "bad_json"},
        )
        remedy = (
            "at most 1048576 are taken (simulator.frame_bytes_max); send less, or upload files over"
            " HTTP"
        )
        assert (errors, heard["text"]) == (
            [
                not_json,
                (
                    (
                        "action must be one of send, context, upload, withdraw, link, reply, typing,"
                        " end, resume"
                    ),
                    {"code": "unknown_action", "field": "action"},
                ),
                (
                    "text must be a string",
                    {"code": "invalid", "field": "text", "command_id": "c1"},
                ),
                ("frames are JSON text; this one is binary", {"code": "bad_json"}),
                not_json,
                (f"the message has 1048577 bytes; {remedy}", {"code": "too_large"}),
                (f"the message has 3000000 bytes; {remedy}", {"code": "too_large"}),
                (f"the message has at least 1100003 bytes; {remedy}", {"code": "too_large"}),
            ],
            "still here",
        )


@pytest.mark.parametrize(
    ("when_down", "first_answer", "sent"),
    [
        (
            "reject",
            {"error": "Genesys connection not ready", "code": "not_ready", "command_id": "c1"},
            [],
        ),
        ("queue", {"ok": True, "command_id": "c1"}, ["hello"]),
    ],
)
async def test_sim_3_while_the_connection_is_down_a_message_is_not_ready_or_waits(
    new_stack, when_down, first_answer, sent
):
    async with new_stack(
        dialect="webchat", emulator=SILENT, session={**FAST, "when_down": when_down}
    ) as stack:
        async with open_frontend(stack, "?guest=ana") as frontend:
            await live(frontend)
            drop_links(stack)
            await frame(frontend, kind="session", state="resting")
            await frontend.send('{"action": "send", "text": "hello", "command_id": "c1"}')
            answer = await frame(frontend, command_id="c1")
            while answer.get("kind"):
                answer = await frame(frontend, command_id="c1")
            state, retry_after_ms = (answer.pop(k, None) for k in ("state", "retry_after_ms"))
            told = state not in (None, "live") and 0 < retry_after_ms < 1000
            words, _, why = answer.pop("error", "").partition(": ")
            told = told and "to the emulator in its place, was lost (" in why
            answer |= {"error": words} if words else {}
            answer.pop("seq", None)
            await live(frontend)
            await frontend.send('{"action": "send", "text": "later"}')
            await stack.until(
                lambda: {"type": "message", "text": "later"} in received(stack, "message")
            )
            reported = [one["text"] for one in received(stack, "message")]
            is_refused = when_down == "reject"
            assert (answer, told, reported) == (first_answer, is_refused, [*sent, "later"])


async def test_sim_4_what_arrives_is_shown_in_order_and_again_to_who_returns(new_stack):
    async with new_stack(emulator=SILENT) as stack:

        def say(text):
            (session,) = stack.emulator.world.sessions.values()
            stack.emulator.perform(
                stack.emulator.world.agent_says(session, text, stack.emulator.now())[1]
            )

        async def shown(frontend, count):
            found = [await frame(frontend, kind="message") for _ in range(count)]
            return [(one["seq"], one["text"]) for one in found]

        async with open_frontend(stack, "?guest=ana") as frontend:
            last = (await live(frontend))["seq"]
            say("seen")
            first = await shown(frontend, 1)
        for n in range(3):
            say(f"missed {n}")
        await stack.until(lambda: stack.metrics.messages_in >= 4)
        async with open_frontend(stack, f"?guest=ana&since={last + 1}") as frontend:
            again = await shown(frontend, 3)
            await frontend.send(json.dumps({"action": "resume", "since": last + 2}))
            resumed = await shown(frontend, 2)
            say("at once")
            at_once = await shown(frontend, 1)
        missed = [(last + 2 + n, f"missed {n}") for n in range(3)]
        everything = first, again, resumed, at_once
        assert everything == ([(last + 1, "seen")], missed, missed[1:], [(last + 5, "at once")])
