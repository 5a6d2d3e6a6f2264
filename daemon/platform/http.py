"""The one way to call the platform's REST side: where names lead, what is trusted, how much is read, what errors mean."""

from __future__ import annotations

import json
import socket
import ssl
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from ..model.errors import ConfigError, PlatformError, PlatformRefused, PlatformUnavailable

ANSWER_BYTES_MAX = 8 * 1024 * 1024


@dataclass(slots=True, frozen=True)
class HttpSettings:
    timeout_s: float = 15.0
    ca_file: str | None = None
    proxy_url: str | None = None
    connect_to: tuple[str, int] | None = None
    origin: str = ""


class _LocalResolver(AbstractResolver):
    """Names that are local by definition (RFC 6761) lead to loopback; `connect_to` leads everything to one place."""

    def __init__(self, connect_to: tuple[str, int] | None) -> None:
        self._connect_to = connect_to
        self._inner = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        if self._connect_to is not None:
            found = await self._inner.resolve(self._connect_to[0], self._connect_to[1], family)
        elif host == "localhost" or host.endswith((".localhost", ".test")):
            found = await self._inner.resolve("127.0.0.1", port, family)
        else:
            return await self._inner.resolve(host, port, family)
        return [ResolveResult({**one, "hostname": host}) for one in found]

    async def close(self) -> None:
        await self._inner.close()


class Http:
    """GETs JSON objects. `close` it at the end. Raises ConfigError at once for a CA file that cannot be used."""

    def __init__(self, settings: HttpSettings) -> None:
        self._settings = settings
        try:
            context = ssl.create_default_context(cafile=settings.ca_file)
        except (OSError, ssl.SSLError) as error:
            reason = getattr(error, "strerror", None) or "not PEM"
            raise ConfigError(
                "platform.ca_file", f"{settings.ca_file} cannot be used: {reason}", "name a PEM file"
            ) from None
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._tls = context
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def get_object(self, url: str, headers: dict[str, str] | None = None, **query: str | int) -> dict[str, Any]:
        """Raises PlatformUnavailable (try again) or PlatformRefused (do not)."""
        more = {"Origin": self._settings.origin} if self._settings.origin else {}
        try:
            async with self._client().get(
                url,
                params=query,
                headers={**more, **(headers or {})},
                proxy=self._settings.proxy_url,
                allow_redirects=False,
            ) as answer:
                body = await answer.content.read(ANSWER_BYTES_MAX + 1)
                if answer.status != 200:
                    raise _refusal(answer, body)
                return _parse(body)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _translated(error) from error

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(
                ssl=self._tls, resolver=_LocalResolver(self._settings.connect_to), limit=32, use_dns_cache=True
            )
            timeout = aiohttp.ClientTimeout(total=self._settings.timeout_s)
            self._session = aiohttp.ClientSession(connector=connector, timeout=timeout, trust_env=False)
        return self._session


def _parse(body: bytes) -> dict[str, Any]:
    if len(body) > ANSWER_BYTES_MAX:
        raise PlatformUnavailable(f"the platform's answer is longer than {ANSWER_BYTES_MAX} bytes")
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise PlatformUnavailable("the platform's answer is not JSON") from None
    if not isinstance(found, dict):
        raise PlatformUnavailable("the platform's answer is no JSON object")
    return found


def _refusal(answer: aiohttp.ClientResponse, body: bytes) -> PlatformError:
    try:
        found = json.loads(body[:65_536])
    except (ValueError, RecursionError):
        found = None
    found = found if isinstance(found, dict) else {}
    status = answer.status
    kind = PlatformUnavailable if status in (408, 429) or status >= 500 else PlatformRefused
    return kind(
        f"the platform answered {status} {str(found.get('message') or answer.reason or '')[:200]}".strip(),
        status=status,
        platform_code=str(found.get("code") or "")[:100],
        correlation_id=answer.headers.get("ININ-Correlation-Id", "")[:100],
        retry_after_s=_retry_after_s(answer.headers.get("Retry-After"), answer.headers.get("Date")),
    )


def _retry_after_s(value: str | None, date: str | None) -> float | None:
    """Seconds, or an HTTP date measured against the server's own clock (HTTP-1)."""
    if value is None:
        return None
    if value.strip().isdigit():
        return float(min(int(value), 86_400))
    try:
        until = parsedate_to_datetime(value)
        return max(0.0, (until - parsedate_to_datetime(date or "")).total_seconds())
    except (ValueError, TypeError):
        return None


def _translated(error: Exception) -> PlatformError:
    """Every foreign exception of a call, and what it means."""
    match error:
        case aiohttp.ClientConnectorCertificateError() | ssl.SSLCertVerificationError():
            return PlatformRefused(
                "the platform's certificate was refused; name the CA that signed it in platform.ca_file, or check the host",
                platform_code="certificate",
            )
        case TimeoutError():
            return PlatformUnavailable("the platform did not answer in time", platform_code="timeout")
        case aiohttp.ClientHttpProxyError():
            return PlatformUnavailable(f"the proxy answered {error.status}", platform_code="proxy")
        case aiohttp.ClientConnectorError():
            return PlatformUnavailable(
                f"{error.host} cannot be reached: {_why(error.os_error)}; check platform.region and the way there"
                " (network, platform.proxy_url)",
                platform_code="unreachable",
            )
        case _:
            return PlatformUnavailable(f"the connection broke: {type(error).__name__}", platform_code="broken")


def _why(error: OSError) -> str:
    return "the name cannot be resolved" if isinstance(error, socket.gaierror) else (error.strerror or "no connection")
