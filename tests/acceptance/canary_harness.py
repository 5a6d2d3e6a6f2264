"""Two real daemons, one after the other on one journal, through whose every feature canaries are
sent; and all that was heard.

Between daemon and emulator's REST side stands a platform that talks too much: it passes everything
on and notes it, and where it is told to refuse, it repeats what it was sent, each time in another
dress. A CRM notes its webhooks and says them back.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import signal
import sys
from collections import defaultdict
from itertools import cycle
from pathlib import Path
from urllib.parse import quote

import aiohttp
from aiohttp import web
from typer.testing import CliRunner

from guestd.app.cli import app as cli
from guestd.emulator import DEFAULT_DEPLOYMENT_ID

from .conftest import Program

GUESTD = [sys.executable, "-m", "guestd"]
ROOT = Path(__file__).parents[2]

#: Dresses in which a platform may repeat what it was sent.
DRESSES = (
    lambda text: text,
    lambda text: quote(text, safe=""),
    lambda text: json.dumps(text)[1:-1],
    lambda text: base64.b64encode(text.encode()).decode(),
)


class Platform:
    """The emulator, through somebody who repeats."""

    def __init__(self, emulator: str, places: dict[str, bytearray]) -> None:
        self.emulator = emulator
        self.places = places
        self.refusing: dict[str, int] = {}
        self.caught: dict[str, str] = {}
        self._dress = cycle(DRESSES)
        self._client = aiohttp.ClientSession()

    def app(self) -> web.Application:
        app = web.Application(client_max_size=10_000_000)
        app.router.add_route("*", "/{path:.*}", self._call)
        app.on_cleanup.append(self._leave)
        return app

    async def _leave(self, _app: web.Application) -> None:
        await self._client.close()

    def _note(self, *parts: object) -> None:
        for part in parts:
            self.places["wire"] += part if isinstance(part, bytes) else str(part).encode()

    async def _call(self, request: web.Request) -> web.Response:
        body = await request.read()
        self._note(request.method, request.path_qs, dict(request.headers), body)
        self._catch(request, body)
        status = next(
            (one for path, one in self.refusing.items() if request.path.startswith(path)), 0
        )
        if status and (
            request.method != "GET" or status in (400, 401) or "webmessaging" in request.path
        ):
            return self._repeat(status, request, body)
        headers = {
            name: one
            for name, one in request.headers.items()
            if name not in ("Host", "Accept-Encoding")
        }
        url = self.emulator + request.path_qs
        async with self._client.request(request.method, url, data=body, headers=headers) as answer:
            found = await answer.read()
            self._note(found)
            if request.path.startswith("/oauth"):
                self.caught["OAuth access token"] = json.loads(found)["access_token"]
            return web.Response(status=answer.status, body=found, content_type=answer.content_type)

    def _catch(self, request: web.Request, body: bytes) -> None:
        if request.path == "/api/v2/webmessaging/messages":
            self.caught["JWT of the history"] = request.headers["Authorization"].split()[1]
        if signed := re.search(rb'"guestToken": ?"(eyJ[^"]+)"', body):
            self.caught["guest token that guestd signed"] = signed[1].decode()

    def _repeat(self, status: int, request: web.Request, body: bytes) -> web.Response:
        """What it was sent, in one dress after another, in every field that an error has."""
        secrets = [request.headers.get("Authorization", "").split(" ")[-1]]
        secrets += re.findall(
            r'"(?:guestToken|guestIdToken|sessionToken)": ?"((?:[^"\\]|\\.)+)"', body.decode()
        )
        secrets = [json.loads(f'"{one}"') for one in secrets] + self._known(request)
        dress = next(self._dress)
        told = " ".join(dress(one) for one in reversed(secrets))
        answer = {
            "message": told,
            "code": dress(secrets[0]),
            "contextId": secrets[-1],
            "messageParams": {"is": told},
        }
        headers = {
            "inin-correlation-id": secrets[-1][:100],
            "Set-Cookie": f"session={secrets[0][:20]}",
        }
        return web.json_response(answer, status=status, headers=headers)

    def _known(self, request: web.Request) -> list[str]:
        """A guest's history is asked for without the OAuth client, so there it knows none."""
        return [] if "webmessaging" in request.path else list(self.said_back)

    #: Repeated as well, for any caller: what the platform knows of its client.
    said_back: tuple[str, ...] = ()


async def receive(places: dict[str, bytearray], request: web.Request) -> web.Response:
    """The CRM: takes what comes, and says it back."""
    body = await request.read()
    places["webhook bodies"] += body
    places["webhook heads"] += request.path_qs.encode() + str(dict(request.headers)).encode()
    return web.Response(
        status=410 if b"terminated" in body else 200, text=f"{dict(request.headers)} {body!r}"
    )


async def listen(app: web.Application) -> tuple[web.AppRunner, str]:
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner, f"http://127.0.0.1:{runner.addresses[0][1]}"


class Child:
    """A process of guestd; everything it writes is kept."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.out, self.err = bytearray(), bytearray()
        self._readers = [
            asyncio.ensure_future(self._read(process.stdout, self.out)),
            asyncio.ensure_future(self._read(process.stderr, self.err)),
        ]

    @staticmethod
    async def start(*arguments: str, **env: str) -> Child:
        clean = {
            name: one
            for name, one in os.environ.items()
            if not name.startswith(("GUESTD_", "NOTIFY_"))
        }
        pipe = asyncio.subprocess.PIPE
        more = {
            "cwd": ROOT,
            "env": {**clean, "NO_COLOR": "1", **env},
            "stdin": asyncio.subprocess.DEVNULL,
        }
        return Child(
            await asyncio.create_subprocess_exec(
                *GUESTD, *arguments, stdout=pipe, stderr=pipe, **more
            )
        )

    async def _read(self, stream: asyncio.StreamReader, kept: bytearray) -> None:
        while piece := await stream.read(65_536):
            kept += piece

    async def url(self) -> str:
        await until(lambda: b"ready http" in self.out or self.process.returncode is not None)
        found = re.search(rb"ready (http\S+)", self.out)
        assert found, self.err.decode()
        return found[1].decode()

    async def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        if self.process.returncode is None:
            self.process.send_signal(number)
        async with asyncio.timeout(120.0):
            code = await self.process.wait()
        await asyncio.gather(*self._readers)
        return code


async def command(*arguments: str, code: int | None = 0, **env: str) -> bytes:
    """One command to its end, within this process for the time's sake: all that it wrote."""
    given = {"NO_COLOR": "1", **env}
    done = await asyncio.to_thread(CliRunner().invoke, cli, list(arguments), env=given)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert code is None or done.exit_code == code, (arguments, done.output)
    return (done.stdout + done.stderr).encode()


async def refused_start(*arguments: str, code: int) -> bytes:
    """A process that ends by itself, forked for the time's sake: all that it wrote."""
    return await asyncio.to_thread(_refused, arguments, code)


def _refused(arguments: tuple[str, ...], code: int) -> bytes:
    program = Program(*arguments)
    try:
        assert program.wait() == code, program.err
    finally:
        program.end()
    return "\n".join((*program.out, *program.err)).encode()


async def until(condition, timeout_s: float = 120.0):
    async with asyncio.timeout(timeout_s):
        while not (found := condition()):
            await asyncio.sleep(0.02)
    return found


class CanaryHarness:
    """`canaries`: what must not be told, by name. `places`: all bytes that were heard or found, by
    place."""

    def __init__(self, folder: Path, canaries: dict[str, str]) -> None:
        self.folder = folder
        self.canaries = canaries
        self.places: dict[str, bytearray] = defaultdict(bytearray)

    def config(self, form: str, api: str, crm: str, emulator: str) -> str:
        folder, canaries = self.folder, self.canaries
        (folder / "client-secret").write_text(canaries["client secret"])
        (folder / "api-token").write_text(canaries["API token"])
        (folder / "webhook-secret").write_text(canaries["webhook secret in a file"])
        path = folder / f"{form}.toml"
        quoted = json.dumps
        path.write_text(f"""
            simulator.port = 0
            log = {{level = "debug", form = "{form}"}}
            [platform]
            guest_socket_url = "ws{emulator[4:]}"
            api_url = "{api}"
            cdn_url = "{emulator}"
            token_url = "{api}/oauth/token"
            deployment_id = "{DEFAULT_DEPLOYMENT_ID}"
            client_id = "canary-client"
            client_secret_file = "{folder}/client-secret"
            [reconnect]
            base_s = 0.05
            jitter_s = 0.05
            [history]
            retry_s = 0.05
            attempts_max = 4
            reads_per_minute = 1000
            [rest]
            base_s = 0.01
            cap_s = 0.02
            refused_rest_s = 0.01
            attempts_max = 2
            [operations]
            tries_max = 1
            rest_base_s = 0.02
            rest_jitter_s = 0.02
            [journal]
            directory = "{folder}/journal"
            [api]
            token_file = "{folder}/api-token"
            [webhooks]
            operation_allow_internal = ["127.0.0.1"]
            operation_secrets = [{quoted(canaries["secret of operations' webhooks"])}]
            attempts_max = 1
            [[webhooks.targets]]
            name = "crm"
            url = "{crm}/{canaries["webhook URL's path"]}?key={canaries["webhook URL's key"]}"
            secrets = [{quoted(canaries["webhook secret in the configuration"])}, "file:{folder}/webhook-secret"]
            allow_internal = ["127.0.0.1"]
            """)
        return str(path)
