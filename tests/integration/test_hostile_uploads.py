"""A platform whose upload URL or headers make no request: that upload fails with a reason, and the
guest session stays."""

from __future__ import annotations

import orjson
import pytest

from guestd.emulator.core import frames
from guestd.model.commands import Send

from .attaching import attach, fates
from .test_sessions import FAST, SILENT, open_guest

LABEL_TOO_LONG = "a" * 64

CASES = [
    ("http://bucket.test:99999/a", {}),
    ("http://bucket.test:٣/a", {}),
    (f"http://bucket.test:{'9' * 5000}/a", {}),
    ("http://[::1/a", {}),
    ("http:///a", {}),
    (f"http://{LABEL_TOO_LONG}.example.org/a", {}),
    ("http://xn--é.example.org/a", {}),
    ("http://bucket.test/a\r\nEvil: yes", {}),
    ("gopher://bucket.test/a", {}),
    ("http://user:secret@127.0.0.1:1/a", {"Authorization": "Bearer x"}),
    (None, {"x-amz-tagging": "a\r\nEvil: yes"}),
    (None, {"x-amz-tagging": "a\x00b"}),
    (None, {"no name": "x"}),
    (None, {"": "x"}),
    (None, {"x-amz-tagging": "y" * 20_000}),
]


@pytest.mark.parametrize(("url", "headers"), CASES, ids=lambda one: ascii(one)[:40])
async def test_an_upload_that_makes_no_request_fails_and_the_session_stays(
    new_stack, monkeypatch, caplog, url, headers
):
    slot = frames.upload_slot

    def hostile(attachment, given_url, trace):
        found = orjson.loads(slot(attachment, url or given_url, trace))
        found["body"]["headers"] = headers or found["body"]["headers"]
        return orjson.dumps(found)

    monkeypatch.setattr(frames, "upload_slot", hostile)
    async with new_stack(emulator=SILENT, session={**FAST, "upload_attempts_max": 1}) as stack:
        session_id, watching = open_guest(stack)
        await stack.until(lambda: stack.live() == 1)
        _, copy = await attach(stack, session_id)
        await stack.until(lambda: fates(watching), 30.0)
        [(status, reason)] = fates(watching)
        assert status == "failed" and reason
        await stack.until(lambda: not copy.exists())
        stack.fleet.give(session_id, Send("t1", "still here"), lambda answer: None)
        await stack.until(lambda: "still here" in watching.texts("Inbound"))
        assert not watching.is_over
    assert "Traceback" not in caplog.text and "secret" not in caplog.text
