"""The one way to call the platform's REST side: where names lead, what is trusted, how much is
read, what failures mean."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode, urlsplit

import aiohttp
from yarl import URL

from ..model.errors import (
    ASK_AGAIN,
    ASK_FOR_LESS,
    PlatformError,
    PlatformRefused,
    PlatformUnavailable,
)
from ..model.proxy import proxy_of
from ..runtime.connector_resolver import ConnectorResolver
from ..runtime.no_resending import no_resending
from ..runtime.resolver import Resolver
from ..runtime.system_errors import in_words
from ..runtime.tls import connector_tls, tls_failure
from ..session.settings import HistorySettings
from .answers import HttpReply, correlation_id_of, object_of, refusal
from .inflate import ACCEPTED, Body, TooLong
from .settings import PlatformSettings, RestSettings


class Http:
    """One pooled session. `close` it at the end. Raises ConfigError at once for a CA file or a
    proxy URL that cannot be used."""

    def __init__(
        self,
        platform: PlatformSettings | None = None,
        rest: RestSettings | None = None,
        history: HistorySettings | None = None,
    ) -> None:
        """`history` has the time limit of `get_object`."""
        self._platform = platform = platform or PlatformSettings()
        self._rest = rest or RestSettings()
        self._get_timeout_s = (history or HistorySettings()).timeout_s
        self._tls = connector_tls(platform.ca_file, "platform.ca_file")
        self._proxy = proxy_of(platform.proxy_url) if platform.proxy_url else None
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def get_object(
        self, url: str, headers: dict[str, str] | None = None, **query: str | int
    ) -> dict[str, Any]:
        """GET a JSON object, once. Raises PlatformUnavailable (try again) or PlatformRefused (do
        not)."""
        target = f"{url}?{urlencode(query)}" if query else url
        bearer = (headers or {}).get("Authorization", "").rpartition(" ")[2]
        reply = await self.send(
            "GET", target, headers or {}, timeout_s=self._get_timeout_s, secrets=(bearer,)
        )
        if reply.status != 200:
            raise refusal(reply, secrets=(bearer,))
        return object_of(reply, remedy=ASK_AGAIN)

    async def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None = None,
        *,
        timeout_s: float,
        secrets: tuple[str, ...] = (),
    ) -> HttpReply:
        """One request, one answer, whatever its status; `timeout_s` is for all of it. `url` is
        quoted already. `secrets` are not shown where the platform repeats them.

        Raises PlatformUnavailable, whose `acted` says whether the request may have reached the
        platform, or PlatformRefused for a certificate we do not trust."""
        own = {"Origin": self._platform.origin} if self._platform.origin else {}
        trace = SimpleNamespace(sent=False)
        for_proxy = self._proxy.headers() if self._proxy is not None else {}
        if url.startswith("http:"):
            own |= for_proxy  # the proxy itself reads this request; there is no CONNECT before it
        try:
            async with self._client().request(
                method,
                URL(url, encoded=True),
                data=body,
                headers={"Accept-Encoding": ACCEPTED, **own, **headers},
                proxy=self._proxy.url if self._proxy is not None else None,
                proxy_headers=for_proxy,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=timeout_s),
                trace_request_ctx=trace,
            ) as answer:
                return HttpReply(
                    answer.status,
                    {name.lower(): value for name, value in answer.headers.items()},
                    await self._read(answer, secrets),
                    secrets,
                )
        except (
            aiohttp.ClientError,
            TimeoutError,
            OSError,
            ValueError,
        ) as error:  # ValueError: no header or URL at all
            emulator = self._platform.emulator
            if isinstance(error, aiohttp.ClientConnectorError) and emulator is not None:
                raise emulator_is_silent(emulator) from None
            # a foreign error may carry our headers, and they a token
            raise _translated(error, trace.sent) from None

    async def _read(self, answer: aiohttp.ClientResponse, secrets: tuple[str, ...]) -> bytes:
        """Its body; of a refusal that cannot be read none, for its status says enough."""
        try:
            body = Body(answer.headers.get("Content-Encoding", ""), self._rest.answer_bytes_max)
            async for piece in answer.content.iter_any():
                body.take(piece)
            return body.whole()
        except (TooLong, ValueError, aiohttp.ClientError, TimeoutError) as error:
            answer.close()
            if answer.status >= 300:
                return b""
            unreadable = self._unreadable(answer.status, error)
            header = answer.headers.get("ININ-Correlation-Id", "")
            unreadable.correlation_id = correlation_id_of(header, secrets)
            raise unreadable from None

    def _unreadable(self, status: int, error: Exception) -> PlatformError:
        """The error of a success whose body cannot be read."""
        remedy = _PATIENCE
        match error:
            case TooLong():
                problem = f"is longer than {self._rest.answer_bytes_max} bytes"
                cause, remedy = "too_long", ASK_FOR_LESS
            case TimeoutError():
                problem, cause = "did not come to its end in time", "timeout"
            case aiohttp.ClientError():
                problem, cause = f"broke off: {in_words(error)}", "broken"
            case _:
                problem, cause, remedy = f"has {error}", "malformed", ""
        return PlatformUnavailable(
            f"the platform's answer {problem}",
            status=status,
            cause=cause,
            remedy=remedy,
            acted=True,
        )

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(
                ssl=self._tls,
                resolver=ConnectorResolver(
                    Resolver(local_names=True), self._platform.fixed_address
                ),
                limit=self._rest.connections_max,
                use_dns_cache=True,
            )
            tracing = aiohttp.TraceConfig()
            tracing.on_request_headers_sent.append(_note_sent)
            # What a server sets as a cookie for one call must not go along with another guest's.
            self._session = aiohttp.ClientSession(
                connector=connector,
                trust_env=False,
                trace_configs=[tracing],
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                middlewares=(no_resending,),
            )
        return self._session


async def _note_sent(
    _session: aiohttp.ClientSession, context: SimpleNamespace, _params: object
) -> None:
    context.trace_request_ctx.sent = True


_PATIENCE = "try again later; if it stays, check the way there (network, platform.proxy_url)"


def emulator_is_silent(url: str) -> PlatformUnavailable:
    """Nothing listens where the emulator is said to be."""
    port = urlsplit(url).port
    start = f"guestd emulate --port {port}" if port is not None else "guestd emulate"
    return PlatformUnavailable(
        f"nothing answers at {url}", cause="unreachable", remedy=f"start one: {start}"
    )


def _translated(error: Exception, sent: bool) -> PlatformError:
    """Every foreign exception of a call, and what it means. `sent`: the request had begun to leave
    us."""
    match error:
        case aiohttp.ClientConnectorCertificateError() | ssl.SSLCertVerificationError():
            return PlatformRefused(
                "the platform's certificate was refused",
                cause="certificate",
                remedy="name the CA that signed it in platform.ca_file, or check the host",
            )
        case aiohttp.ClientConnectorSSLError():
            return PlatformUnavailable(
                f"{error.host}:{error.port}: {tls_failure(error.os_error)}",
                cause="unreachable",
                remedy="check platform.region and platform.api_url",
            )
        case TimeoutError():
            message = (
                "the platform did not answer in time"
                if sent
                else "the platform could not be reached in time"
            )
            return PlatformUnavailable(message, cause="timeout", remedy=_PATIENCE, acted=sent)
        case aiohttp.ClientHttpProxyError():
            return PlatformUnavailable(
                f"the proxy answered {error.status}",
                cause="proxy",
                remedy="check platform.proxy_url",
            )
        case aiohttp.ClientConnectorError():
            return PlatformUnavailable(
                f"{error.host} cannot be reached: {in_words(error)}",
                cause="unreachable",
                remedy="check platform.region and the way there (network, platform.proxy_url)",
            )
        case _:
            return PlatformUnavailable(
                f"the connection broke: {in_words(error)}",
                cause="broken",
                remedy=_PATIENCE,
                acted=sent,
            )
