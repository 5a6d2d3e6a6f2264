"""The whole of it as `guestd serve` builds it, against the embedded emulator."""

from __future__ import annotations

import asyncio

import pytest

from guestd.app.config import Config
from guestd.app.wiring.endpoints import new_emulator, platform_target
from guestd.app.wiring.rest import new_calls, new_http
from guestd.model.errors import NoSuchThing, NotAuthenticated
from guestd.observe.metrics import Metrics


@pytest.mark.parametrize(
    "platform",
    [
        {},
        {"client_id": "emulator-client", "client_secret": "emulator-secret", "client_auth": "form"},
    ],
    ids=["the emulator's own client", "a configured one"],
)
async def test_auth_1_a_token_and_a_call(platform):
    config = Config.model_validate({"platform": platform})
    async with new_emulator(config) as emulator:
        http, metrics = new_http(config), Metrics()
        calls = new_calls(
            config,
            platform_target(config, emulator),
            http,
            metrics,
            asyncio.get_running_loop(),
        )
        try:
            with pytest.raises(NoSuchThing) as caught:
                await calls.call("interaction.get", path={"interactionId": "nobody"})
            assert (caught.value.status, caught.value.operation) == (404, "interaction.get")
            assert ("interaction.get", "refused") in metrics.rest_s
        finally:
            await calls.close()
            await http.close()


async def test_auth_3_a_wrong_secret_is_told_before_anything_is_called():
    config = Config.model_validate(
        {"platform": {"client_id": "emulator-client", "client_secret": "canary-wrong"}}
    )
    async with new_emulator(config) as emulator:
        http = new_http(config)
        calls = new_calls(
            config,
            platform_target(config, emulator),
            http,
            Metrics(),
            asyncio.get_running_loop(),
        )
        try:
            with pytest.raises(NotAuthenticated, match="invalid client") as caught:
                await calls.call("interaction.get", path={"interactionId": "nobody"})
            assert "canary" not in str(caught.value)
        finally:
            await calls.close()
            await http.close()
