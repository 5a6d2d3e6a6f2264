"""Files of a conversation, streamed by guestd."""

from __future__ import annotations

import pytest

from guestd.api.control import files

from .control_client import opened
from .test_attachments import FAST, PNG, SILENT


async def uploaded(stack, client, name="bill.png"):
    """The attachment id of a file that the guest has sent."""
    await opened(stack, client)
    path = "/v1/sessions/ana/attachments"
    headers = {"Content-Type": "image/png"}
    sent = await client.post(path, data=PNG, params={"filename": name}, headers=headers)
    assert sent[0] == 202
    while True:
        _, page, _ = await client.get("/v1/sessions/ana/messages?after=0")
        found = [one for one in page["messages"] if one["kind"] == "message" and one["content"]]
        if found:
            return found[0]["content"][0]["attachment"]["id"]


async def test_a_file_is_a_download_of_its_bytes_whatever_its_type(new_stack, client_of):
    async with new_stack(emulator=SILENT, session=FAST) as stack, client_of(stack) as client:
        attachment = await uploaded(stack, client, 'bill "1" ü.png')
        async with client.session.get(f"/v1/sessions/ana/files/{attachment}") as answer:
            assert answer.status == 200 and await answer.read() == PNG
            headers = answer.headers
        assert headers["Content-Disposition"] == (
            "attachment; filename=\"bill _1_ _.png\"; filename*=UTF-8''bill%20%221%22%20%C3%BC.png"
        )
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in headers["Content-Security-Policy"]
        assert headers["Content-Type"] == "image/png"
        assert headers["Content-Length"] == str(len(PNG))
        _, page, _ = await client.get("/v1/sessions/ana/events?limit=1000")
        assert "Signature" not in str(page)


async def test_what_is_no_file_is_refused(new_stack, client_of):
    async with new_stack(emulator=SILENT, session=FAST) as stack, client_of(stack) as client:
        await opened(stack, client)
        assert (await client.get("/v1/sessions/ana/files/unknown"))[0] == 404
        assert (await client.get("/v1/sessions/bob/files/unknown"))[0] == 404
        stack.fleet.reconnect(stack.fleet.find("ana"), hang_up=True)
        status, found, _ = await client.get("/v1/sessions/ana/files/unknown")
        assert (status, found["code"]) == (409, "not_ready")
        assert found["state"] == stack.fleet.view(stack.fleet.find("ana")).state
        assert found["retry_after_ms"] >= 100


async def test_a_file_larger_than_any_is_refused_and_places_are_given_back(
    new_stack, client_of, monkeypatch
):
    async with new_stack(emulator=SILENT, session=FAST) as stack, client_of(stack) as client:
        attachment = await uploaded(stack, client)
        monkeypatch.setattr(files, "FILE_BYTES_MAX", len(PNG) - 1)
        monkeypatch.setattr(files, "FILES_MAX", 1)
        for _ in range(2):
            status, found, _ = await client.get(f"/v1/sessions/ana/files/{attachment}")
            assert (status, found["code"]) == (502, "too_large")
        monkeypatch.setattr(files, "FILES_MAX", 0)
        assert (await client.get(f"/v1/sessions/ana/files/{attachment}"))[0] == 503


@pytest.mark.parametrize("kind", ["text/html", "image/svg+xml"])
async def test_a_page_is_a_download_too(kind):
    headers = files._headers({"content_type": kind, "filename": "page.html\r\nX: y"})
    assert headers["Content-Disposition"].startswith("attachment; ")
    assert "\r" not in headers["Content-Disposition"] and "sandbox" in str(headers)
    assert files._headers({"content_type": "a b\r\n"})["Content-Type"] == "application/octet-stream"
