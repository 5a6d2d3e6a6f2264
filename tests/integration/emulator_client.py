"""A client of the emulator by itself: its sockets, its REST side, its admin API."""

from __future__ import annotations

import asyncio
import base64
import json
from contextlib import asynccontextmanager

import aiohttp
from websockets.asyncio.client import connect

from guestd.emulator import DEFAULT_DEPLOYMENT_ID, Emulator, EmulatorSettings

TOKEN = "c3a6e0a2-0000-4000-8000-000000000001"


@asynccontextmanager
async def emulating(**settings):
    async with (
        Emulator(EmulatorSettings(**{"agent": "silent", **settings})) as emulator,
        aiohttp.ClientSession() as session,
    ):
        emulator.http = session
        yield emulator


def guest(emulator, deployment_id=DEFAULT_DEPLOYMENT_ID, **more):
    return connect(
        f"{emulator.ws_url}/v1?deploymentId={deployment_id}&application=test",
        proxy=None,
        max_size=None,
        **more,
    )


async def ask(socket, action, **more):
    await socket.send(json.dumps({"action": action, "token": TOKEN, "tracingId": "t", **more}))
    return json.loads(await asyncio.wait_for(socket.recv(), 30.0))


async def configured(socket):
    answer = await ask(socket, "configureSession", deploymentId=DEFAULT_DEPLOYMENT_ID)
    assert answer["class"] == "SessionResponse"
    return socket


async def say(socket, text):
    return await ask(socket, "onMessage", message={"type": "Text", "text": text})


async def call(emulator, method, path, **more):
    async with emulator.http.request(method, f"{emulator.url}{path}", **more) as answer:
        body = await answer.read()
        return answer.status, json.loads(body) if body and b"{" in body[:2] else body


def basic(user, secret):
    return "Basic " + base64.b64encode(f"{user}:{secret}".encode()).decode()


async def control(emulator, path, **body):
    status, answer = await call(emulator, "POST", f"/__emulator/{path}", json=body)
    assert status == 200, answer
    return answer
