"""The emulator for clients in a browser, and for those that know it by another name (D5)."""

from __future__ import annotations

import asyncio
import json

import pytest
from websockets.asyncio.client import connect

from guestd.emulator import DEFAULT_DEPLOYMENT_ID
from guestd.emulator.client_url import TrustedProxies
from guestd.emulator.core.storage_urls import base_for, with_base

from .emulator_client import ask, call, configured, emulating, guest, say

PAGE = "https://shop.example.org"
CONFIG = f"/webdeployments/v1/deployments/{DEFAULT_DEPLOYMENT_ID}/config.json"
FILE = {"attachmentId": "a1", "fileName": "a.png", "fileType": "image/png", "fileSize": 5}


async def headers_of(emulator, method, path, **headers):
    async with emulator.http.request(method, f"{emulator.url}{path}", headers=headers) as answer:
        await answer.read()
        return answer.status, answer.headers


def known_as(emulator, name):
    """A guest who knows the emulator by this name."""
    uri = f"ws://{name}/v1?deploymentId={DEFAULT_DEPLOYMENT_ID}"
    return connect(uri, host="127.0.0.1", port=emulator.port, proxy=None)


async def event(socket):
    return json.loads(await asyncio.wait_for(socket.recv(), 30.0))


class TestCors:
    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [
            ("GET", CONFIG, 200),
            ("GET", "/webdeployments/v1/deployments/none/config.json", 403),
            ("GET", "/api/v2/webmessaging/messages", 401),
            ("PUT", "/__storage/none?sig=0", 403),
            ("GET", "/api/v2/nothing", 404),
        ],
    )
    async def test_every_page_may_read_the_platforms_answers(self, method, path, status):
        async with emulating() as emulator:
            found, headers = await headers_of(emulator, method, path, Origin=PAGE)
            assert found == status and headers["Access-Control-Allow-Origin"] == "*"
            assert headers["Access-Control-Expose-Headers"] == "*"
            assert "Access-Control-Allow-Credentials" not in headers

    async def test_a_preflight_is_no_call_and_meets_no_fault(self):
        faults = ({"kind": "http_status", "rate": 1.0, "status": 500},)
        async with emulating() as emulator:
            await call(emulator, "POST", "/__emulator/faults", json={"rules": list(faults)})
            asked = {
                "Origin": PAGE,
                "Access-Control-Request-Method": "GET",
                "Access-Control-Request-Headers": "authorization",
                "Access-Control-Request-Private-Network": "true",
            }
            path = "/api/v2/webmessaging/messages"
            status, headers = await headers_of(emulator, "OPTIONS", path, **asked)
            assert status == 204 and headers["Access-Control-Allow-Origin"] == "*"
            assert "Authorization" in headers["Access-Control-Allow-Headers"]
            assert "PUT" in headers["Access-Control-Allow-Methods"]
            assert headers["Access-Control-Allow-Private-Network"] == "true"
            assert not emulator.counters["rest_calls"]
            status, headers = await headers_of(emulator, "GET", path, Origin=PAGE)
            assert status == 500 and headers["Access-Control-Allow-Origin"] == "*"

    @pytest.mark.parametrize(
        ("origin", "allowed"),
        [
            (PAGE, False),
            ("null", False),
            ("http://localhost:5173", True),
            ("https://test.example.org", True),
        ],
    )
    async def test_the_admin_api_only_for_pages_that_may_use_it(self, origin, allowed):
        async with emulating(control_origins=("https://test.example.org",)) as emulator:
            for path in ("/__emulator/state", "/__emulator/nothing"):
                asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
                for method, one in (("GET", {"Origin": origin}), ("OPTIONS", asked)):
                    status, headers = await headers_of(emulator, method, path, **one)
                    assert (status == 403) is not allowed, (method, path)
                    read = headers.get("Access-Control-Allow-Origin")
                    assert read == (origin if allowed else None)
                    assert headers["Vary"] == "Origin"


class TestNames:
    @pytest.mark.parametrize("name", ["emu.test:8080", "localhost:1", "[::1]:8080", "emu"])
    async def test_urls_of_files_have_the_host_that_the_client_asked(self, name):
        async with (
            emulating(upload_delay_s=0.01, host="localhost") as emulator,
            known_as(emulator, name) as socket,
            guest(emulator) as other,
        ):
            await configured(socket)
            await configured(other)
            slot = (await ask(socket, "onAttachment", **FILE))["body"]
            assert slot["url"].startswith(f"http://{name}/__storage/")
            await self.upload(emulator, slot, name)
            for one, host in ((socket, name), (other, f"127.0.0.1:{emulator.port}")):
                url = await self.url_of(one, "UploadSuccessEvent")
                assert url.startswith(f"http://{host}/__storage/")
            fresh = await ask(other, "getAttachment", attachmentId="a1")
            assert fresh["body"]["url"].startswith(f"{emulator.url}/__storage/")

    @staticmethod
    async def upload(emulator, slot, name):
        path = slot["url"].removeprefix(f"http://{name}")
        async with emulator.http.put(
            f"{emulator.url}{path}", data=b"12345", headers=slot["headers"]
        ) as answer:
            assert answer.status == 200

    @staticmethod
    async def url_of(socket, kind):
        while (found := await event(socket))["class"] != kind:
            pass
        return found["body"]["downloadUrl"]

    async def test_those_of_the_history_too(self):
        async with emulating(upload_delay_s=0.01) as emulator, guest(emulator) as socket:
            await configured(socket)
            slot = (await ask(socket, "onAttachment", **FILE))["body"]
            async with emulator.http.put(slot["url"], data=b"12345", headers=slot["headers"]):
                pass
            await event(socket)
            file = {"contentType": "Attachment", "attachment": {"id": "a1"}}
            quoted = f"is it {emulator.url}/__storage/a1 ?"
            echo = await ask(socket, "onMessage", message={"text": quoted, "content": [file]})
            assert echo["body"]["text"] == quoted
            jwt = (await ask(socket, "getJwt"))["body"]["jwt"]
            headers = {"Authorization": f"bearer {jwt}", "Host": "emu.test:8080"}
            _, page = await call(emulator, "GET", "/api/v2/webmessaging/messages", headers=headers)
            text = json.dumps(page)
            assert "http://emu.test:8080/__storage/" in text and quoted in text

    async def test_a_guest_without_files_gets_what_it_always_got(self):
        async with emulating() as emulator, known_as(emulator, "emu.test") as socket:
            await configured(socket)
            assert (await say(socket, "hello"))["body"]["text"] == "hello"

    @pytest.mark.parametrize("hosts", [[], ["a", "b"], ['x"'], ["a"]])
    async def test_a_handshake_with_any_number_of_hosts_is_answered(self, hosts):
        async with emulating() as emulator:
            reader, writer = await asyncio.open_connection("127.0.0.1", emulator.port)
            lines = [
                f"GET /v1?deploymentId={DEFAULT_DEPLOYMENT_ID} HTTP/1.1",
                *(f"Host: {host}" for host in hosts),
                "Upgrade: websocket",
                "Connection: Upgrade",
                "Sec-WebSocket-Version: 13",
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            ]
            writer.write("\r\n".join([*lines, "", ""]).encode())
            async with asyncio.timeout(30.0):
                assert (await reader.readline()).startswith(b"HTTP/1.1 101 ")
            writer.close()


class TestTlsProxy:
    """A proxy that ends TLS stands before the emulator, and says so."""

    @pytest.mark.parametrize(
        ("headers", "scheme"),
        [
            ({"X-Forwarded-Proto": "https"}, "https"),
            ({"X-Forwarded-Proto": "wss"}, "https"),
            ({"X-Forwarded-Proto": "https, http"}, "https"),
            (
                {"Forwarded": 'for="[2001:db8::1]:4711"; proto=HTTPS;by=a, for=b;proto=http'},
                "https",
            ),
            ({"X-Forwarded-Proto": "http", "Forwarded": "proto=https"}, "http"),
            ({"X-Forwarded-Proto": "gopher"}, "http"),
            ({"Forwarded": "for=proto"}, "http"),
            ({}, "http"),
        ],
    )
    async def test_every_url_has_the_scheme_of_the_client(self, headers, scheme):
        headers = {**headers, "Host": "localhost:8443"}
        wanted = f"{scheme}://localhost:8443"
        async with emulating() as emulator:
            _, config = await call(emulator, "GET", CONFIG, headers=headers)
            assert config["apiEndpoint"] == wanted
            conversations = config["messenger"]["apps"]["conversations"]
            assert conversations["messagingEndpoint"] == "ws" + wanted[4:]
            _, about = await call(emulator, "GET", "/__emulator/about", headers=headers)
            assert about["guest_socket_url"].startswith(f"ws{wanted[4:]}/v1?deploymentId=")
            assert (about["api_url"], about["token_url"]) == (wanted, f"{wanted}/oauth/token")
            forwarded = {name: text for name, text in headers.items() if name != "Host"}
            uri = f"ws://localhost:8443/v1?deploymentId={DEFAULT_DEPLOYMENT_ID}"
            address = {"host": "127.0.0.1", "port": emulator.port, "proxy": None}
            async with connect(uri, additional_headers=forwarded, **address) as socket:
                await configured(socket)
                slot = (await ask(socket, "onAttachment", **FILE))["body"]
                assert slot["url"].startswith(f"{wanted}/__storage/")

    async def test_the_word_of_another_machine_does_not_count_until_it_is_a_trusted_proxy(self):
        headers = {"X-Forwarded-Proto": "https", "Host": "localhost:8443"}
        async with emulating(trusted_proxies=["192.0.2.0/24"]) as emulator:
            _, config = await call(emulator, "GET", CONFIG, headers=headers)
            assert config["apiEndpoint"] == "http://localhost:8443"
            changes = {"trusted_proxies": ["192.0.2.0/24", "127.0.0.1"]}
            await call(emulator, "POST", "/__emulator/settings", json=changes)
            _, config = await call(emulator, "GET", CONFIG, headers=headers)
            assert config["apiEndpoint"] == "https://localhost:8443"

    async def test_what_is_no_network_is_refused(self):
        async with emulating() as emulator:
            changes = {"trusted_proxies": ["proxy.example.org"]}
            status, answer = await call(emulator, "POST", "/__emulator/settings", json=changes)
            assert status == 400 and "does not appear to be an IPv4 or IPv6 network" in str(answer)


@pytest.mark.parametrize(
    ("peer", "url"),
    [
        ("127.8.0.1", "https://a"),
        ("::ffff:127.0.0.1", "https://a"),
        ("::1", "https://a"),
        ("192.0.2.7", "http://a"),
        ("", "http://a"),
        (None, "http://a"),
    ],
)
def test_only_a_trusted_peer_is_believed(peer, url):
    headers = {"Host": ["a"], "X-Forwarded-Proto": ["https"]}
    proxies = TrustedProxies(("127.0.0.0/8", "::1/128"))
    found = proxies.client_url("http://127.0.0.1:1", peer, lambda name: headers.get(name, []))
    assert found == url


@pytest.mark.parametrize(
    "host", [None, "", 'x"', "a b", "a/b", "a:b", "a:123456", "[x]", "ä", "a\r\n", "[::1"]
)
def test_a_host_that_is_none_is_not_repeated(host):
    assert base_for(host, "http://127.0.0.1:8080") == "http://127.0.0.1:8080"


def test_a_host_keeps_the_scheme_that_is_spoken():
    assert base_for("emu.test", "https://127.0.0.1:8443") == "https://emu.test"
    assert with_base(b'{"u":"b/__storage/1"}', "b", "c") == b'{"u":"c/__storage/1"}'
    assert with_base(b'{"u":"see b/__storage/1"}', "b", "c") == b'{"u":"see b/__storage/1"}'
