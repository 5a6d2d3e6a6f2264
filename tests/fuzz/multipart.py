"""The body of `POST /v1/sessions/NAME/attachments`: the first line of an input is its media type,
the rest is the body."""

from __future__ import annotations

import json
from collections.abc import Hashable

from .stack import GUEST, SECRET, StackTarget

#: Whatever the media type says, it stays one header line.
_ONE_LINE = bytes(range(32)) + b"\x7f"


class Multipart(StackTarget):
    name = "multipart"
    tokens = (
        *(
            b"--b\r\n",
            b"--b--\r\n",
            b"\r\n--b\r\n",
            b"\r\n\r\n",
            b"\r\n",
            b"--",
            b"\n",
            b"\0",
            b"\xff",
        ),
        *(
            b'Content-Disposition: form-data; name="file"; filename="a.png"\r\n',
            b"Content-Disposition: \r\n",
        ),
        *(
            b'Content-Disposition: form-data; name="caption"\r\n',
            b'; filename="' + SECRET + b'.png"',
        ),
        *(
            b'Content-Disposition: form-data; name="command_id"\r\n',
            b"; filename*=UTF-8''%e2%82%ac.png",
        ),
        *(
            b"; filename*=latin-9'x'%ff",
            b'; name="',
            b"; name=",
            b"Content-Type: multipart/mixed; boundary=c\r\n",
        ),
        *(
            b"Content-Transfer-Encoding: base64\r\n",
            b"Content-Transfer-Encoding: quoted-printable\r\n",
        ),
        *(
            b"Content-Encoding: gzip\r\n",
            b"Content-Length: 5\r\n",
            b"Content-Length: x\r\n",
            b"_charset_",
        ),
        *(
            b"multipart/form-data; boundary=b\n",
            b"multipart/form-data\n",
            b"image/png\n",
            b"; boundary=",
        ),
        *(
            b"Content-Type: image/png\r\n",
            b"Content-Type: \xff\r\n",
            b"Content-Type: text/plain; charset=x\r\n",
        ),
    )

    async def ask(self, data: bytes) -> Hashable:
        media_type, _, body = data.partition(b"\n")
        media_type = media_type.translate(None, _ONE_LINE)
        head = (
            b"POST /v1/sessions/%s/attachments HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            b"Content-Type: %s\r\nContent-Length: %d\r\n\r\n"
            % (GUEST.encode(), media_type, len(body))
        )
        answer = await self.exchange(head + body)
        assert answer.startswith(b"HTTP/1.1 "), "no answer"
        status = int(answer[9:12])
        assert 200 <= status < 500, status
        reported = answer.partition(b"\r\n\r\n")[2]
        if status < 300:
            assert json.loads(reported)["command_id"]
            return status
        if not reported.startswith(b"{"):  # refused by the HTTP parser, before any route of ours
            assert status == 400, (status, reported)
            return status, "parser"
        problem = json.loads(reported)
        assert problem["code"] and problem["code"] != "internal", problem
        return status, problem["code"], problem.get("field", "")[:20]
