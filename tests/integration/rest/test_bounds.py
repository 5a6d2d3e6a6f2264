"""What a platform's REST answers may cost us: bodies, pages and headers within bounds of ours."""

from __future__ import annotations

import asyncio
import gzip
import re
import zlib

import pytest
from aiohttp import web

from guestd.model.errors import PlatformError, PlatformRefused, PlatformUnavailable, ScopeMissing
from guestd.model.ids import fingerprint
from guestd.platform.history import WebMessagingHistory
from guestd.platform.http import Http
from guestd.platform.inflate import Body, TooLong


def packed(body: bytes, encoding: str):
    async def turn(_):
        return web.Response(
            body=body, headers={"Content-Encoding": encoding, "Content-Type": "application/json"}
        )

    return turn


@pytest.mark.parametrize(
    ("pack", "encoding"), [(gzip.compress, "gzip"), (zlib.compress, "deflate")]
)
async def test_a_packed_answer_is_read(line, pack, encoding):
    line.script.turns.append(packed(pack(b'{"id": "x"}'), encoding))
    assert await line.http.get_object(f"{line.script.url}/api/x") == {"id": "x"}


@pytest.mark.parametrize(
    ("pack", "encoding", "code"),
    [
        (lambda: gzip.compress(b" " * 50_000_000), "gzip", "too_long"),
        (lambda: zlib.compress(b" " * 50_000_000), "deflate", "too_long"),
        (lambda: b"no gzip at all", "gzip", "malformed"),
        (lambda: gzip.compress(b'{"id": "x"}')[:-9], "gzip", "malformed"),
        (lambda: b"{}", "br", "malformed"),
    ],
    ids=["gzip bomb", "deflate bomb", "not packed", "cut", "not asked for"],
)
async def test_a_packed_answer_has_the_same_bound(line, pack, encoding, code):
    line.script.turns.append(packed(pack(), encoding))
    with pytest.raises(PlatformUnavailable) as refused:
        await line.http.get_object(f"{line.script.url}/api/x")
    assert refused.value.cause == code


def test_a_bomb_is_unpacked_no_further_than_the_bound():
    bomb = gzip.compress(b" " * 10_000_000)
    body = Body("gzip", 1000)
    with pytest.raises(TooLong):
        body.take(bomb)
    assert len(body._read) == 1001


@pytest.mark.parametrize(
    "odd", [0, -1, 1e9, 1e308, "²", "abc", True, None, [], {"nested": 1}], ids=repr
)
async def test_a_history_page_with_odd_figures_is_read(line, odd):
    line.script.turns.append(
        line.script.say(200, {"entities": odd, "pageCount": odd, "total": odd})
    )
    page = await WebMessagingHistory(line.http, line.script.url).page("jwt", 1)
    assert (page.entities, page.page_count, page.total) == ([], 0, 0)


async def test_a_history_page_much_larger_than_asked_for_is_not_taken(line):
    line.script.turns.append(line.script.say(200, {"entities": [{}] * 1001}))
    with pytest.raises(PlatformUnavailable, match="1001 messages"):
        await WebMessagingHistory(line.http, line.script.url).page("jwt", 1)


@pytest.mark.parametrize("jwt", ["a\r\nX: y", "a\x00b"], ids=ascii)
async def test_a_header_that_cannot_be_sent_is_an_error_of_the_call(line, jwt):
    with pytest.raises(PlatformUnavailable):
        await WebMessagingHistory(line.http, line.script.url).page(jwt, 1)


def packed_badly(status):
    async def turn(_):
        headers = {"Content-Encoding": "gzip", "ININ-Correlation-Id": "corr-7"}
        return web.Response(status=status, body=b"no gzip at all", headers=headers)

    return turn


async def test_http_3_a_refusal_whose_body_cannot_be_read_is_told_by_its_status(line):
    line.script.turns.append(packed_badly(403))
    error = await line.fail("queue.get")
    assert (type(error), error.status, error.correlation_id, len(line.script.seen)) == (
        ScopeMissing,
        403,
        "corr-7",
        1,
    )
    assert "missing scope" in str(error)


async def test_http_3_a_refusal_whose_body_stalls_is_told_by_its_status():
    head = b"HTTP/1.1 403 X\r\nININ-Correlation-Id: corr-7\r\nTransfer-Encoding: chunked\r\n\r\n"

    async def answer(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head + b"5\r\nhello")
        await reader.read()  # until the client has gone
        writer.close()
        await writer.wait_closed()
        gone.set()

    gone = asyncio.Event()
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    http = Http()
    try:
        port = server.sockets[0].getsockname()[1]
        reply = await http.send("GET", f"http://127.0.0.1:{port}/x", {}, timeout_s=1.0)
    finally:
        await http.close()
        await gone.wait()
        server.close()
    assert (reply.status, reply.correlation_id, reply.body) == (403, "corr-7", b"")


@pytest.mark.parametrize(
    "answer",
    [
        b'HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n{"access_token":"LEAKED-0123456789"}',
        b"LEAKED-0123456789 and more\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nLEAKED-0123456789\r\n\r\n",
    ],
    ids=["no chunk", "no head", "no header"],
)
async def test_audit_1_an_answer_that_is_not_http_is_not_quoted(answer):
    """Nor is a status told that nobody sent, nor the URL."""

    async def answered(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(answered, "127.0.0.1", 0)
    http = Http()
    try:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(PlatformUnavailable) as broken:
            await http.send("GET", f"http://127.0.0.1:{port}/LEAKED", {}, timeout_s=5.0)
    finally:
        await http.close()
        server.close()
    said = str(broken.value)
    assert "the answer is not valid HTTP" in said and not re.search("LEAKED|400|http:", said)


async def test_http_3_a_success_that_cannot_be_read_has_its_correlation_id(line):
    line.script.turns.extend([packed_badly(200)] * 3)
    error = await line.fail("queue.get")
    assert (error.status, error.cause, error.correlation_id) == (200, "malformed", "corr-7")


async def cut_off(request):
    """A success that says how long it is, and ends before."""
    headers = {"Content-Length": "100", "ININ-Correlation-Id": "corr-7"}
    answer = web.StreamResponse(headers=headers)
    await answer.prepare(request)
    await answer.write(b'{"access_token": ')
    request.transport.close()
    return answer


async def test_http_3_a_success_that_is_cut_off_has_status_and_correlation_id(line):
    """And is asked for again, as one of which nothing came."""
    line.script.turns.extend([cut_off] * 3)
    error = await line.fail("queue.get")
    assert (error.status, error.cause, error.correlation_id) == (200, "broken", "corr-7")
    assert (len(line.script.seen), line.metrics.platform_errors) == (3, {"network": 1})


async def test_http_3_a_token_that_is_cut_off_says_where_to_look(line):
    line.script.token_turns.extend([cut_off] * 3)
    with pytest.raises(PlatformUnavailable, match=r"check platform\.token_url") as caught:
        await line.tokens.current(1e9)
    assert (caught.value.status, caught.value.attempts) == (200, 3)


@pytest.mark.parametrize("status", [200, 201])
async def test_http_3_a_token_that_cannot_be_unpacked_says_where_to_look(line, status):
    line.script.token_turns.extend([packed_badly(status)] * 3)
    with pytest.raises(PlatformUnavailable, match=r"check platform\.token_url"):
        await line.tokens.current(1e9)


@pytest.mark.parametrize("status", [401, 403])
async def test_http_3_a_history_that_is_refused_says_nothing_of_the_oauth_client(line, status):
    """It is read with the guest session's own token."""
    line.script.turns.append(line.script.say(status, {"message": "no"}))
    with pytest.raises(PlatformRefused, match="asks the platform for a new token") as caught:
        await WebMessagingHistory(line.http, line.script.url).page("jwt", 1)
    assert "OAuth" not in str(caught.value)


@pytest.mark.parametrize("is_cut", [False, True])
async def test_audit_1_a_correlation_id_of_a_success_is_no_secret_of_ours(line, is_cut):
    """A proxy may write the token there, or what it takes for a request's id."""
    token = await line.tokens.current(1e9)
    headers = {"ININ-Correlation-Id": f"req-{token}"}
    if not is_cut:
        line.script.turns.append(line.script.say(200, {"id": "q"}, ININ_Correlation_Id=token))
        answer = await line.make("queue.get")
        assert answer.correlation_id == ""
        return

    async def cut(request):
        answer = web.StreamResponse(headers={"Content-Length": "100", **headers})
        await answer.prepare(request)
        request.transport.close()
        return answer

    line.script.turns.extend([cut] * 3)
    error = await line.fail("queue.get")
    assert (error.status, error.correlation_id) == (200, "req-…")


@pytest.mark.parametrize("status", [400, 503])
async def test_audit_1_a_token_endpoint_that_repeats_the_token_in_hand_is_not_quoted(line, status):
    token = await line.tokens.current(1e9)
    line.tokens.drop(token)
    turn = line.script.raw(status, f'{{"message": "not after {token}"}}'.encode())
    line.script.token_turns.extend([turn] * 3)
    with pytest.raises(PlatformError) as refused:
        await line.tokens.current(1e9)
    assert "not after …" in str(refused.value) and token not in str(refused.value)


async def test_audit_2_a_token_that_is_known_by_its_fingerprint_is_in_no_field(line):
    """A heartbeat's answer may repeat the token of the opening, which the request has not."""
    token = "opaque-guest-token-0123456789"
    said = {
        "message": f"{'p' * 280} {token} /{token}/ kid={token}&x",
        "code": token,
        "errors": [{"message": f"{token} expired", "code": token}],
    }
    line.script.turns.append(line.script.say(400, said, ININ_Correlation_Id=f"c-{token}"))
    with pytest.raises(PlatformError) as refused:
        await line.make("conversation.patch", secrets=[fingerprint(token)])
    error = refused.value
    shown = f"{error} {error.platform_code} {error.errors} {error.correlation_id}"
    assert "opaque" not in shown and error.correlation_id == "c-…"


async def test_auth_4_a_secret_is_no_missing_scope(line):
    said = {"message": f"no client:{line.tokens.access.secret}"}
    line.script.turns.append(line.script.say(403, said, WWW_Authenticate=said["message"]))
    error = await line.fail("queue.get")
    assert line.tokens.access.secret not in f"{error} {error.scopes}"
