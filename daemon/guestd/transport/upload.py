"""A file's way to the platform's storage: one PUT to a presigned URL, streamed from the disk.

The URL is signed, so it is used byte for byte as received; every header that came with it is sent,
and of our own only what HTTP needs. Anyone who knows the URL can write there, so neither it nor its
query appears in any error.

Memory does not grow with the file: one chunk is in our hands, one in the socket's. All uploads
together send a bounded number of chunks per turn of the loop, so that a hundred files at once delay
no message. There is no time limit on the whole, because the time that a large file takes is not
known; there is one on a stall."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from ..model.errors import PlatformError, PlatformRefused, PlatformUnavailable
from ..model.file_spool import CopyOpener, CopyReader
from ..model.foreign import UPLOAD_HEADERS_CHARS_MAX, UPLOAD_HEADERS_MAX, UPLOAD_URL_CHARS_MAX
from ..model.outbound_route import OutboundRoute
from ..model.proxy import proxy_of
from ..runtime.connector_resolver import ConnectorResolver
from ..runtime.no_resending import no_resending
from ..runtime.resolver import Resolver
from ..runtime.system_errors import in_words
from ..runtime.tls import connector_tls, tls_failure
from ..session.settings import AttachmentSettings
from .settings import TransportSettings
from .storage_answer import BYTES_MAX, storage_refusal

CHUNKS_PER_TURN = 8
#: How long the words of a refusal may take; its status is known by then.
BODY_TIMEOUT_S = 5.0

#: Headers that speak of the connection and not of the file: never taken from a platform's answer.
_OURS = frozenset({"host", "content-length", "transfer-encoding", "connection", "expect"})


_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


class FileUploader:
    """The Uploader port over aiohttp. Raises ConfigError at once for a CA file or proxy URL of no
    use. `close` it at the end."""

    def __init__(
        self,
        open_copy: CopyOpener,
        attachments: AttachmentSettings | None = None,
        transport: TransportSettings | None = None,
        route: OutboundRoute | None = None,
        *,
        secure_only: bool = False,
    ) -> None:
        """`secure_only`: a platform reached by TLS may not send our files over plain HTTP."""
        self._attachments = attachments or AttachmentSettings()
        self._dns_ttl_s = (transport or TransportSettings()).dns_ttl_s
        self._route = route = route or OutboundRoute()
        self._secure_only = secure_only
        self._tls = connector_tls(route.ca_file, "platform.ca_file")
        self._proxy = proxy_of(route.proxy_url) if route.proxy_url else None
        self._session: aiohttp.ClientSession | None = None
        self._turns: _FairTurns | None = None
        self._open_copy = open_copy

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def put(
        self, url: str, headers: Mapping[str, str], content_type: str, path: str, size_bytes: int
    ) -> None:
        """SOCK-6. Raises PlatformRefused or PlatformUnavailable (`status` if there was an answer),
        SpoolError."""
        self._turns = self._turns or _FairTurns(asyncio.get_running_loop())
        try:
            self._check_url(url)
            plain = _headers(headers, content_type, size_bytes)
            copy = await self._open_copy(path, size_bytes)
            try:
                await self._put(URL(url, encoded=True), plain, copy)
            finally:
                copy.close()
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise _translated(error) from None

    def _check_url(self, url: str) -> None:
        if len(url) > UPLOAD_URL_CHARS_MAX:
            raise ValueError("a URL that no storage takes")
        scheme = urlsplit(url).scheme
        if scheme != "https" and (self._secure_only or scheme != "http"):
            raise PlatformRefused(
                "the platform gave an upload URL that is not https",
                cause="insecure",
                remedy=_NO_SUCH_URL,
            )

    async def _put(self, url: URL, headers: dict[str, str], copy: CopyReader) -> None:
        stall_s = self._attachments.stall_timeout_s
        for_proxy = self._proxy.headers() if self._proxy is not None else {}
        if url.scheme == "http":
            headers = {
                **headers,
                **for_proxy,
            }  # the proxy itself reads this request; there is no CONNECT before it
        async with asyncio.timeout(stall_s) as patience:
            async with self._client().put(
                url,
                data=self._chunks(copy, patience, stall_s),
                headers=headers,
                skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
                proxy=self._proxy.url if self._proxy is not None else None,
                proxy_headers=for_proxy,
                allow_redirects=False,
            ) as answer:
                if 200 <= answer.status < 300:
                    with suppress(aiohttp.ClientError):
                        await answer.content.read(BYTES_MAX)
                    return
                patience.reschedule(None)  # its status is known, whatever its words do
                said = await _words_of(answer)
                raise storage_refusal(answer.status, answer.headers, said, str(url), headers)

    async def _chunks(
        self, copy: CopyReader, patience: asyncio.Timeout, stall_s: float
    ) -> AsyncIterator[bytes]:
        """A request for a chunk shows that the one before was sent."""
        assert self._turns is not None
        loop, offset = asyncio.get_running_loop(), 0
        while True:
            await self._turns.wait()
            if not (chunk := await copy.read(offset)):
                break
            offset += len(chunk)
            patience.reschedule(loop.time() + stall_s)
            yield chunk
        patience.reschedule(loop.time() + stall_s)

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(
                ssl=self._tls,
                resolver=ConnectorResolver(
                    Resolver(ttl_s=self._dns_ttl_s, local_names=True), self._route.fixed_address
                ),
                limit=self._attachments.inflight_max,
                use_dns_cache=False,
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                timeout=aiohttp.ClientTimeout(total=None),
                trust_env=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                middlewares=(no_resending,),
            )
        return self._session


async def _words_of(answer: aiohttp.ClientResponse) -> bytes:
    """The whole body of a refusal, however many pieces it comes in; nothing of one that breaks off,
    stands still, or is too long: its status says enough."""
    said = bytearray()
    with suppress(aiohttp.ClientError, TimeoutError):
        async with asyncio.timeout(BODY_TIMEOUT_S):
            async for piece in answer.content.iter_any():
                said += piece
                if len(said) > BYTES_MAX:
                    return b""
            return bytes(said)
    return b""


def _headers(given: Mapping[str, str], content_type: str, size_bytes: int) -> dict[str, str]:
    headers = {key: value for key, value in given.items() if key.lower() not in _OURS}
    if not any(key.lower() == "content-type" for key in headers):
        headers["Content-Type"] = content_type
    headers["Content-Length"] = str(size_bytes)
    chars = sum(len(name) + len(value) for name, value in headers.items())
    if len(headers) > UPLOAD_HEADERS_MAX or chars > UPLOAD_HEADERS_CHARS_MAX:
        raise ValueError("more headers than any storage takes")
    "".join(headers.values()).encode()  # half a surrogate pair is a ValueError, too
    if not all(_HEADER_NAME.fullmatch(name) for name in headers):
        raise ValueError("a header whose name is none")
    if any(sign in text for pair in headers.items() for text in pair for sign in "\r\n\0"):
        raise ValueError("a header with a line break in it")
    return headers


class _FairTurns:
    """Lets `CHUNKS_PER_TURN` through in one turn of the loop, first come first served; the rest
    wait for the next ones."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def wait(self) -> None:
        turn = self._loop.create_future()
        if not self._waiting:
            self._loop.call_soon(self._next)
        self._waiting.append(turn)
        await turn

    def _next(self) -> None:
        for _ in range(min(CHUNKS_PER_TURN, len(self._waiting))):
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
        if self._waiting:
            self._loop.call_soon(self._next)


_AGAIN = (
    "send the file again; if it stays, check the way to the storage (network, platform.proxy_url)"
)
_NO_SUCH_URL = "tell the platform's support: no other URL can be had"


def _translated(error: Exception) -> PlatformError:
    """Every foreign exception of a PUT, without the URL that most of them carry."""
    match error:
        case aiohttp.ClientConnectorCertificateError() | ssl.SSLCertVerificationError():
            return PlatformRefused(
                "the storage's certificate was refused",
                cause="certificate",
                remedy="name the CA that signed it in platform.ca_file",
            )
        case aiohttp.ClientConnectorSSLError():
            return PlatformUnavailable(
                f"{error.host}: {tls_failure(error.os_error)}", cause="tls", remedy=_AGAIN
            )
        case TimeoutError():
            return PlatformUnavailable(
                "the upload stood still for too long", cause="timeout", remedy=_AGAIN
            )
        case aiohttp.ClientConnectorError():
            return PlatformUnavailable(
                f"{error.host} cannot be reached: {in_words(error)}",
                cause="unreachable",
                remedy=_AGAIN,
            )
        case ValueError():
            return PlatformRefused(
                "the platform returned an invalid upload URL or header",
                cause="malformed",
                remedy=_NO_SUCH_URL,
            )
        case _:
            return PlatformUnavailable(
                f"the connection broke: {in_words(error)}", cause="broken", remedy=_AGAIN
            )
