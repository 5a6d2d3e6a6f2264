"""What is remembered of requests with an Idempotency-Key: bounded, and only what succeeded."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from aiohttp import web

from guestd.api.control.idempotency import IdempotentAnswers
from guestd.api.control.routes import ApiCall
from guestd.api.control.schemas import OpenSession
from guestd.api.problems import Problem

ROUTE = SimpleNamespace(method="POST")


def call(key, name="ana", path="/v1/sessions"):
    return ApiCall(SimpleNamespace(path=path), None, OpenSession(name=name), key)


class Handler:
    def __init__(self):
        self.calls = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.error = None

    async def __call__(self):
        self.calls += 1
        number = self.calls
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return web.Response(body=b"%d" % number, status=201, headers={"Location": f"/{number}"})


async def test_the_second_waits_for_the_first_and_gets_its_answer():
    answers, handler = IdempotentAnswers(), Handler()
    handler.gate.clear()
    asked = [asyncio.create_task(answers.once(ROUTE, call("k"), handler)) for _ in range(3)]
    await asyncio.sleep(0)
    handler.gate.set()
    found = await asyncio.gather(*asked)
    assert handler.calls == 1
    assert {(one.status, bytes(one.body), one.headers["Location"]) for one in found} == {
        (201, b"1", "/1")
    }


async def test_when_the_first_fails_the_second_is_made():
    answers, handler = IdempotentAnswers(), Handler()
    handler.gate.clear()
    handler.error = Problem(503, "draining", "later")
    first, second = [asyncio.create_task(answers.once(ROUTE, call("k"), handler)) for _ in "ab"]
    await asyncio.sleep(0)
    handler.gate.set()
    with pytest.raises(Problem):
        await first
    handler.error = None
    with pytest.raises(Problem):
        await second  # was made while it still failed
    assert handler.calls == 2
    assert (await answers.once(ROUTE, call("k"), handler)).status == 201


async def test_another_body_is_a_conflict_and_another_path_another_key():
    answers, handler = IdempotentAnswers(), Handler()
    await answers.once(ROUTE, call("k"), handler)
    with pytest.raises(Problem) as refused:
        await answers.once(ROUTE, call("k", name="bob"), handler)
    assert (refused.value.status, refused.value.code) == (409, "conflict")
    other = await answers.once(ROUTE, call("k", path="/v1/webhooks/replay-dead"), handler)
    assert bytes(other.body) == b"2"


async def test_the_oldest_keys_are_forgotten():
    answers, handler = IdempotentAnswers(keys_max=2), Handler()
    for key in ("k1", "k2", "k3", "k1"):
        await answers.once(ROUTE, call(key), handler)
    assert handler.calls == 4 and len(answers._kept) == 2
