"""examples/systemd_nginx: the units verified by systemd, the configuration by nginx and by a client
that comes in by it."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from guestd.app.load_config import load_config
from guestd.emulator import DEFAULT_DEPLOYMENT_ID
from guestd.emulator.tls import ensure_certificate
from tests.acceptance.conftest import clean_environment
from tests.ports import free_port

EXAMPLE = Path(__file__).parents[2] / "examples" / "systemd_nginx"
UNIT = Path(__file__).parents[2] / "systemd" / "guestd.service"
GUEST, EMULATOR = "guest.example.org", "emulator.example.org"
TOKEN = "a-token-of-at-least-32-characters-x"
PLACES = "/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin"
NGINX = os.environ.get("TEST_NGINX") or shutil.which("nginx", path=PLACES)

pytestmark = pytest.mark.timeout(600)
needs_nginx = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")

#: What the example leaves to the rest of an nginx.conf. One process, so that no user is changed.
AROUND = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/guestd.conf;
}}
"""


class Proxy:
    """nginx with the example's configuration, on a port of its own."""

    def __init__(self, folder: Path, daemon: str, emulator: str) -> None:
        self.folder, self.port = folder, free_port()
        certificate, key, ca = ensure_certificate(folder / "tls", (GUEST, EMULATOR))
        self.tls = ssl.create_default_context(cafile=str(ca))
        text = (EXAMPLE / "nginx.conf").read_text()
        for given, own in (
            ("listen 443 ssl", f"listen 127.0.0.1:{self.port} ssl"),
            ("127.0.0.1:3000", daemon.partition("://")[2]),
            ("127.0.0.1:8080", emulator.partition("://")[2]),
            ("/etc/nginx/tls/server.pem", str(certificate)),
            ("/etc/nginx/tls/server.key", str(key)),
            ("/var/log/nginx", str(folder)),
        ):
            assert given in text
            text = text.replace(given, own)
        (folder / "guestd.conf").write_text(text)
        (folder / "nginx.conf").write_text(AROUND.format(folder=folder))
        assert NGINX is not None
        self.command = [NGINX, "-p", str(folder), "-c", str(folder / "nginx.conf")]

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        with subprocess.Popen(self.command, stderr=subprocess.PIPE) as child:
            try:
                until_listening(self.port, child)
                yield
            finally:
                child.terminate()

    def socket(self, name: str, path: str, **more):
        """A WebSocket by nginx, to the host of that name."""
        address = {"host": "127.0.0.1", "port": self.port, "server_hostname": name}
        uri = f"wss://{name}:{self.port}{path}"
        return connect(uri, ssl=self.tls, proxy=None, **address, **more)

    async def ask(self, url: str, method: str = "GET", body: bytes | None = None, **headers: str):
        """Status and body; of a stream of events the first line."""
        return await asyncio.to_thread(self._ask, url, method, body, headers)

    def _ask(self, url: str, method: str, body: bytes | None, headers: dict[str, str]):
        name = urlsplit(url).hostname or ""
        with (
            socket.create_connection(("127.0.0.1", self.port), 60.0) as plain,
            self.tls.wrap_socket(plain, server_hostname=name) as secure,
            contextlib.closing(http.client.HTTPConnection(name, self.port)) as connection,
        ):
            connection.sock = secure
            connection.request(method, url[url.index("/", 8) :], body, headers)
            answer = connection.getresponse()
            is_stream = answer.getheader("Content-Type") == "text/event-stream"
            return answer.status, answer.readline() if is_stream else answer.read()


def until_listening(port: int, child: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120.0
    while time.monotonic() < deadline and child.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
            return
        time.sleep(0.05)
    raise AssertionError(f"nginx does not listen: {child.stderr and child.stderr.read(4000)!r}")


@pytest.fixture
def proxy(run, config, tmp_path) -> Iterator[Proxy]:
    """The daemon has the example's configuration, with another platform and other secrets."""
    emulator = run("emulate", "--port", "0", "--agent", "echo").url()
    text = (EXAMPLE / "guestd.toml").read_text()
    platform = text[text.index("region =") : text.index("[simulator]")]
    text = text.replace(platform, f'emulator = "{emulator}"\n')
    for name in ("simulator-token", "api-token"):
        assert f'"credential:{name}"' in text
        text = text.replace(f'"credential:{name}"', f'"{TOKEN}"')
    daemon = run("serve", "-c", config(text), "--port", "0").url()
    found = Proxy(tmp_path, daemon, emulator)
    with found.running():
        yield found


async def event(socket, kind):
    async with asyncio.timeout(120.0):
        while (found := json.loads(await socket.recv())).get("kind") != kind:
            pass
    return found


@needs_nginx
def test_nginx_takes_the_configuration(tmp_path):
    proxy = Proxy(tmp_path, "http://127.0.0.1:3000", "http://127.0.0.1:8080")
    done = subprocess.run([*proxy.command, "-t"], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "[warn]" not in done.stderr, done.stderr


@needs_nginx
async def test_a_page_and_a_program_come_in_by_nginx(proxy):
    path = f"/?guest=ana&access_token={TOKEN}"
    async with proxy.socket(GUEST, path, origin="https://www.example.org") as page:
        assert (await event(page, "hello"))["new"] is True
        await page.send(json.dumps({"action": "send", "text": "by nginx"}))
        assert (await event(page, "message"))["text"] == "by nginx"
        url = f"https://{GUEST}:{proxy.port}"
        headers = {"Authorization": f"Bearer {TOKEN}", "Accept": "text/event-stream"}
        stream = await proxy.ask(f"{url}/v1/sessions/ana/events?after=0", **headers)
        assert stream == (200, b"id: 1\n")  # and does not wait for more
        paths = ("/v1/sessions", "/metrics", "/readyz")
        found = {path: (await proxy.ask(f"{url}{path}"))[0] for path in paths}
        assert found == {"/v1/sessions": 401, "/metrics": 403, "/readyz": 200}
    with pytest.raises(InvalidStatus):
        async with proxy.socket(GUEST, "/?guest=ana"):
            pass
    log = (proxy.folder / "guestd.log").read_text()
    assert "GET / 101" in log and TOKEN not in log


@needs_nginx
async def test_the_emulators_urls_lead_back_to_nginx(proxy):
    own = f"{EMULATOR}:{proxy.port}"
    path = f"webdeployments/v1/deployments/{DEFAULT_DEPLOYMENT_ID}/config.json"
    _, config = await proxy.ask(f"https://{own}/{path}")
    assert json.loads(config)["apiEndpoint"] == f"https://{own}"
    assert (await proxy.ask(f"https://{own}/__emulator/state"))[0] == 403
    async with proxy.socket(EMULATOR, f"/v1?deploymentId={DEFAULT_DEPLOYMENT_ID}") as guest:
        token = {"token": "c3a6e0a2-0000-4000-8000-000000000001"}
        opening = {"action": "configureSession", "deploymentId": DEFAULT_DEPLOYMENT_ID}
        await guest.send(json.dumps({**opening, **token}))
        await guest.recv()
        file = {"fileName": "a.png", "fileType": "image/png", "fileSize": 5}
        asked = {"action": "onAttachment", "attachmentId": "a1", **file, **token}
        await guest.send(json.dumps(asked))
        slot = json.loads(await guest.recv())["body"]
        assert slot["url"].startswith(f"https://{own}/__storage/")
        assert (await proxy.ask(slot["url"], "PUT", b"12345", **slot["headers"]))[0] == 200
        done = json.loads(await guest.recv())["body"]
        assert await proxy.ask(done["downloadUrl"]) == (200, b"12345")


def test_the_configuration_is_one(tmp_path, monkeypatch):
    for name in ("simulator-token", "api-token"):
        (tmp_path / name).write_text(TOKEN)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    found = load_config(EXAMPLE / "guestd.toml", {"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert found.simulator.hosts_allowed == (GUEST,)
    assert found.simulator.frontends_per_address_max == found.simulator.frontends_max
    assert found.api.watchers_per_address_max == found.api.watchers_max


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")
def test_systemd_takes_the_units(tmp_path):
    (tmp_path / "guestd.service.d").mkdir()
    for path in (UNIT, EXAMPLE / "guestd-emulator.service", *EXAMPLE.glob("*.d/*.conf")):
        place = tmp_path / (path.relative_to(EXAMPLE) if EXAMPLE in path.parents else path.name)
        text = path.read_text().replace("/opt/guestd/bin/guestd", "/bin/true")
        place.write_text(text.replace("/usr/bin/guestd", "/bin/true"))
    done = subprocess.run(
        ["systemd-analyze", "verify", *map(str, sorted(tmp_path.glob("*.service")))],
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line for line in done.stderr.splitlines() if "ignoring" not in line]
    assert (done.returncode, lines) == (0, [])
