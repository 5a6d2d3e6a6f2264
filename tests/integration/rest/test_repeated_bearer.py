"""A platform that repeats what it was sent: the bearer token of a history is not in the error,
however it is dressed."""

from __future__ import annotations

from base64 import b64encode
from urllib.parse import quote

import pytest
from aiohttp import web

from guestd.model.errors import PlatformError
from guestd.platform.history import WebMessagingHistory
from guestd.platform.http import Http

JWT = "canary/jwt+of=the.history-77"


@pytest.mark.parametrize(
    "dress",
    [JWT, quote(JWT, safe=""), b64encode(JWT.encode()).decode()],
    ids=["plain", "percent", "base64"],
)
async def test_audit_2_a_historys_refusal_does_not_repeat_its_token(dress):
    async def refuse(request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == f"bearer {JWT}"
        answer = {"message": f"not for {dress}", "code": dress, "contextId": dress}
        return web.json_response(answer, status=403, headers={"inin-correlation-id": dress})

    app = web.Application()
    app.router.add_get("/{path:.*}", refuse)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    http = Http()
    try:
        with pytest.raises(PlatformError, match="403 not for …") as refused:
            await WebMessagingHistory(http, f"http://127.0.0.1:{runner.addresses[0][1]}").page(
                JWT, 1
            )
    finally:
        await http.close()
        await runner.cleanup()
    found = refused.value
    assert dress not in f"{found} {found.platform_code} {found.correlation_id}"
