"""The emulator over real sockets, as any client sees it."""

from __future__ import annotations

import asyncio
import json
import ssl

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from guestd.emulator import DEFAULT_DEPLOYMENT_ID

from .emulator_client import ask, configured, control, emulating, guest, say


class TestUpgrade:
    @pytest.mark.parametrize(
        ("path", "origin", "status"),
        [
            ("/v1?deploymentId=unknown", None, 403),
            ("/v1", None, 403),
            ("/v2?deploymentId=" + DEFAULT_DEPLOYMENT_ID, None, 404),
            ("/v1?deploymentId=" + DEFAULT_DEPLOYMENT_ID, "https://evil.example", 403),
            ("/v1?deploymentId=" + DEFAULT_DEPLOYMENT_ID, "http://[", 403),
            ("//[", None, 404),
        ],
    )
    async def test_refusals(self, path, origin, status):
        deployments = ({"allowed_domains": ("shop.example",)},)
        async with emulating(deployments=deployments) as emulator:
            with pytest.raises(InvalidStatus) as refused:
                async with connect(emulator.ws_url + path, proxy=None, origin=origin):
                    pass
            assert refused.value.response.status_code == status

    @pytest.mark.parametrize(
        "origin", ["https://shop.example", "https://www.shop.example", "shop.example"]
    )
    async def test_allowed_domains(self, origin):
        async with emulating(deployments=({"allowed_domains": ("shop.example",)},)) as emulator:
            async with guest(emulator, origin=origin) as socket:
                await configured(socket)

    async def test_an_inactive_deployment(self):
        async with emulating(deployments=({"status": "Inactive"},)) as emulator:
            with pytest.raises(InvalidStatus) as refused:
                async with guest(emulator):
                    pass
            assert refused.value.response.status_code == 403

    async def test_the_connection_rate_with_retry_after(self):
        async with emulating(limits={"connections_per_minute": 2}) as emulator:
            async with guest(emulator), guest(emulator):
                with pytest.raises(InvalidStatus) as refused:
                    async with guest(emulator):
                        pass
            assert refused.value.response.status_code == 429
            assert 50 <= int(refused.value.response.headers["Retry-After"]) <= 60

    async def test_any_deployment_if_told_so(self):
        async with (
            emulating(accept_any_deployment=True) as emulator,
            guest(emulator, "whatever") as socket,
        ):
            assert (await ask(socket, "configureSession", deploymentId="whatever"))["code"] == 200


class TestSockets:
    async def test_fragments_and_pings(self):
        async with emulating() as emulator, guest(emulator) as socket:
            await socket.send(
                iter(
                    [
                        '{"action":"configureSession","token":"t",',
                        f'"deploymentId":"{DEFAULT_DEPLOYMENT_ID}"}}',
                    ]
                )
            )
            assert json.loads(await socket.recv())["class"] == "SessionResponse"
            await asyncio.wait_for(await socket.ping(), 30.0)

    async def test_binary_is_refused_with_1003(self):
        async with emulating() as emulator, guest(emulator) as socket:
            await socket.send(b"\x00")
            with pytest.raises(ConnectionClosed) as closed:
                await socket.recv()
            assert closed.value.rcvd.code == 1003

    async def test_a_frame_over_the_bound_and_broken_utf8_end_that_socket_only(self):
        async with emulating(frame_bytes_max=20_000) as emulator, guest(emulator) as other:
            await configured(other)
            for sent, code in (("x" * 20_001, 1009), (b"\xff", 1007)):
                async with guest(emulator) as socket:
                    await (
                        socket.send(sent) if isinstance(sent, str) else socket.send(sent, text=True)
                    )
                    with pytest.raises(ConnectionClosed) as closed:
                        await socket.recv()
                    assert closed.value.rcvd.code == code
            assert (await say(other, "fine"))["code"] == 200

    async def test_the_clients_close_is_answered(self):
        async with emulating() as emulator:
            async with guest(emulator) as socket:
                await configured(socket)
                await socket.close(1000, "bye")
                assert socket.close_code == 1000
            await asyncio.sleep(0.05)
            assert not emulator.connections and not emulator.world.connections


async def test_tls_with_a_certificate_it_makes_itself(tmp_path):
    async with emulating(tls_dir=tmp_path) as emulator:
        assert emulator.url.startswith("https://")
        context = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
        async with connect(
            f"wss://localhost:{emulator.port}/v1?deploymentId={DEFAULT_DEPLOYMENT_ID}",
            ssl=context,
            proxy=None,
        ) as socket:
            await configured(socket)
        async with emulator.http.get(f"{emulator.url}/__emulator/health", ssl=context) as answer:
            assert answer.status == 200
        keys = [path for path in tmp_path.iterdir() if "key" in path.name]
        assert keys and all(path.stat().st_mode & 0o077 == 0 for path in keys), (
            "private keys are private"
        )


async def test_a_reset_gives_no_id_a_second_time():
    """A client that lives on would take the new message for one it has seen."""
    async with emulating() as emulator:
        ids = []
        for _ in range(2):
            async with guest(emulator) as socket:
                await configured(socket)
                ids.append((await say(socket, "hello"))["body"]["id"])
            await control(emulator, "reset")
        assert ids[0] != ids[1]


async def test_two_runs_with_one_seed_speak_alike():
    heard = []
    for _ in range(2):
        async with emulating(agent="faq", seed=7) as emulator, guest(emulator) as socket:
            await configured(socket)
            ids = [(await say(socket, "hours"))["body"]["id"]]
            for _ in range(2):
                ids.append(json.loads(await asyncio.wait_for(socket.recv(), 30.0))["body"]["id"])
            heard.append(ids)
    assert heard[0] == heard[1]


async def test_stopping_leaves_nothing(tmp_path):
    before = {task for task in asyncio.all_tasks()}
    async with emulating() as emulator, guest(emulator) as socket:
        await configured(socket)
        await emulator.stop()
        with pytest.raises(ConnectionClosed):
            await socket.recv()
    await asyncio.sleep(0.05)
    assert {task for task in asyncio.all_tasks()} <= before | {asyncio.current_task()}
