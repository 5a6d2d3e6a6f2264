"""Who may use the control API: the token, the Unix socket, the doorkeeper, and what is refused at
the start."""

from __future__ import annotations

import asyncio
import socket
import stat

import aiohttp
import pytest

from guestd.model.errors import ConfigError

TOKEN = "a-token-of-enough-length"
WRONG = [None, "", "Bearer", "Bearer ", "Bearer wrong", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x"]


async def status_of(stack, path="/v1/sessions", **headers):
    async with (
        aiohttp.ClientSession(stack.http.url) as session,
        session.get(path, headers=headers) as answer,
    ):
        return answer.status, await answer.json(content_type=None), answer.headers


class TestToken:
    async def test_who_has_none_is_told_how_to_come_in(self, new_stack):
        async with new_stack(control={"token": TOKEN}) as stack:
            for given in WRONG:
                headers = {} if given is None else {"Authorization": given}
                status, found, answered = await status_of(stack, **headers)
                assert (status, found["code"]) == (401, "unauthorized")
                assert answered["WWW-Authenticate"].startswith("Bearer ") and TOKEN not in str(
                    found
                )

    async def test_who_has_it_comes_in(self, new_stack):
        async with new_stack(control={"token": TOKEN}) as stack:
            assert (await status_of(stack, Authorization=f"Bearer {TOKEN}"))[0] == 200
            assert (await status_of(stack, "/v1/nothing"))[0] == 401, (
                "not even what is there is told to strangers"
            )

    async def test_health_and_metrics_stay_open(self, new_stack):
        async with new_stack(control={"token": TOKEN}) as stack:
            assert (await status_of(stack, "/healthz"))[0] == 200

    async def test_the_token_is_in_no_representation(self, new_stack):
        async with new_stack(control={"token": TOKEN}) as stack:
            assert TOKEN not in repr(stack.http._api)


class TestDoorkeeper:
    async def test_a_strange_host_is_a_problem(self, new_stack):
        async with new_stack() as stack:
            status, found, _ = await status_of(stack, Host="evil.example.org")
            assert (status, found["code"]) == (421, "no_such_host")

    async def test_a_page_from_elsewhere_is_a_problem(self, new_stack):
        async with new_stack() as stack:
            status, found, _ = await status_of(stack, Origin="https://evil.example.org")
            assert (status, found["code"]) == (403, "origin_refused")


class TestExposure:
    async def test_beyond_loopback_without_a_token_it_does_not_start(self, new_stack):
        with pytest.raises(
            ConfigError, match=r"api\.token: is not set.*set api\.token or api\.token_file"
        ):
            async with new_stack(api={"host": "0.0.0.0"}):
                pass

    @pytest.mark.parametrize("control", [{"token": TOKEN}, {"tcp": False}])
    async def test_with_one_or_without_the_api_it_does(self, new_stack, control):
        open_to_all = {"host": "0.0.0.0", "hosts_allowed": ("127.0.0.1",), "open": True}
        async with new_stack(api=open_to_all, control=control) as stack:
            async with aiohttp.ClientSession() as session:
                async with session.get(f"http://127.0.0.1:{stack.http.port}/v1/sessions") as answer:
                    assert answer.status == (404 if "tcp" in control else 401)


class TestSimulatorToken:
    @staticmethod
    async def come_in(stack, query="", **headers):
        url = f"ws://127.0.0.1:{stack.http.port}/?guest=ana{query}"
        async with aiohttp.ClientSession() as session:
            try:
                async with session.ws_connect(url, headers=headers) as socket:
                    return (await socket.receive_json())["kind"]
            except aiohttp.WSServerHandshakeError as error:
                return error.status

    async def test_m12_beyond_loopback_it_starts_only_with_one_or_open(self, new_stack):
        with pytest.raises(
            ConfigError, match=r"simulator\.token: is not set.*simulator\.open = true"
        ):
            async with new_stack(api={"host": "0.0.0.0"}, control={"token": TOKEN}):
                pass

    @pytest.mark.parametrize("host", ["0.0.0.0", "127.0.0.1"])
    async def test_a_frontend_gives_it_as_a_header_or_in_its_address(self, new_stack, host, caplog):
        async with new_stack(api={"host": host, "token": TOKEN}, control={"tcp": False}) as stack:
            assert await self.come_in(stack) == 401
            assert await self.come_in(stack, f"&access_token={TOKEN}x") == 401
            assert await self.come_in(stack, Authorization=f"Bearer {TOKEN}x") == 401
            assert await self.come_in(stack, f"&access_token={TOKEN}") == "hello"
            assert await self.come_in(stack, Authorization=f"Bearer {TOKEN}") == "hello"
            assert (await status_of(stack, "/healthz"))[0] == 200
            assert TOKEN not in caplog.text and TOKEN not in repr(stack.http._settings)

    async def test_open_beyond_loopback_is_said_in_the_log(self, new_stack, caplog):
        async with new_stack(
            api={"host": "0.0.0.0", "open": True}, control={"tcp": False}
        ) as stack:
            assert await self.come_in(stack) == "hello"
            assert "the simulator is open on 0.0.0.0" in caplog.text

    async def test_on_loopback_none_is_needed(self, new_stack, caplog):
        async with new_stack() as stack:
            assert await self.come_in(stack) == "hello"
            assert "the simulator is open" not in caplog.text


class TestForeignPages:
    async def test_a_get_of_another_sites_page_is_refused(self, new_stack):
        async with new_stack() as stack:
            status, found, _ = await status_of(stack, **{"Sec-Fetch-Site": "cross-site"})
            assert (status, found["code"]) == (403, "origin_refused")
            for site in ("same-origin", "same-site", "none"):
                assert (await status_of(stack, **{"Sec-Fetch-Site": site}))[0] == 200
            assert (await status_of(stack, "/healthz", **{"Sec-Fetch-Site": "cross-site"}))[
                0
            ] == 200

    async def test_a_page_that_is_allowed_may(self, new_stack):
        page = "https://dev.example.org"
        async with new_stack(api={"origins_allowed": (page,)}) as stack:
            assert (await status_of(stack, Origin=page, **{"Sec-Fetch-Site": "cross-site"}))[
                0
            ] == 200


class TestMetricsForm:
    @pytest.mark.parametrize(
        ("accept", "answered", "last"),
        [
            ("", "text/plain; version=", b"\n"),
            (
                "application/openmetrics-text; version=1.0.0",
                "application/openmetrics-text; version=1.0.0",
                b"# EOF\n",
            ),
        ],
    )
    async def test_a_scrape_gets_the_form_it_asks_for(self, new_stack, accept, answered, last):
        async with new_stack() as stack, aiohttp.ClientSession(stack.http.url) as session:
            async with session.get("/metrics", headers={"Accept": accept}) as answer:
                body = await answer.read()
                assert answer.headers["Content-Type"].startswith(answered) and body.endswith(last)
                for name in (
                    b"process_open_fds",
                    b"python_info",
                    b"python_gc_collections_total",
                    b"guestd_build_info",
                ):
                    assert name in body

    @pytest.mark.parametrize(
        "version", ["x", "1.0.x", "²", "1.0.\udcff", "1.0.0é", "1.0.0\udcff", ""]
    )
    @pytest.mark.parametrize("form", ["application/openmetrics-text", "text/plain"])
    async def test_a_version_that_is_none_is_answered_in_a_form_that_is(
        self, new_stack, form, version
    ):
        async with new_stack() as stack:
            head = (
                f"GET /metrics HTTP/1.1\r\nHost: localhost\r\nAccept: {form}; version={version}\r\n"
            )
            reader, writer = await asyncio.open_connection("127.0.0.1", stack.http.port)
            writer.write(head.encode("utf-8", "surrogateescape") + b"Connection: close\r\n\r\n")
            answer = await reader.read()
            writer.close()
            assert answer.startswith(b"HTTP/1.1 200 ") and b"python_info" in answer, answer[:500]


class TestUnixSocket:
    @staticmethod
    async def ask(path, where="/v1/sessions"):
        connector = aiohttp.UnixConnector(str(path))
        async with aiohttp.ClientSession("http://guestd", connector=connector) as session:
            async with session.get(where) as answer:
                return answer.status

    async def test_no_token_is_asked_for_there_and_the_file_is_ours_alone(
        self, new_stack, tmp_path
    ):
        path = tmp_path / "api.sock"
        async with new_stack(
            control={"token": TOKEN, "unix_socket": str(path), "tcp": False}
        ) as stack:
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            assert await self.ask(path) == 200
            status, found, _ = await status_of(stack, Authorization=f"Bearer {TOKEN}")
            assert (status, found["code"]) == (404, "not_configured")
            assert found["detail"] == (
                "api.tcp is false, so the control API is served on the Unix socket only"
                " (api.unix_socket)"
            )
        assert not path.exists()

    async def test_a_stale_one_is_removed(self, new_stack, tmp_path):
        path = tmp_path / "api.sock"
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(path))
        async with new_stack(control={"unix_socket": str(path)}):
            assert await self.ask(path) == 200

    async def test_a_living_one_is_left_alone(self, new_stack, tmp_path):
        path = tmp_path / "api.sock"
        async with new_stack(control={"unix_socket": str(path)}):
            with pytest.raises(ConfigError, match="another process listens"):
                async with new_stack(control={"unix_socket": str(path)}):
                    pass
            assert await self.ask(path) == 200

    @pytest.mark.parametrize("name", ["file", "no/such/folder/api.sock", "x" * 200])
    async def test_a_place_that_will_not_do_is_refused(self, new_stack, tmp_path, name):
        (tmp_path / "file").touch()
        with pytest.raises(ConfigError, match=r"api\.unix_socket"):
            async with new_stack(control={"unix_socket": str(tmp_path / name)}):
                pass
        assert (tmp_path / "file").exists()
