"""A guest session that has ended and is kept in the journal: known by its id, and it takes nothing
any more; what it took before is answered again."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest

from .operations_daemon import running_daemon

HELLO = {"text": "hello", "command_id": "c1"}
GOODBYE = {"headers": {"Idempotency-Key": "bye"}}


@asynccontextmanager
async def one_ended(tmp_path):
    """(ask, its path, the answers to `HELLO` and to its end)."""
    async with running_daemon(journal={"directory": str(tmp_path)}) as (_, ask):
        _, found, _ = await ask("POST", "/v1/sessions?wait=live", {"name": "ana"})
        path = f"/v1/sessions/{found['session_id']}"
        _, hello, _ = await ask("POST", f"{path}/messages", HELLO)
        async with asyncio.timeout(30.0):
            while (await ask("GET", f"{path}/commands/c1"))[1]["status"] != "confirmed":
                await asyncio.sleep(0.01)
            status, goodbye, _ = await ask("DELETE", path, **GOODBYE)
            assert status == 202
            while (await ask("GET", "/v1/sessions/ana"))[0] != 404:
                await asyncio.sleep(0.01)
            while not (await ask("GET", "/v1/sessions?ended=only"))[1]["sessions"]:
                await asyncio.sleep(0.01)
        yield ask, path, hello, goodbye


async def test_what_it_took_is_answered_again_and_only_that(tmp_path):
    async with one_ended(tmp_path) as (ask, path, hello, goodbye):
        for _ in range(2):
            again = await ask("POST", f"{path}/messages", HELLO)
            assert again[:2] == (202, hello)
            assert again[2]["Location"] == f"{path}/commands/c1"
            assert (await ask("DELETE", path, **GOODBYE))[:2] == (202, goodbye)
        other = {**HELLO, "text": "something else"}
        status, found, _ = await ask("POST", f"{path}/messages", other)
        assert (status, found["code"], found["field"]) == (409, "conflict", "command_id")
        _, page, _ = await ask("GET", f"{path}/messages")
        texts = [one["text"] for one in page["messages"] if one["kind"] == "message"]
        assert texts.count("hello") == 1


@pytest.mark.parametrize(
    ("method", "more", "body"),
    [
        ("POST", "/messages", {"text": "hello"}),
        ("PUT", "/context", {"context": {"page": "cart"}}),
        ("POST", "/typing", None),
        ("DELETE", "", None),
        ("POST", "/reconnect", {}),
        ("GET", "/files/a1", None),
        ("POST", "/attachments?filename=a.png", {}),
    ],
)
async def test_it_takes_nothing_new_and_says_why(tmp_path, method, more, body):
    async with one_ended(tmp_path) as (ask, path, _, _):
        status, found, _ = await ask(method, path + more, body)
        assert (status, found["code"]) == (409, "ended")
        assert found["detail"] == "the guest session has ended; open another one"
        for unknown in ("ana", "no-such-id"):
            status, found, _ = await ask(method, f"/v1/sessions/{unknown}{more}", body)
            assert (status, found["code"]) == (404, "not_found")


async def test_it_is_shown_by_its_id_as_in_a_list(tmp_path):
    async with one_ended(tmp_path) as (ask, path, _, _):
        status, alone, _ = await ask("GET", path)
        query = f"ended=only&ids={alone['session_id']}"
        _, page, _ = await ask("GET", f"/v1/sessions?{query}")
        (listed,) = page["sessions"]
        listed["last_message"] = None  # which is looked up for a list only
        assert (status, alone) == (200, listed) and alone["state"] == "ended"
