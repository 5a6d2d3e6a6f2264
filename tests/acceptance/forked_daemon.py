"""The real process, started and killed many times on one port."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from tests.patience import PATIENCE_S

from .forked_program import ForkedProgram


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

    def __init__(self, log: Path, start: Callable[..., ForkedProgram]) -> None:
        self.log = log
        self._start = start
        self._children: list[ForkedProgram] = []

    def __call__(self, *arguments: str) -> int:
        self._children = [one for one in self._children if one.poll() is None]
        with self.log.open("a") as log:
            self._children.append(self._start(arguments, stdout=log, stderr=log))
        return self._children[-1].pid

    def end(self) -> None:
        for one in self._children:
            one.kill()
            one.wait(60.0)
