"""Opens connections: resolve, connect (`eyeballs`), (tunnel,) TLS, upgrade; one time limit over all
of it."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable
from functools import lru_cache
from itertools import cycle
from typing import cast

from websockets.exceptions import InvalidURI
from websockets.uri import WebSocketURI, parse_uri

from ..model.endings import Cause, Ending
from ..model.errors import DialError
from ..model.outbound_route import OutboundRoute
from ..model.ports import ConnectionSink, DialTarget
from ..model.proxy import proxy_of
from ..runtime.resolver import Resolver
from ..runtime.system_errors import in_words
from ..runtime.tls import client_context_of, tls_failure
from ..session.settings import ReconnectSettings
from .eyeballs import ConnectedSocket, connected, in_turns, open_connection
from .handshake import Tunnel, Upgrade
from .settings import TransportSettings
from .socket import GuestSocket
from .tls_sessions import ResumingContext

CA_FILE = "platform.ca_file"


#: A fleet dials one URL again and again.
_uri_of = lru_cache(maxsize=64)(parse_uri)


class WebsocketDialer:
    """The Dialer port over real sockets. Raises ConfigError at once for a CA file or proxy URL that
    cannot be used."""

    def __init__(
        self,
        settings: TransportSettings | None = None,
        route: OutboundRoute | None = None,
        reconnect: ReconnectSettings | None = None,
    ) -> None:
        """`reconnect` bounds what a Retry-After may ask for."""
        self._settings = settings = settings or TransportSettings()
        self._route = route = route or OutboundRoute()
        self._retry_after_max_s = (reconnect or ReconnectSettings()).retry_after_max_s
        self._tls: ResumingContext | None = None
        if route.ca_file is not None:
            self._tls = client_context_of(ResumingContext, route.ca_file, CA_FILE)
        self._proxy = proxy_of(route.proxy_url) if route.proxy_url else None
        self._local = cycle(settings.local_addresses) if settings.local_addresses else None
        self._resolver = Resolver(ttl_s=settings.dns_ttl_s, local_names=True)

    async def dial(self, target: DialTarget, sink: ConnectionSink) -> GuestSocket:
        loop = asyncio.get_running_loop()
        try:
            uri = _uri_of(target.url)
            async with asyncio.timeout(self._settings.dial_timeout_s):
                connection = await self._open(loop, uri, target, sink)
        except DialError:
            raise
        except (OSError, ssl.SSLError, TimeoutError, InvalidURI) as error:
            raise DialError(ending_of(error)) from error
        loop.call_soon(connection.begin)
        return connection

    def _trust(self) -> ResumingContext:
        """Loaded at the first dial that needs it: a tenth of a second, which a plain `ws://` need
        not spend."""
        if self._tls is None:
            self._tls = client_context_of(ResumingContext, None, CA_FILE)
        return self._tls

    async def _open(
        self,
        loop: asyncio.AbstractEventLoop,
        uri: WebSocketURI,
        target: DialTarget,
        sink: ConnectionSink,
    ) -> GuestSocket:
        upgrade = Upgrade(loop, uri, target.headers, sink, self._settings, self._retry_after_max_s)
        try:
            if self._proxy is not None:
                await self._through_proxy(loop, uri, upgrade)
            else:
                host, port = self._route.fixed_address or (uri.host, uri.port)
                tls = self._trust() if uri.secure else None
                await self._connect(
                    loop, upgrade, host, port, tls, uri.host if uri.secure else None
                )
            link = cast(GuestSocket, await upgrade.done)
            if uri.secure:
                self._trust().keep(upgrade.tls_connection)
            return link
        except BaseException:
            upgrade.abandon()
            raise

    async def _connect(
        self,
        loop: asyncio.AbstractEventLoop,
        protocol: asyncio.Protocol,
        host: str,
        port: int,
        tls: ssl.SSLContext | None,
        server_name: str | None,
    ) -> None:
        def connect(address: str) -> Awaitable[ConnectedSocket]:
            local_address = next(self._local) if self._local is not None else None
            return open_connection(loop, address, port, local_address, tls, server_name)

        addresses = in_turns(await self._resolver(host, port))
        if len(addresses) == 1 and self._local is None:  # no race: one object less, one step less
            await loop.create_connection(
                lambda: protocol, addresses[0], port, ssl=tls, server_hostname=server_name
            )
            return
        opened = await connected(addresses, connect)
        opened.hand_over(protocol)

    async def _through_proxy(
        self, loop: asyncio.AbstractEventLoop, uri: WebSocketURI, upgrade: Upgrade
    ) -> None:
        assert self._proxy is not None
        tunnel = Tunnel(loop, self._proxy, uri.host, uri.port)
        try:
            await self._connect(loop, tunnel, self._proxy.host, self._proxy.port, None, None)
            transport = cast(asyncio.Transport, await tunnel.done)
            if uri.secure:
                secured = await loop.start_tls(
                    transport, upgrade, self._trust(), server_hostname=uri.host
                )
                assert secured is not None
                upgrade.connection_made(secured)
            else:
                transport.set_protocol(upgrade)
                upgrade.connection_made(transport)
        except BaseException:
            tunnel.abandon()
            raise


def ending_of(error: BaseException) -> Ending:
    """Every foreign exception of a dial, and what it means; decided only here."""
    match error:
        case ssl.SSLCertVerificationError():
            remedy = "name the CA that signed it in platform.ca_file, or check the host name"
            return Ending(Cause.CERTIFICATE_REFUSED, None, f"{error.verify_message}; {remedy}")
        case ssl.SSLError():
            return Ending(Cause.UNREACHABLE, None, tls_failure(error))
        case socket.gaierror():
            return Ending(Cause.UNREACHABLE, None, "the host name cannot be resolved")
        case TimeoutError():
            return Ending(Cause.DIAL_TIMEOUT, None, "no answer in time")
        case InvalidURI():
            return Ending(Cause.ACCESS_DENIED, None, "the target is not a ws:// or wss:// URL")
        case OSError():
            return Ending(Cause.UNREACHABLE, None, in_words(error))
    raise error
