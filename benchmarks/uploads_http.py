"""What files cost that come in by HTTP: POST to a real `guestd serve`, its spool, the presigned
PUT, all the way to the echo.

    .venv/bin/python benchmarks/uploads_http.py [--gib 2] [--files 100] [--megabytes 10]

Asker, daemon and emulator are three processes; of the daemon's memory and its heartbeats is told
what the kernel and the emulator saw. The large file is sent twice: as a raw stream, then as a
multipart form."""

from __future__ import annotations

import argparse
import asyncio
import re
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import aiohttp

from guestd.emulator import DEFAULT_DEPLOYMENT_ID

MIB = 1024 * 1024
PIECE = bytes(range(256)) * (MIB // 256)
# the least that the configuration allows; every other heartbeat is an echo, which the emulator
# notes
INTERVAL_S = 16.0
CONFIG = f"""
simulator.port = 0
log.level = "warning"
journal.directory = "{{folder}}/journal"
platform = {{{{guest_socket_url = "ws{{base}}", deployment_id = "{DEFAULT_DEPLOYMENT_ID}"}}}}
heartbeat.interval_s = {INTERVAL_S}
attachments = {{{{file_bytes_max = {8192 * MIB}, spool_bytes_max = {16384 * MIB}}}}}
"""


class Memory:
    """The daemon's, looked at every twenty milliseconds; in bytes."""

    def __init__(self, pid: int) -> None:
        self._status = Path(f"/proc/{pid}/status")

    def now(self) -> int:
        return int(re.search(r"VmRSS:\s+(\d+)", self._status.read_text())[1]) * 1024  # type: ignore[index]

    async def __aenter__(self) -> Memory:
        self.before = self.most = self.now()
        self._task = asyncio.ensure_future(self._look())
        return self

    async def __aexit__(self, *error: object) -> None:
        self._task.cancel()

    async def _look(self) -> None:
        while True:
            self.most = max(self.most, self.now())
            await asyncio.sleep(0.02)

    def __str__(self) -> str:
        return (
            f"grew by {(self.most - self.before) / MIB:.1f} MiB at most, from"
            f" {self.before / MIB:.0f}"
        )


async def pieces(size: int) -> AsyncIterator[bytes]:
    for start in range(0, size, MIB):
        yield PIECE[: min(MIB, size - start)]


async def send(client: aiohttp.ClientSession, guest: str, key: str, size: int, form: bool) -> float:
    """Seconds until the daemon has its own copy; then waits until the platform has confirmed the
    message."""
    began = time.perf_counter()
    headers, path = {"Idempotency-Key": key}, f"/v1/sessions/{guest}/attachments"
    if form:
        writer = aiohttp.MultipartWriter("form-data")
        part = writer.append(pieces(size), {"Content-Type": "application/octet-stream"})  # type: ignore[arg-type]
        part.set_content_disposition("form-data", name="file", filename="a.bin")
        request = client.post(path, data=writer, headers=headers)
    else:
        headers["Content-Type"] = "application/octet-stream"
        request = client.post(
            path, data=pieces(size), headers=headers, params={"filename": "a.bin"}
        )
    async with request as answer:
        assert answer.status == 202, await answer.text()
    spooled_s = time.perf_counter() - began
    while True:
        async with client.get(f"/v1/sessions/{guest}/commands/{key}") as answer:
            found = await answer.json(content_type=None)
        if found["status"] not in ("accepted", "sent"):
            assert found["status"] == "confirmed", found
            return spooled_s
        await asyncio.sleep(0.1)


async def open_guests(client: aiohttp.ClientSession, names: list[str]) -> None:
    for name in names:
        async with client.post("/v1/sessions", json={"name": name}) as answer:
            assert answer.status < 300, await answer.text()
    for name in names:
        while True:
            async with client.get(f"/v1/sessions/{name}") as answer:
                if (await answer.json(content_type=None))["state"] == "live":
                    break
            await asyncio.sleep(0.02)


async def heartbeats(base: str) -> tuple[int, float]:
    """How many the emulator saw, and the longest pause between two of one guest, in seconds."""
    async with (
        aiohttp.ClientSession(base) as client,
        client.get("/__emulator/journal?limit=100000") as answer,
    ):
        entries = (await answer.json())["entries"]
    beats = defaultdict(list)
    for entry in entries:
        if re.search(r'"action": ?"echo"', entry["text"]):
            beats[entry["token"]].append(entry["at"])
    gaps = [after - before for times in beats.values() for before, after in pairwise(times)]
    return sum(map(len, beats.values())), max(gaps, default=0.0)


async def measure(url: str, base: str, pid: int, gib: float, files: int, megabytes: int) -> None:
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(
        url, timeout=timeout, connector=aiohttp.TCPConnector(limit=0)
    ) as client:
        await open_guests(client, ["large"])
        await send(client, "large", "warm-raw", MIB, form=False)
        await send(client, "large", "warm-form", MIB, form=True)
        for key, form in (("raw", False), ("form", True)):
            began = time.perf_counter()
            async with Memory(pid) as memory:
                spooled_s = await send(client, "large", key, int(gib * 1024) * MIB, form)
            took_s = time.perf_counter() - began
            print(
                f"{gib:g} GiB by {key}: {memory}; {spooled_s:.1f} s to spool,"
                f" {took_s - spooled_s:.1f} s to upload"
            )
        names = [f"g{n}" for n in range(files)]
        await open_guests(client, names)
        began = time.perf_counter()
        async with Memory(pid) as memory:
            await asyncio.gather(
                *(
                    send(client, one, f"file-{one}", megabytes * 1_000_000, form=False)
                    for one in names
                )
            )
        took_s = time.perf_counter() - began
        print(f"{files} files of {megabytes} MB at once: {took_s:.1f} s; {memory}")
        await asyncio.sleep(max(0.0, 3 * INTERVAL_S - took_s))
        count, longest_s = await heartbeats(base)
        print(
            f"echoes seen by the emulator: {count}; the longest pause of a guest {longest_s:.1f} s"
            f" (due: {2 * INTERVAL_S:g})"
        )
        async with client.get("/metrics") as answer:
            reported = re.findall(
                r"^guestd_(\S*(?:lost|reconnects)\S*) (\S+)$", await answer.text(), re.MULTILINE
            )
        print(f"connections and heartbeats lost: {sum(float(count) for _, count in reported):.0f}")


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--gib", type=float, default=2.0)
    options.add_argument("--files", type=int, default=100)
    options.add_argument("--megabytes", type=int, default=10)
    chosen = options.parse_args()
    other = Path(__file__).with_name("uploads.py")
    with tempfile.TemporaryDirectory(prefix="guestd-bench-") as folder:
        platform = subprocess.Popen(
            [sys.executable, str(other), "--platform"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert platform.stdin is not None and platform.stdout is not None
        base = platform.stdout.readline().strip()
        (Path(folder) / "journal").mkdir()
        config = Path(folder) / "guestd.toml"
        config.write_text(CONFIG.format(folder=folder, base=base[4:]))
        daemon = subprocess.Popen(
            [sys.executable, "-m", "guestd", "serve", "-c", str(config)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert daemon.stdout is not None
        try:
            url = daemon.stdout.readline().strip().removeprefix("ready ")
            asyncio.run(measure(url, base, daemon.pid, chosen.gib, chosen.files, chosen.megabytes))
        finally:
            daemon.kill()
            daemon.wait()
            platform.stdin.close()
            platform.wait(30)


if __name__ == "__main__":
    main()
