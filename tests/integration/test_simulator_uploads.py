"""Files that a frontend sends within a frame."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace

import pytest

from .frontend_client import frame, live, open_frontend


def upload_frame(data: bytes, **more):
    figures = {
        "filename": "bill.pdf",
        "contentType": "application/pdf",
        "buffer": base64.b64encode(data).decode(),
    }
    return json.dumps({"action": "upload", **figures, **more})


@pytest.mark.parametrize("as_buffer", [False, True], ids=["base64", "node-buffer"])
async def test_sim_1_upload_unchanged_on_the_wire(new_stack, as_buffer):
    data = bytes(range(256)) * 10
    buffer = (
        {"type": "Buffer", "data": list(data)} if as_buffer else base64.b64encode(data).decode()
    )
    async with (
        new_stack(emulator={"agent": "silent"}) as stack,
        open_frontend(stack, "?guest=ana") as frontend,
    ):
        await live(frontend)
        await frontend.send(upload_frame(data, buffer=buffer, caption="the bill", command_id="u1"))
        answer = await frame(frontend, ok=True)
        assert answer["command_id"] == "u1" and answer["seq"] > 0
        message = await frame(frontend, kind="message", direction="Inbound")
        assert message["text"] == "the bill" and message["command_id"] == "u1"
        file = message["content"][0]["attachment"]
        assert (file["filename"], file["mime"], file["fileSize"]) == (
            "bill.pdf",
            "application/pdf",
            len(data),
        )
        (session,) = stack.emulator.world.sessions.values()
        assert session.attachments[file["id"]].sha256 == hashlib.sha256(data).hexdigest()
        await frontend.send(json.dumps({"action": "link", "attachment_id": file["id"]}))
        result = (await frame(frontend, ok=True))["result"]
        assert result["filename"] == "bill.pdf" and result["url"].startswith(stack.emulator.url)


async def test_the_same_upload_again_gets_the_same_answer_and_is_sent_once(new_stack):
    async with (
        new_stack(emulator={"agent": "silent"}) as stack,
        open_frontend(stack, "?guest=ana") as frontend,
    ):
        await live(frontend)
        for _ in range(3):
            await frontend.send(upload_frame(b"data", command_id="u1"))
        seqs = {(await frame(frontend, ok=True))["seq"] for _ in range(3)}
        assert len(seqs) == 1
        await frame(frontend, kind="delivery", status="confirmed")
        (session,) = stack.emulator.world.sessions.values()
        assert len(session.messages) == 1
        await stack.until(lambda: not list(stack.spool._directory.iterdir()))


async def test_a_frame_that_is_too_large_is_told_where_to_go(new_stack):
    async with (
        new_stack(api={"frame_bytes_max": 4096}) as stack,
        open_frontend(stack, "?guest=ana") as frontend,
    ):
        await live(frontend)
        await frontend.send(upload_frame(bytes(5000)))
        found = await frame(frontend, code="too_large")
        assert "at most 4096 are taken" in found["error"] and "over HTTP" in found["error"]
        assert stack.metrics.simulator_errors == {"too_large": 1}


async def test_a_file_is_judged_by_the_limit_of_its_moment_which_the_refusal_names(new_stack):
    async with (
        new_stack(emulator={"agent": "silent"}) as stack,
        open_frontend(stack, "?guest=ana") as frontend,
    ):
        hello = await frame(frontend, kind="hello")
        await live(frontend)
        settings = stack.fleet._factory.settings
        less = replace(settings.attachments, file_bytes_max=100)
        stack.fleet.use(replace(settings, attachments=less))  # as when a deployment is read anew
        assert hello["file_bytes_max"] > 101
        await frontend.send(upload_frame(bytes(101), command_id="u1"))
        found = await frame(frontend, code="too_large")
        assert "the limit is 100" in found["error"] and found["command_id"] == "u1"
