"""The real process, killed with its webhooks undelivered: they arrive with the same ids, and the
audit is whole."""

from __future__ import annotations

import asyncio
import signal

import orjson
from aiohttp import web

from guestd.audit.verify import select, verify


async def test_sync_1_and_audit_1_through_kill_9(run, config, tmp_path):
    got: list[dict] = []
    works = False

    async def receive(request: web.Request) -> web.Response:
        got.append({**orjson.loads(await request.read()), "works": works})
        return web.Response(status=200 if works else 503)

    app = web.Application()
    app.router.add_post("/", receive)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]

    async def until(condition) -> None:
        async with asyncio.timeout(120.0):
            while not condition():
                await asyncio.sleep(0.02)

    (tmp_path / "journal").mkdir()
    file = config(f"""
        simulator.port = 0
        journal.directory = "{tmp_path}/journal"
        drain.sessions = "end"
        [[webhooks.targets]]
        name = "crm"
        url = "http://127.0.0.1:{port}/"
        secrets = ["0123456789abcdef"]
        allow_internal = ["127.0.0.1"]
        """)
    first = run("serve", "-c", file, "--demo", "3")
    await until(lambda: len({one["id"] for one in got}) == 3)
    first.interrupt(signal.SIGKILL)
    await asyncio.to_thread(first.wait)
    works, before = True, {one["id"] for one in got}

    second = run("serve", "-c", file)
    await until(lambda: before <= {one["id"] for one in got if one["works"]})
    second.interrupt(signal.SIGTERM)
    assert await asyncio.to_thread(second.wait) == 0
    await runner.cleanup()

    connected = [one for one in got if one["works"] and one["event"] == "session.connected"]
    assert {one["id"] for one in connected} >= before
    audited = list(select(tmp_path / "journal" / "audit"))
    assert verify(tmp_path / "journal" / "audit").problems == []
    assert {one["conversationId"] for one in got} <= {one.get("session") for one in audited}
