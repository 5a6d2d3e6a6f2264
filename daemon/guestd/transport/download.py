"""A file's way from the platform's storage to someone who asks for it: one GET of a fresh link,
streamed, so that memory does not grow with the file.

Anyone who knows the link can read the file, so neither it nor its query appears in any error. No
redirect is followed, and nothing of the asker's request is passed on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from ..model.errors import PlatformRefused, PlatformUnavailable
from ..model.foreign import UPLOAD_URL_CHARS_MAX
from ..model.outbound_route import OutboundRoute
from ..model.ports import Download
from ..model.proxy import proxy_of
from ..runtime.connector_resolver import ConnectorResolver
from ..runtime.no_resending import no_resending
from ..runtime.resolver import Resolver
from ..runtime.system_errors import in_words
from ..runtime.tls import connector_tls
from .settings import TransportSettings

_AGAIN = "ask for the file again: each time the platform gives a fresh link"
CHUNK_BYTES = 65_536
#: A storage that sends nothing for so long has given up.
STALL_S = 30.0
CONNECTIONS_MAX = 32


class FileDownloader:
    """The Downloader port over aiohttp. `close` it at the end. `secure_only`: a platform reached by
    TLS may not name a link without."""

    def __init__(
        self,
        transport: TransportSettings | None = None,
        route: OutboundRoute | None = None,
        *,
        secure_only: bool = False,
    ) -> None:
        self._dns_ttl_s = (transport or TransportSettings()).dns_ttl_s
        self._route = route = route or OutboundRoute()
        self._secure_only = secure_only
        self._tls = connector_tls(route.ca_file, "platform.ca_file")
        self._proxy = proxy_of(route.proxy_url) if route.proxy_url else None
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    @asynccontextmanager
    async def open(self, url: str) -> AsyncIterator[Download]:
        for_proxy = self._proxy.headers() if self._proxy is not None else {}
        try:
            self._check_url(url)
            target = URL(url, encoded=True)
            async with self._client().get(
                target,
                headers={"Accept-Encoding": "identity"}
                | (for_proxy if target.scheme == "http" else {}),
                skip_auto_headers=("User-Agent", "Accept"),
                proxy=self._proxy.url if self._proxy is not None else None,
                proxy_headers=for_proxy,
                allow_redirects=False,
            ) as answer:
                if answer.status != 200:
                    problem = f"the storage answered {answer.status}"
                    raise PlatformRefused(
                        problem, status=answer.status, cause="storage", remedy=_AGAIN
                    )
                yield Download(answer.content_length, answer.content.iter_chunked(CHUNK_BYTES))
        except ValueError:
            problem = "the platform gave a link that is not a URL"
            raise PlatformRefused(problem, remedy=_AGAIN) from None
        except (aiohttp.ClientError, TimeoutError) as error:
            problem = f"the storage broke off: {in_words(error)}"
            raise PlatformUnavailable(problem, cause="broken") from None

    def _check_url(self, url: str) -> None:
        scheme = urlsplit(url).scheme
        if scheme != "https" and (self._secure_only or scheme != "http"):
            raise PlatformRefused("the platform gave a link that is not https", cause="insecure")
        if len(url) > UPLOAD_URL_CHARS_MAX:
            raise PlatformRefused("the platform gave a link that no storage takes")

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            resolver = Resolver(ttl_s=self._dns_ttl_s, local_names=True)
            connector = aiohttp.TCPConnector(
                ssl=self._tls,
                resolver=ConnectorResolver(resolver, self._route.fixed_address),
                limit=CONNECTIONS_MAX,
                use_dns_cache=False,
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                timeout=aiohttp.ClientTimeout(total=None, connect=STALL_S, sock_read=STALL_S),
                trust_env=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                middlewares=(no_resending,),
            )
        return self._session
