"""A daemon whose control API is asked for operations, with the emulator behind it."""

from __future__ import annotations

import asyncio
import gc
from contextlib import asynccontextmanager

import aiohttp
import orjson

from guestd.app.config import Config
from guestd.app.daemon import Daemon
from guestd.app.systemd import Notifier
from guestd.emulator import DEFAULT_QUEUE_ID

GUEST_TOKEN = "canary-guest-token-0123456789"


MESSAGING = {"guestToken": GUEST_TOKEN, "queueId": DEFAULT_QUEUE_ID}


SETTINGS = {
    "displaySettings": {"delayMs": 1000, "maxConcurrentPrompts": 1, "autoDismissMs": 10_000}
}


@asynccontextmanager
async def running_daemon(**sections):
    """The daemon as `guestd serve` has it, and a way to ask it: (daemon, ask). What its start keeps
    from the collector stays there: else the next start would look at all that a worker has."""
    thresholds = gc.get_threshold()
    config = Config.model_validate({"simulator": {"port": 0}, **sections})
    daemon = Daemon(config, asyncio.get_running_loop(), Notifier())
    try:
        await daemon.start(quiet=True)
        async with aiohttp.ClientSession(daemon.http.url) as session:

            async def ask(method, path, body=None, **more):
                async with session.request(method, path, json=body, **more) as answer:
                    found = orjson.loads(await answer.read())
                    assert (answer.status >= 400) == (
                        answer.content_type == "application/problem+json"
                    )
                    assert GUEST_TOKEN not in str(found)
                    return answer.status, found, answer.headers

            yield daemon, ask
    finally:
        await daemon.stop()
        gc.set_threshold(*thresholds)


async def conversation(ask):
    status, found, _ = await ask("POST", "/v1/messaging-sessions?wait=10s", MESSAGING)
    assert status == 202 and found["status"] == "running", found
    return found["result"]["conversation_id"]


HELLO = {"messages": [{"type": "text", "from": "agent", "text": "hello"}]}


PROMPT_ID = "77ab0000-0000-4000-8000-000000000001"


NOBODY = "5f2c0e1a-0000-4000-8000-000000000000"
