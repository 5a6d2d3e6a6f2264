"""What people are told of a failure of the system: words, no number and no class of Python."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from pathlib import Path

import aiohttp
import pytest
from aiohttp.http_exceptions import BadHttpMessage
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from guestd.runtime.system_errors import in_words

#: What a platform sent, and what it was asked by: aiohttp quotes both.
SECRET = "tok-0123456789"
ASKED = URL(f"http://platform/{SECRET}")
UNREAD = aiohttp.RequestInfo(ASKED, "GET", CIMultiDictProxy(CIMultiDict()), ASKED), ()
NOT_HTTP = "the answer is not valid HTTP"

PRODUCT = Path(__file__).parents[2] / "daemon" / "guestd"

SEVERAL = (
    "Multiple exceptions: [Errno 111] Connect call failed ('::1', 9, 0, 0), "
    "[Errno 111] Connect call failed ('127.0.0.1', 9)"
)


async def test_a_port_where_nothing_listens_says_the_address():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectorError) as failed:
            await session.get(f"http://127.0.0.1:{port}/")
    assert in_words(failed.value) == f"connection refused at 127.0.0.1:{port}"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed ('::1', 80, 0, 0)"),
            "connection refused at [::1]:80",
        ),
        (OSError(SEVERAL), "connection refused at [::1]:9"),
        (ConnectionResetError(errno.ECONNRESET, "x"), "connection reset by peer"),
        (PermissionError(errno.EACCES, "x", "/etc/a"), "permission denied: /etc/a"),
        (socket.gaierror(-2, "Name or service not known"), "the name cannot be resolved"),
        (aiohttp.ServerDisconnectedError(), "the connection ended without an answer"),
        (asyncio.IncompleteReadError(b"", 1), "the connection ended without an answer"),
        (aiohttp.ClientPayloadError("ContentLengthError"), "the answer was cut off"),
        (aiohttp.ClientResponseError(*UNREAD, status=400, message=SECRET), NOT_HTTP),
        (BadHttpMessage(SECRET), NOT_HTTP),
        (aiohttp.InvalidURL(f"http://x/{SECRET}"), "the URL is not valid"),
        (aiohttp.ClientHttpProxyError(*UNREAD, status=407), "the proxy answered 407"),
        (TimeoutError(), "no answer in time"),
        (ssl.SSLError(1, "x"), "TLS failed: the peer does not speak TLS"),
        (ssl.SSLCertVerificationError(1, "x"), "its certificate was refused: it is not trusted"),
        (ValueError("[Errno 5] it is odd"), "it is odd"),
    ],
    ids=repr,
)
def test_in_words(error, said):
    assert in_words(error) == said


#: Where the name of an exception is meant: a bug of guestd's own, in its log and its report, and
#: where nothing else is known.
NAMED = {
    "api/problems.py",
    "app/exit_codes.py",
    "journal/reader_thread.py",
    "journal/recovery.py",
    "observe/log.py",
    "runtime/system_errors.py",
    "supervisor/breakage.py",
}


def test_no_other_file_shows_the_name_of_an_exception():
    naming = {
        str(path.relative_to(PRODUCT))
        for path in PRODUCT.rglob("*.py")
        if "type(error).__name__" in path.read_text()
    }
    assert naming == NAMED
