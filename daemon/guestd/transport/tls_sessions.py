"""TLS session resumption for a fleet that connects to one name again and again (RFC 8446 §2.2).

A full handshake is most of what a connect costs, and each one keeps its own copy of the peer's
certificates. With the ticket of an earlier connection both are saved. asyncio has no argument for
it, but asks the context to wrap each connection: so the context is where tickets are kept and
offered. A ticket is offered only under the name for which its certificates were checked. It lives
in memory, no longer than the server allows, and a server that does not know it does a full
handshake."""

from __future__ import annotations

import ssl
from collections import OrderedDict

#: Names whose newest ticket is kept.
NAMES_MAX = 64


class ResumingContext(ssl.SSLContext):
    """A client context; `keep` what a connection brought, and the next one to that name resumes."""

    def __init__(self, protocol: int) -> None:
        self._kept: OrderedDict[str, ssl.SSLSession] = OrderedDict()

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        session = session or self._kept.get(str(server_hostname))
        return super().wrap_bio(incoming, outgoing, server_side, server_hostname, session)

    def keep(self, connection: ssl.SSLObject) -> None:
        """Call it when the peer has answered: TLS 1.3 sends tickets after the handshake.

        Only a full handshake's is kept: to look at a session copies it, and costs more than it
        would save."""
        if connection.session_reused:
            return
        session, name = connection.session, connection.server_hostname
        if session is None or not session.has_ticket or name is None:
            return
        self._kept[name] = session
        self._kept.move_to_end(name)
        if len(self._kept) > NAMES_MAX:
            self._kept.popitem(last=False)
