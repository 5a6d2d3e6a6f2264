"""Raw bytes on a connection of the HTTP port, with a whole request behind them."""

from __future__ import annotations

import re
from collections.abc import Hashable

from .stack import SECRET, StackTarget

#: Behind each input: if it has left the connection in order, this is answered and the connection
#: closed.
LAST = b"\r\n\r\nGET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

#: An input that waits for more is not waited for: its answer is the time limit, which other tests
#: have.
QUIET_S = 0.05

_STATUS = re.compile(rb"^HTTP/\d\.\d (\d{3})[ \r]", re.MULTILINE)


class HttpHeads(StackTarget):
    name = "http_heads"
    tokens = (
        *(
            b"GET ",
            b"POST ",
            b"PUT ",
            b"DELETE ",
            b"HEAD ",
            b"OPTIONS ",
            b"CONNECT ",
            b"PRI * HTTP/2.0\r\n",
        ),
        *(
            b" HTTP/1.1\r\n",
            b" HTTP/1.0\r\n",
            b" HTTP/9.9\r\n",
            b"\r\n",
            b"\n",
            b"\r",
            b"\0",
            b"\x80",
            b"\xff",
        ),
        *(b"Host: localhost\r\n", b"Host: evil.example\r\n", b"Host: \r\n", b"Origin: null\r\n"),
        *(
            b"Content-Length: 5\r\n",
            b"Content-Length: -1\r\n",
            b"Content-Length: 99999999999999999999\r\n",
        ),
        *(
            b"Transfer-Encoding: chunked\r\n",
            b"0\r\n\r\n",
            b"ffffffffffffffff\r\n",
            b"Expect: 100-continue\r\n",
        ),
        *(b"Upgrade: websocket\r\n", b"Connection: Upgrade\r\n", b"Sec-WebSocket-Version: 13\r\n"),
        *(
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
            b"Sec-WebSocket-Extensions: permessage-deflate\r\n",
        ),
        *(
            b"Sec-WebSocket-Protocol: guestd.token." + SECRET + b"\r\n",
            b"Authorization: Bearer " + SECRET + b"\r\n",
        ),
        *(
            b"Content-Type: application/json\r\n",
            b"Content-Encoding: gzip\r\n",
            b"Idempotency-Key: k\r\n",
        ),
        *(b"Accept: application/openmetrics-text\r\n", b"Cookie: a=b\r\n", b"Last-Event-ID: 5\r\n"),
        *(
            b"/v1/sessions",
            b"/v1/sessions/ana",
            b"/v1/sessions/ana/messages",
            b"/v1/sessions/ana/events",
        ),
        *(
            b"/v1/events?since=",
            b"/metrics",
            b"/readyz",
            b"/?guest=",
            b"&since=",
            b"%00",
            b"%ff",
            b"..%2f",
        ),
        *(b"http://[::1", b"//", b"?limit=", b"#", b"*"),
    )

    async def ask(self, data: bytes) -> Hashable:
        answer = await self.exchange(data + LAST, QUIET_S)
        statuses = [int(one) for one in _STATUS.findall(answer)]
        assert not answer or _STATUS.match(answer), "the answer is not HTTP"
        assert all(100 <= one < 500 for one in statuses), statuses
        return tuple(statuses)
