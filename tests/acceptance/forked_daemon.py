"""The real process, started and killed many times on one port."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from tests.patience import PATIENCE_S

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def is_alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


async def until(condition, timeout_s: float = PATIENCE_S) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.01)


async def listening(port: int, pid: int) -> None:
    async with asyncio.timeout(120.0):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                assert is_alive(pid), "the daemon ended by itself"
                await asyncio.sleep(0.01)
            else:
                writer.close()
                return


class DaemonForker:
    """Called with the arguments of `guestd`, it runs that in no time and gives the pid. All of
    them write into one log."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self._last = 0
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("fork_server.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={
                **os.environ,
                "ZYGOTE_LOG": str(log),
                "PYTHONPATH": f"{ROOT / 'daemon'}{os.pathsep}{ROOT}",
            },
        )

    def __call__(self, *arguments: str) -> int:
        self._process.stdin.write(json.dumps(arguments) + "\n")
        self._process.stdin.flush()
        self._last = int(self._process.stdout.readline())
        return self._last

    def end(self) -> None:
        if self._last and is_alive(self._last):
            os.kill(self._last, signal.SIGKILL)
        self._process.stdin.close()
        self._process.wait(10.0)
        self._process.stdout.close()
