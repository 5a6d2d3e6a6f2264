"""Passes requests on to the admin API of an emulator (the `EmulatorAdmin` port)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import aiohttp
from yarl import URL

from ..model.emulator_admin import AdminAnswer
from ..model.errors import PlatformUnavailable
from ..runtime.system_errors import in_words
from ..runtime.tls import connector_tls

CONNECT_TIMEOUT_S = 5.0

#: Between two pieces of an answer; a stream beats more often.
SILENCE_MAX_S = 45.0

ANSWERED = ("Content-Type", "Cache-Control", "Allow", "X-Guestd-Emulator")


class EmulatorForwarder:
    """`close` it at the end. Raises ConfigError for a CA file that cannot be used."""

    def __init__(self, url: str, ca_file: str | None) -> None:
        self._url = url.rstrip("/")
        self._tls = connector_tls(ca_file, "platform.ca_file") if url.startswith("https") else True
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    @asynccontextmanager
    async def ask(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> AsyncIterator[AdminAnswer]:
        timeout = aiohttp.ClientTimeout(connect=CONNECT_TIMEOUT_S, sock_read=SILENCE_MAX_S)
        url = URL(f"{self._url}{target}", encoded=True)
        try:
            async with self._client().request(
                method,
                url,
                data=body or None,
                headers=headers,
                allow_redirects=False,
                timeout=timeout,
            ) as found:
                given = {name: found.headers[name] for name in ANSWERED if name in found.headers}
                yield AdminAnswer(found.status, given, found.content.iter_any())
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise PlatformUnavailable(
                f"the emulator at {self._url} does not answer: {in_words(error)}"
            ) from None

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(ssl=self._tls, limit=0)
            self._session = aiohttp.ClientSession(connector=connector, trust_env=False)
        return self._session
