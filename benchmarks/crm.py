"""Do bad CRMs slow the guests down? Message latency with three of them beside message latency
without any, in the same run.

    .venv/bin/python benchmarks/crm.py [--guests 200] [--rounds 10] [--per-second 200] [--json]

Three daemons before one emulator, each in a process of its own. One of them has a CRM that hangs,
one that answers 500, and one whose name leads to this machine, where it may not go; two have none,
and how far those two are apart is what the machine itself does to such figures. The rounds take
turns; each guest says one thing per round, evenly spaced, and is measured from the sending to the
moment at which its frontend is shown the message. The ratios are medians over the rounds."""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import aiohttp

from guestd.emulator import DEFAULT_DEPLOYMENT_ID

SIDES = ("without", "with", "twin")
GUESTD = [sys.executable, "-m", "guestd"]
COMMON = """
simulator.port = 0
simulator.frontends_max = 5000
limits.max_sessions = 5000
log.level = "error"
admission = {{connects_per_minute = 100000, burst = 500}}
messages = {{per_s = 1000.0, requests_per_minute = 1000000}}
journal.directory = "{journal}"
platform = {{guest_socket_url = "ws{base}", deployment_id = "{deployment}"}}
"""
BAD = """
[webhooks]
retry_base_s = 0.05
retry_cap_s = 1.0
time_out_s = 1.0
circuit_open_s = 0.5
targets = [
    {{name = "hangs", url = "http://127.0.0.1:{hangs}/", secrets = ["0123456789abcdef"], allow_internal = ["127.0.0.1"]}},
    {{name = "fails", url = "http://127.0.0.1:{fails}/", secrets = ["0123456789abcdef"], allow_internal = ["127.0.0.1"]}},
    {{name = "forbidden", url = "https://localhost:{forbidden}/", secrets = ["0123456789abcdef"]}},
]
"""


class Crms:
    """Three doors on loopback; how often somebody came."""

    def __init__(self) -> None:
        self.came = {"hangs": 0, "fails": 0, "forbidden": 0}
        self.ports: dict[str, int] = {}
        self._servers: list[asyncio.Server] = []

    async def open(self) -> None:
        for name in self.came:
            server = await asyncio.start_server(
                lambda r, w, name=name: self._serve(name, r, w), "127.0.0.1", 0
            )
            self._servers.append(server)
            self.ports[name] = server.sockets[0].getsockname()[1]

    async def _serve(
        self, name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.came[name] += 1
        try:
            while await reader.read(65_536):
                if name == "fails":
                    writer.write(
                        b"HTTP/1.1 500 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                    )
                    break
        except (ConnectionError, asyncio.CancelledError):
            pass  # the end of the run cuts off whoever still hangs
        writer.close()


class Guest:
    """One frontend: what it says, and how long until it is shown."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket

    async def live(self) -> None:
        while True:
            event = json.loads(await self._socket.receive_str())
            if event.get("kind") == "session" and event["state"] == "live":
                return

    async def say(self, text: str) -> float:
        began = time.perf_counter()
        await self._socket.send_str(json.dumps({"action": "send", "text": text}))
        while True:
            event = json.loads(await self._socket.receive_str())
            if event.get("kind") == "message" and event["text"] == text:
                return time.perf_counter() - began


def start(stack: ExitStack, *arguments: str) -> str:
    """A process of guestd; where it listens."""
    child = subprocess.Popen(
        [*GUESTD, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    stack.callback(child.wait)
    stack.callback(child.terminate)
    assert child.stdout is not None
    stack.callback(child.stdout.close)
    return child.stdout.readline().strip().removeprefix("ready ")


async def settle(url: str, guests: int, client: aiohttp.ClientSession) -> list[Guest]:
    found = [Guest(await client.ws_connect(f"{url}/?guest=g{n}")) for n in range(guests)]
    await asyncio.gather(*(one.live() for one in found))
    return found


async def one_round(guests: list[Guest], number: int, per_s: float) -> list[float]:
    async def later(n: int, guest: Guest) -> float:
        await asyncio.sleep(n / per_s)
        return await guest.say(f"said in round {number}")

    return list(await asyncio.gather(*(later(n, guest) for n, guest in enumerate(guests))))


def percentile(figures: list[float], share: float) -> float:
    return sorted(figures)[min(len(figures) - 1, int(len(figures) * share))] * 1000.0


async def measure(folder: Path, guests: int, rounds: int, per_s: float) -> dict[str, float]:
    crms = Crms()
    await crms.open()
    with ExitStack() as stack:
        base = start(stack, "emulate", "--port", "0", "--no-limits", "--agent", "silent")
        urls = {}
        for name in SIDES:
            (folder / name).mkdir()
            text = COMMON.format(
                journal=folder / name, base=base[4:], deployment=DEFAULT_DEPLOYMENT_ID
            )
            file = folder / f"{name}.toml"
            file.write_text(text + (BAD.format(**crms.ports) if name == "with" else ""))
            urls[name] = start(stack, "serve", "-c", str(file))
        client = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        sides = {name: await settle(url, guests, client) for name, url in urls.items()}
        took: dict[str, list[list[float]]] = {name: [] for name in SIDES}
        for number in range(rounds + 1):
            for turn in range(len(SIDES)):
                name = SIDES[(number + turn) % len(SIDES)]
                took[name].append(await one_round(sides[name], number, per_s))
        await client.close()
    found: dict[str, float] = {"messages": rounds * guests}
    for share in (50, 99):
        rows = {
            name: [percentile(one, share / 100) for one in took[name][1:]] for name in SIDES
        }  # the first warms up
        everything = {name: [figure for one in took[name][1:] for figure in one] for name in SIDES}
        found |= {
            f"p{share}_ms_{name}": percentile(everything[name], share / 100) for name in SIDES
        }
        for name in ("with", "twin"):
            found[f"p{share}_ratio_{name}"] = median(
                a / b for a, b in zip(rows[name], rows["without"], strict=True)
            )
    return {**found, **{f"calls_{name}": n for name, n in crms.came.items()}}


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--guests", type=int, default=200)
    options.add_argument("--rounds", type=int, default=10)
    options.add_argument("--per-second", type=float, default=200.0)
    options.add_argument("--json", action="store_true")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="guestd-bench-") as folder:
        found = asyncio.run(measure(Path(folder), chosen.guests, chosen.rounds, chosen.per_second))
    if chosen.json:
        print(json.dumps(found, indent=2))
        return
    print(
        f"{found['messages']:.0f} messages a side, {chosen.per_second:g} a second, {chosen.guests}"
        " guests"
    )
    for share in (50, 99):
        for name, words in (("with", "with three bad CRMs"), ("twin", "twin without any")):
            figures = (
                found[f"p{share}_ms_without"],
                found[f"p{share}_ms_{name}"],
                found[f"p{share}_ratio_{name}"],
            )
            print(
                f"p{share}: {figures[0]:.1f} ms without CRMs, {figures[1]:.1f} ms {words}, ratio"
                f" {figures[2]:.2f}"
            )
    words = ", ".join(
        f"{name} {found[f'calls_{name}']:.0f}" for name in ("hangs", "fails", "forbidden")
    )
    print(f"connections to the CRMs: {words}")


if __name__ == "__main__":
    main()
