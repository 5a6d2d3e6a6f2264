"""The resolver as aiohttp's connector wants it: what it returns is exactly what is connected to."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Sequence

from aiohttp.abc import AbstractResolver, ResolveResult

#: Host, port → addresses. Raises OSError.
Lookup = Callable[[str, int], Awaitable[list[str]]]

#: Host, its addresses; raises whatever refuses the connection.
AddressCheck = Callable[[str, Sequence[str]], None]


class ConnectorResolver(AbstractResolver):
    """`connect_to` leads every name to one place. `check` sees the addresses of each new connection
    after they were resolved and before anything is sent (the SSRF rule is such a check)."""

    def __init__(
        self,
        lookup: Lookup,
        connect_to: tuple[str, int] | None = None,
        check: AddressCheck | None = None,
    ) -> None:
        self._lookup = lookup
        self._connect_to = connect_to
        self._check = check

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        wanted, port = self._connect_to or (host, port)
        addresses = await self._lookup(wanted, port)
        if self._check is not None:
            self._check(host, addresses)
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address in addresses
        ]

    async def close(self) -> None:
        return
