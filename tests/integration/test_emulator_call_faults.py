"""Faults on REST calls, and what a client that retries finds."""

from __future__ import annotations

import asyncio
import json
from email.utils import parsedate_to_datetime

import aiohttp
import pytest

from .rest_client import (
    CONTACT,
    CONTACTS,
    FILE,
    INJECT,
    INJECTION,
    MESSAGING,
    OPENING,
    PRESIGN,
    PROMPT,
    PROMPTS,
    START,
    platform,
)

#: Everything that does something: the call, and what it makes.
ROUTES = [
    pytest.param(CONTACTS, CONTACT, "contact", id="contact"),
    pytest.param(
        MESSAGING,
        {**OPENING, "id": "aaaaaaaa-0000-4000-8000-000000000002"},
        "conversation",
        id="conversation",
    ),
    pytest.param(INJECT, INJECTION, "injection", id="injection"),
    pytest.param(PROMPTS, PROMPT, "prompt", id="prompt"),
    pytest.param(PRESIGN, FILE, "file", id="file"),
]

#: What loses an answer: the rule, and whether the handler has run.
LOSSES = [
    pytest.param({"kind": "reset", "when": "before", "how": "rst"}, 0, id="reset-before"),
    pytest.param({"kind": "reset", "when": "after", "how": "rst"}, 1, id="reset-after"),
    pytest.param({"kind": "reset", "when": "after", "how": "close"}, 1, id="closed-after"),
    pytest.param({"kind": "no_answer", "when": "before"}, 0, id="silent-before"),
    pytest.param({"kind": "no_answer", "when": "after"}, 1, id="silent-after"),
    pytest.param({"kind": "broken_json"}, 1, id="broken"),
    pytest.param({"kind": "http_status", "status": 502}, 0, id="status-before"),
    pytest.param({"kind": "http_status", "status": 504, "when": "after"}, 1, id="status-after"),
    pytest.param({"kind": "slow_body", "ms": 30_000}, 1, id="slow-body"),
]


class TestCallFaults:
    @pytest.mark.parametrize(("path", "body", "what"), ROUTES)
    @pytest.mark.parametrize(("rule", "acted"), LOSSES)
    async def test_http_2_a_lost_answer_is_given_again(self, path, body, what, rule, acted):
        async with platform() as client:
            await client.open()
            await client.control("faults", [{**rule, "count": 1, "path": path, "method": "POST"}])
            lost = (aiohttp.ClientError, TimeoutError, ValueError)
            timeout = aiohttp.ClientTimeout(
                total=0.3 if rule["kind"] in ("no_answer", "slow_body") else 10.0
            )
            if rule["kind"] == "http_status":
                assert (await client.call("POST", path, body, "k1"))[0] == rule["status"]
            else:
                with pytest.raises(lost):
                    await client.call("POST", path, body, "k1", timeout=timeout)
            assert await client.mutations(what, "k1") == acted
            status, headers, first = await client.whole("POST", path, body, "k1")
            assert status in (200, 201) and ("Idempotent-Replayed" in headers) is bool(acted)
            assert (await client.call("POST", path, body, "k1"))[1] == first
            assert await client.mutations(what, "k1") == 1

    @pytest.mark.parametrize("status", [429, 503])
    async def test_http_1_retry_after_in_both_forms(self, status):
        now = [START + 0.5]
        async with platform(now) as client:
            rule = {
                "kind": "http_status",
                "status": status,
                "count": 1,
                "retry_after_s": 7,
                "path": "/api/v2",
            }
            for form in ("seconds", "date"):
                await client.control("faults", [{**rule, "retry_after_form": form}])
                found, headers, _ = await client.whole("GET", CONTACTS)
                assert found == status
                if form == "seconds":
                    assert headers["Retry-After"] == "7"
                else:
                    assert parsedate_to_datetime(headers["Retry-After"]).timestamp() == START + 8

    @pytest.mark.parametrize(
        ("how", "error"),
        [("rst", aiohttp.ClientOSError), ("close", aiohttp.ServerDisconnectedError)],
    )
    async def test_a_reset_and_a_close_are_told_apart(self, how, error):
        async with platform() as client:
            await client.control(
                "faults",
                [{"kind": "reset", "how": how, "count": 1, "method": "POST", "path": "/api"}],
            )
            with pytest.raises(error) as caught:
                await client.call("POST", CONTACTS, CONTACT)
            assert isinstance(caught.value, aiohttp.ClientOSError) == (how == "rst")

    async def test_a_rule_may_be_for_one_verb(self):
        async with platform() as client:
            await client.control(
                "faults", [{"kind": "http_status", "every": 1, "path": CONTACTS, "method": "POST"}]
            )
            assert (await client.call("GET", CONTACTS))[0] == 200
            assert (await client.call("POST", CONTACTS, CONTACT))[0] == 503

    async def test_slow_body_has_its_headers_at_once_and_its_end_in_the_end(self):
        async with platform() as client:
            await client.control(
                "faults", [{"kind": "slow_body", "count": 1, "ms": 200, "path": "/api/v2"}]
            )
            async with client.http.get(
                client.emulator.url + CONTACTS, headers=client.headers
            ) as answer:
                assert answer.status == 200 and int(answer.headers["Content-Length"]) > 0
                assert json.loads(await answer.read())["total"] == 0

    async def test_a_slow_token_is_slow_for_tokens_alone(self):
        async with platform() as client:
            await client.control("faults", [{"kind": "slow_token", "every": 1, "ms": 1}])
            await client.call("GET", CONTACTS)
            assert (await client.control("faults", method="GET"))["injected"] == {}
            await client.sign_in()
            assert (await client.control("faults", method="GET"))["injected"] == {"slow_token": 1}

    async def test_it_stops_while_calls_are_unanswered(self):
        async with platform() as client:
            await client.control("faults", [{"kind": "no_answer", "every": 1, "path": "/api/v2"}])
            call = asyncio.ensure_future(client.call("GET", CONTACTS))
            while (await client.control("faults", method="GET"))["injected"] == {}:
                await asyncio.sleep(0.01)
            async with asyncio.timeout(30.0):
                await client.emulator.stop()
                with pytest.raises(aiohttp.ClientError):
                    await call
