"""Names to addresses, once for all the sessions that dial the same host at the same time.

`localhost`, `*.localhost` and `*.test` are local by definition (RFC 6761) and never asked of DNS:
an emulator under a made-up name needs no entry anywhere.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket

HOSTS_KEPT_MAX = 64


def is_local_name(host: str) -> bool:
    name = host.rstrip(".").lower()
    return name == "localhost" or name.endswith((".localhost", ".test"))


def is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


class Resolver:
    """Answers live `ttl_s`; callers who ask meanwhile share one question."""

    def __init__(self, loop: asyncio.AbstractEventLoop, ttl_s: float) -> None:
        self._loop = loop
        self._ttl_s = ttl_s
        self._known: dict[tuple[str, int], tuple[float, list[str]]] = {}
        self._asking: dict[tuple[str, int], asyncio.Task[list[str]]] = {}

    async def addresses(self, host: str, port: int) -> list[str]:
        """In the order to try them. Raises socket.gaierror."""
        if is_address(host):
            return [host]
        if is_local_name(host):
            return ["127.0.0.1", "::1"]
        key = (host, port)
        known = self._known.get(key)
        if known is not None and known[0] > self._loop.time():
            return known[1]
        task = self._asking.get(key)
        if task is None:
            task = self._asking[key] = self._loop.create_task(self._ask(key), name="resolve")
            task.add_done_callback(lambda done: self._answered(key, done))
        return await asyncio.shield(task)

    async def _ask(self, key: tuple[str, int]) -> list[str]:
        found = await self._loop.getaddrinfo(
            *key, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP
        )
        addresses = list(dict.fromkeys(str(info[4][0]) for info in found))
        if len(self._known) >= HOSTS_KEPT_MAX:
            self._known.clear()
        self._known[key] = (self._loop.time() + self._ttl_s, addresses)
        return addresses

    def _answered(self, key: tuple[str, int], task: asyncio.Task[list[str]]) -> None:
        self._asking.pop(key, None)
        if not task.cancelled():
            task.exception()  # taken, so that a question nobody waits for any more is not a warning
