"""`platform.emulator` is all that a daemon needs to talk to an emulator of another process."""

from __future__ import annotations

import asyncio
import logging
import socket

import pytest
from aiohttp import web

from guestd.app.config import Config
from guestd.app.config_problems import ConfigProblems
from guestd.app.load_config import load_config
from guestd.app.wiring.endpoints import asked_target, platform_target
from guestd.app.wiring.rest import new_http, oauth_clients
from guestd.emulator import Emulator, EmulatorSettings
from guestd.emulator.settings import Deployment
from guestd.model.errors import ConfigError, PlatformUnavailable


@pytest.fixture
def unused_tcp_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def of(url: str, **more) -> Config:
    return Config.model_validate({"platform": {"emulator": url, **more}})


async def target_of(config: Config, wait_s: float = 0.0):
    http = new_http(config)
    try:
        return await asked_target(config, http, wait_s)
    finally:
        await http.close()


async def test_an_emulator_with_other_ids_is_asked_for_them():
    settings = EmulatorSettings(
        deployments=(Deployment(id="mine"),), oauth_clients={"own": "canary-secret"}
    )
    async with Emulator(settings) as emulator:
        target = await target_of(of(f"{emulator.url}/"))
        assert target.deployment_id == "mine"
        assert target.endpoints.guest_socket == emulator.ws_url
        assert target.endpoints.api == target.endpoints.cdn == emulator.url
        (client,) = oauth_clients(of(emulator.url), target)
        assert (client.token_url, client.client.id) == (f"{emulator.url}/oauth/token", "own")
        assert client.client.secret.get_secret_value() == "canary-secret"
        named = of(emulator.url, deployment_id="other", client_id="c", client_secret="s")
        target = await target_of(named)
        assert target.deployment_id == "other"
        assert oauth_clients(named, target)[0].client.id == "c"


async def test_one_that_starts_a_little_later_is_waited_for(unused_tcp_port):
    config = of(f"http://127.0.0.1:{unused_tcp_port}")
    asking = asyncio.create_task(target_of(config, wait_s=10.0))
    await asyncio.sleep(0.3)
    settings = EmulatorSettings(port=unused_tcp_port, deployments=(Deployment(id="late"),))
    async with Emulator(settings):
        assert (await asking).deployment_id == "late"


async def test_one_that_cannot_be_asked_is_taken_to_be_as_every_one_begins(caplog):
    config = of("http://127.0.0.1:1")
    with caplog.at_level(logging.WARNING, "guestd"):
        target = await target_of(config)
    assert target == platform_target(config, None) and target.client is not None
    assert "the emulator at http://127.0.0.1:1 cannot be asked" in caplog.text


async def test_where_nothing_listens_it_is_said_how_to_start_one(unused_tcp_port):
    config = of(f"http://localhost:{unused_tcp_port}")
    http = new_http(config)
    try:
        with pytest.raises(PlatformUnavailable) as caught:
            await asked_target(config, http, 0.0, must_answer=True)
    finally:
        await http.close()
    url = f"http://localhost:{unused_tcp_port}"
    remedy = f"start one: guestd emulate --port {unused_tcp_port}"
    assert str(caught.value) == f"nothing answers at {url}; {remedy}"


async def test_something_else_at_the_url_is_said(unused_tcp_port):
    runner = web.AppRunner(web.Application())
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", unused_tcp_port).start()
    try:
        with pytest.raises(ConfigError, match=r"platform\.emulator: .* is not an emulator"):
            await target_of(of(f"http://127.0.0.1:{unused_tcp_port}"))
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("emulator = 'localhost:8080'", "must begin with http:// or https://"),
        ("emulator = 'http://x'\nregion = 'mypurecloud.de'", "stands beside platform.emulator"),
        ("emulator = 'http://x'\nguest_socket_url = 'ws://x'", "stands beside platform.emulator"),
    ],
)
def test_what_contradicts_it_is_refused(tmp_path, text, expected):
    path = tmp_path / "guestd.toml"
    path.write_text(f"[platform]\n{text}\n")
    with pytest.raises(ConfigProblems, match=expected):
        load_config(path, {})
