"""A file's way to the platform's storage: one PUT to a presigned URL, streamed from the disk.

The URL is signed as it stands, so it is used byte by byte as it came; every header that came with
it goes along, and of our own only what HTTP needs. It is also a key: whoever reads it can write
there, so neither it nor its query appears in any error.

Memory does not grow with the file: one chunk is in our hands, one in the socket's. What the system
has in its cache is read at once, for the rest a thread goes to the disk, so that a slow one stops
no heartbeat; and in one turn of the loop only so many chunks go, of all uploads together, so that a
hundred files at once delay nobody's message. There is no limit on the whole, because nobody knows
how long a large file may take; there is one on standing still."""

from __future__ import annotations

import asyncio
import os
import re
import ssl
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from ..model.errors import PlatformError, PlatformRefused, PlatformUnavailable, SpoolError
from ..model.foreign import UPLOAD_HEADERS_CHARS_MAX, UPLOAD_HEADERS_MAX, UPLOAD_URL_CHARS_MAX
from ..model.outbound_route import OutboundRoute
from ..model.proxy import proxy_of
from ..runtime.connector_resolver import ConnectorResolver
from ..runtime.resolver import Resolver
from ..runtime.tls import connector_tls
from ..session.settings import AttachmentSettings
from .settings import TransportSettings

CHUNK_BYTES = 65_536
ANSWER_BYTES_MAX = 65_536
CHUNKS_PER_TURN = 8

#: Headers that speak of the connection and not of the file: never taken from a platform's answer.
_OURS = frozenset({"host", "content-length", "transfer-encoding", "connection", "expect"})


_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


class FileUploader:
    """The Uploader port over aiohttp. Raises ConfigError at once for a CA file or proxy URL of no
    use. `close` it at the end."""

    def __init__(
        self,
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
        self._turns: _Turns | None = None
        self._chores: set[asyncio.Future[None]] = set()

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
        await asyncio.gather(*self._chores, return_exceptions=True)

    def discard(self, path: str) -> None:
        """In a thread: to delete a large file may take its time."""
        chore = asyncio.get_running_loop().run_in_executor(None, _unlink, path)
        self._chores.add(chore)
        chore.add_done_callback(self._chores.discard)

    async def put(
        self, url: str, headers: Mapping[str, str], content_type: str, path: str, size_bytes: int
    ) -> None:
        """SOCK-6. Raises PlatformRefused or PlatformUnavailable (`status` if there was an answer),
        SpoolError."""
        self._turns = self._turns or _Turns(asyncio.get_running_loop())
        copy = _Copy(path, size_bytes, self._turns)
        try:
            self._check_url(url)
            plain = _headers(headers, content_type, size_bytes)
            await copy.open()
            await self._put(URL(url, encoded=True), plain, copy)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise _translated(error) from None
        finally:
            copy.close()

    def _check_url(self, url: str) -> None:
        if len(url) > UPLOAD_URL_CHARS_MAX:
            raise ValueError("a URL that no storage takes")
        scheme = urlsplit(url).scheme
        if scheme != "https" and (self._secure_only or scheme != "http"):
            raise PlatformRefused(
                "the platform gave an upload URL that is not https", platform_code="insecure"
            )

    async def _put(self, url: URL, headers: dict[str, str], copy: _Copy) -> None:
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
                data=copy.chunks(patience, stall_s),
                headers=headers,
                skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
                proxy=self._proxy.url if self._proxy is not None else None,
                proxy_headers=for_proxy,
                allow_redirects=False,
            ) as answer:
                with suppress(aiohttp.ClientError):
                    await answer.content.read(ANSWER_BYTES_MAX)
        if not 200 <= answer.status < 300:
            kind = (
                PlatformUnavailable
                if answer.status in (408, 429) or answer.status >= 500
                else PlatformRefused
            )
            raise kind(f"the storage answered {answer.status}", status=answer.status)

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
            )
        return self._session


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


class _Turns:
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


class _Copy:
    """Our copy of a file, read in a thread. A cancelled PUT may leave a thread at work: it closes
    what it has open itself."""

    def __init__(self, path: str, size_bytes: int, turns: _Turns) -> None:
        self._path = path
        self._turns = turns
        self._size_bytes = size_bytes
        self._file = -1
        self._work: asyncio.Future[bytes] | None = None
        self._loop = asyncio.get_running_loop()

    async def open(self) -> None:
        await self._in_thread(self._open)

    async def chunks(self, patience: asyncio.Timeout, stall_s: float) -> AsyncIterator[bytes]:
        """Each chunk that is asked for shows that the one before has found its way."""
        offset = 0
        while chunk := await self._read(offset):
            offset += len(chunk)
            patience.reschedule(self._loop.time() + stall_s)
            yield chunk
        patience.reschedule(self._loop.time() + stall_s)

    def close(self) -> None:
        if self._work is not None and not self._work.done():
            self._work.add_done_callback(self._worked)
        else:
            self._close()

    async def _read(self, offset: int) -> bytes:
        await self._turns.wait()
        chunk = bytearray(CHUNK_BYTES)
        try:
            size = os.preadv(self._file, [chunk], offset, os.RWF_NOWAIT)
        except OSError:  # not in the cache, or a file system that cannot tell
            return await self._in_thread(lambda: os.pread(self._file, CHUNK_BYTES, offset))
        return bytes(memoryview(chunk)[:size])

    async def _in_thread(self, work: Callable[[], bytes]) -> bytes:
        self._work = self._loop.run_in_executor(None, work)
        return await asyncio.shield(self._work)

    def _open(self) -> bytes:
        try:
            self._file = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError as error:
            raise SpoolError(
                f"our copy of the file is gone: {error.strerror}; send it again"
            ) from None
        found = os.fstat(self._file).st_size
        if found != self._size_bytes:
            raise SpoolError(
                f"our copy of the file has {found} bytes, not {self._size_bytes}; send it again"
            )
        return b""

    def _worked(self, work: asyncio.Future[bytes]) -> None:
        if not work.cancelled():
            work.exception()  # taken, so that what nobody waits for any more is not a warning
        self._close()

    def _close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def _unlink(path: str) -> None:
    with suppress(OSError):
        os.unlink(path)


def _translated(error: Exception) -> PlatformError:
    """Every foreign exception of a PUT, without the URL that most of them carry."""
    match error:
        case aiohttp.ClientConnectorCertificateError() | ssl.SSLCertVerificationError():
            return PlatformRefused(
                "the storage's certificate was refused; name the CA that signed it in"
                " platform.ca_file",
                platform_code="certificate",
            )
        case TimeoutError():
            return PlatformUnavailable(
                "the upload stood still for too long", platform_code="timeout"
            )
        case aiohttp.ClientConnectorError():
            return PlatformUnavailable(
                f"{error.host} cannot be reached", platform_code="unreachable"
            )
        case ValueError():
            return PlatformRefused(
                "the platform gave an upload URL or headers that make no request"
            )
        case _:
            return PlatformUnavailable(
                f"the connection broke: {type(error).__name__}", platform_code="broken"
            )
