"""One attempt to deliver one webhook: checked by the SSRF guard, within its time, signed; the
outcome in words.

The resolver is this client's own, with threads of its own (`runtime/resolver.py`): a hanging name
server must delay neither the dials to the platform nor the disk. The addresses are checked where
the connection is made, for each connection anew."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass, field

import aiohttp
from yarl import URL

from .. import __version__
from ..model.records import DeliveryRecord
from ..policy.retry_after import retry_after_s
from ..runtime.connector_resolver import ConnectorResolver, Lookup
from ..runtime.resolver import Resolver
from ..runtime.system_errors import in_words
from ..runtime.tls import connector_tls
from .signing import signature
from .ssrf_guard import Endpoint, SsrfGuard, SsrfRefused

RETRY_AFTER_S_MAX = 3600.0

#: How long a name that failed is not asked again, in seconds.
ERROR_TTL_S = 2.0

#: What of an answer's body is read so that its connection can be used again; it is not interpreted.
ANSWER_BYTES_MAX = 16_384

#: How long the body may take after its head, in seconds: longer would hold up the lane, a new
#: connection costs less.
BODY_WAIT_S = 0.25


@dataclass(slots=True, frozen=True)
class DeliveryTarget:
    """Where one delivery goes, as its target says."""

    url: str = field(repr=False)
    secrets: tuple[bytes, ...] = field(repr=False)
    time_out_s: float
    guard: SsrfGuard


@dataclass(slots=True, frozen=True)
class DeliveryOutcome:
    """`reason` "": delivered. `final`: no further try will fare better. `host_failed`: the host's
    fault, not the delivery's; `reached`: it answered, whatever it said; `status`: of an answer that
    took nothing."""

    reason: str = ""
    final: bool = False
    host_failed: bool = False
    reached: bool = False
    retry_after_s: float | None = None
    status: int | None = None


class DeliveryClient:
    """Connections are kept for each guard, so that what one target may open no other can use.
    `close` it at the end."""

    def __init__(self, ca_file: str | None = None, lookup: Lookup | None = None) -> None:
        self._resolver = Resolver(error_ttl_s=ERROR_TTL_S)
        self._lookup = lookup or self._resolver
        self._tls = connector_tls(ca_file, "webhooks.ca_file")
        self._clients: dict[SsrfGuard, aiohttp.ClientSession] = {}

    async def close(self) -> None:
        for client in self._clients.values():
            await client.close()
        self._clients.clear()
        self._resolver.close()

    async def deliver(
        self, record: DeliveryRecord, to: DeliveryTarget, at_s: int
    ) -> DeliveryOutcome:
        """Never raises, except cancellation."""
        try:
            endpoint = to.guard.endpoint(to.url)
            url = _as_checked(to.url, endpoint)
        except SsrfRefused as error:
            return DeliveryOutcome(f"refused: {error}", final=True)
        try:
            async with asyncio.timeout(to.time_out_s):
                answer = await self._post(record, to, url, at_s)
        except TimeoutError:
            return DeliveryOutcome(f"no answer within {to.time_out_s:g} s", host_failed=True)
        except SsrfRefused as error:
            return DeliveryOutcome(f"refused: {error}", host_failed=True)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return DeliveryOutcome(_why(error), host_failed=True)
        await _let_go(answer)
        return _outcome(answer, at_s)

    async def _post(
        self, record: DeliveryRecord, to: DeliveryTarget, url: URL, at_s: int
    ) -> aiohttp.ClientResponse:
        """The answer as soon as its head is there: the status line is the outcome (RFC 9110
        §15)."""
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"guestd/{__version__}",
            "Guestd-Event-Id": record.delivery_id,
            "Guestd-Event": record.event,
            "Guestd-Attempt": str(record.attempts + 1),
        }
        if to.secrets:
            headers["Guestd-Signature"] = signature(record.body, to.secrets, at_s)
        return await self._client(to.guard).post(
            url, data=record.body, headers=headers, allow_redirects=False
        )

    def _client(self, guard: SsrfGuard) -> aiohttp.ClientSession:
        client = self._clients.get(guard)
        if client is None:
            connector = aiohttp.TCPConnector(
                ssl=self._tls,
                resolver=ConnectorResolver(self._lookup, check=guard.check),
                use_dns_cache=False,
                limit=0,
            )
            client = self._clients[guard] = aiohttp.ClientSession(
                connector=connector,
                timeout=aiohttp.ClientTimeout(total=None),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                auto_decompress=False,
            )
        return client


def _as_checked(text: str, endpoint: Endpoint) -> URL:
    """The URL as the client reads it; it must name the very host that the guard has read."""
    url = URL(text)
    if (url.raw_host or "", url.port, url.scheme) != (
        endpoint.host,
        endpoint.port,
        endpoint.scheme,
    ):
        raise SsrfRefused("the URL can be read in two ways", "write https://HOST/PATH")
    return url


async def _let_go(answer: aiohttp.ClientResponse) -> None:
    """Keep the connection if the body is short and ends soon, else drop both."""
    try:
        async with asyncio.timeout(BODY_WAIT_S):
            size = 0
            while not answer.content.at_eof() and size <= ANSWER_BYTES_MAX:
                size += len(await answer.content.readany())
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
        pass  # a broken body changes nothing
    finally:
        if answer.content.at_eof() and answer.content.exception() is None:
            answer.release()
        else:
            answer.close()


def _outcome(answer: aiohttp.ClientResponse, now_epoch_s: int) -> DeliveryOutcome:
    status = answer.status
    if 200 <= status < 300:
        return DeliveryOutcome(reached=True)
    if 300 <= status < 400:
        return DeliveryOutcome(
            f"answered {status}: redirects are not followed; write the final URL",
            reached=True,
            status=status,
        )
    asked, date = answer.headers.get("Retry-After"), answer.headers.get("Date")
    return DeliveryOutcome(
        f"answered {status}",
        final=status == 410,
        host_failed=status >= 500 or status in (408, 429),
        reached=True,
        retry_after_s=retry_after_s(asked, date, float(now_epoch_s), RETRY_AFTER_S_MAX),
        status=status,
    )


def _why(error: Exception) -> str:
    match error:
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError():
            return "its certificate was refused"
        case socket.gaierror() | aiohttp.ClientConnectorDNSError():
            return "its name cannot be resolved"
        case aiohttp.ClientConnectorError():
            return f"cannot be reached: {in_words(error)}"
        case _:
            return f"the connection broke: {in_words(error)}"
