"""`guestd webhooks listen`: a receiver on this machine, for developing against webhooks."""

from __future__ import annotations

import asyncio
import secrets
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web

from ...observe.terminal_text import json_line, one_line
from ...webhooks.signing import problem_with
from ..secret_files import read_secret

#: A webhook has one event; a message of the platform is far smaller.
BODY_BYTES_MAX = 4 * 1024 * 1024

#: The answer to a webhook that does not verify with the secret that the user gave.
REFUSED = 401


@dataclass(slots=True, frozen=True)
class Received:
    """`problem` is what is wrong with its signature; "" if nothing is."""

    event: str
    delivery_id: str
    attempt: str
    problem: str
    body: Any

    @property
    def guest(self) -> str:
        data = self.body.get("data") if isinstance(self.body, dict) else None
        return str(data.get("guest", "")) if isinstance(data, dict) else ""


def receive(host: str, port: int, secret_file: Path | None, status: int, as_json: bool) -> None:
    """Until a signal ends it. Without a file a secret is drawn, and a webhook that does not verify
    with that is shown as such and taken; with one it is refused."""
    given = read_secret(secret_file, may_be_pipe=True) if secret_file is not None else b""
    secret = given or secrets.token_hex(32).encode()
    asyncio.run(_serve(host, port, secret, secret_file, status, as_json))


async def _serve(
    host: str, port: int, secret: bytes, secret_file: Path | None, status: int, as_json: bool
) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)

    async def receive(request: web.Request) -> web.Response:
        found = _received(request, await request.read(), secret)
        print(_line(found, as_json), flush=True)
        is_refused = secret_file is not None and found.problem
        return web.Response(status=REFUSED if is_refused else status)

    app = web.Application(client_max_size=BODY_BYTES_MAX)
    app.router.add_post("/{path:.*}", receive)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        url = f"http://{host}:{runner.addresses[0][1]}/"
        print(_introduction(url, host, secret, secret_file), file=sys.stderr, flush=True)
        await stop.wait()
    finally:
        await runner.cleanup()


def _introduction(url: str, host: str, secret: bytes, secret_file: Path | None) -> str:
    """A secret that was drawn for this run is shown, one from a file is not."""
    shown = f"file:{secret_file.resolve()}" if secret_file is not None else secret.decode()
    return (
        f"listening on {url}; Ctrl-C ends it. For guestd's configuration:\n\n"
        f'[[webhooks.targets]]\nname = "local"\nurl = "{url}"\nsecrets = ["{shown}"]\n'
        f'allow_internal = ["{host}"]\n'
    )


def _received(request: web.Request, raw: bytes, secret: bytes) -> Received:
    headers = request.headers
    signed = headers.get("Guestd-Signature")
    problem = (
        "it is not signed" if signed is None else problem_with(signed, raw, secret, time.time())
    )
    try:
        body = orjson.loads(raw)
    except ValueError:
        body = raw.decode(errors="replace")
    return Received(
        headers.get("Guestd-Event", ""),
        headers.get("Guestd-Event-Id", ""),
        headers.get("Guestd-Attempt", ""),
        problem,
        body,
    )


def _line(found: Received, as_json: bool) -> str:
    if as_json:
        return json_line(
            {
                "event": found.event,
                "id": found.delivery_id,
                "attempt": found.attempt,
                "verified": not found.problem,
                **({"problem": found.problem} if found.problem else {}),
                "body": found.body,
            }
        )
    when = time.strftime("%H:%M:%S")
    attempt = f"  attempt {found.attempt}" if found.attempt not in ("", "1") else ""
    verdict = "signature good" if not found.problem else f"NOT VERIFIED: {found.problem}"
    data = found.body.get("data", found.body) if isinstance(found.body, dict) else found.body
    return one_line(
        f"{when}  {found.event or '-'}  {found.guest or '-'}  {verdict}{attempt}  "
        f"{orjson.dumps(data).decode()}"
    )
