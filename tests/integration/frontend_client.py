"""A frontend of the simulator, as plain as can be."""

from __future__ import annotations

import asyncio
import json

from websockets.asyncio.client import connect

from tests.patience import PATIENCE_S


def open_frontend(stack, query="", **more):
    return connect(stack.ws_url + query, proxy=None, max_size=None, **more)


async def frame(frontend, timeout_s=PATIENCE_S, **wanted):
    """The next frame that has these values."""
    async with asyncio.timeout(timeout_s):
        while True:
            found = json.loads(await frontend.recv())
            if all(found.get(key) == value for key, value in wanted.items()):
                return found


async def live(frontend):
    return await frame(frontend, kind="session", state="live")
