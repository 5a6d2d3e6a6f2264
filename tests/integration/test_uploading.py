"""The PUT by itself (SOCK-6), against a storage that writes down every byte of the request's
head."""

from __future__ import annotations

import asyncio
import os
import ssl

import pytest

from guestd.emulator.tls import ensure_certificate
from guestd.model.errors import (
    ConfigError,
    PlatformError,
    PlatformRefused,
    PlatformUnavailable,
    SpoolError,
)
from guestd.model.outbound_route import OutboundRoute
from guestd.session.settings import AttachmentSettings
from guestd.spool.reading import open_copy
from guestd.transport.settings import TransportSettings
from guestd.transport.upload import FileUploader
from tests.sections import split


class Storage:
    """Reads one PUT after another; answers `status`, or what `answer` does instead."""

    def __init__(self, status="200 OK", answer=None, tls=None, said=b"", header="X-None: 0"):
        self.status, self.answer, self.tls = status, answer, tls
        self.said, self.header = said, header
        self.heads, self.bodies = [], []

    async def __aenter__(self):
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.tls)
        port = self.server.sockets[0].getsockname()[1]
        self.url = f"http{'s' if self.tls else ''}://127.0.0.1:{port}"
        self.port = port
        return self

    async def __aexit__(self, *error):
        self.server.close()

    async def _serve(self, reader, writer):
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.heads.append(head)
            if self.answer is not None:
                await self.answer(reader, writer)
                return
            length = int(
                next(
                    line for line in head.splitlines() if line.lower().startswith("content-length")
                ).split()[1]
            )
            self.bodies.append(await reader.readexactly(length))
            head = (
                f"HTTP/1.1 {self.status}\r\nContent-Length: {len(self.said)}\r\n{self.header}\r\n"
            )
            writer.write(head.encode() + b"Location: /elsewhere\r\n\r\n" + self.said)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@pytest.fixture
async def uploader():
    opened = []

    def build(secure_only=False, **settings):
        opened.append(
            FileUploader(
                open_copy,
                *split(settings, AttachmentSettings, TransportSettings, OutboundRoute),
                secure_only=secure_only,
            )
        )
        return opened[-1]

    yield build
    for one in opened:
        await one.close()


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(os.urandom(300_000))
    return path


async def test_sock_6_the_url_as_it_stands_every_header_and_nothing_of_our_own(uploader, file):
    async with Storage() as storage:
        url = f"{storage.url}/put/a%2Fb%20c?X-Sig=AB%2bcd%3D&name=%C3%A9;x"
        headers = {
            "x-amz-tagging": "a=b&c=d",
            "X-Amz-Meta": "  ä".strip(),
            "Host": "evil",
            "Content-Length": "1",
        }
        await uploader().put(url, headers, "image/png", str(file), 300_000)
        first, *lines = storage.heads[0].strip().split("\r\n")
        assert first == "PUT /put/a%2Fb%20c?X-Sig=AB%2bcd%3D&name=%C3%A9;x HTTP/1.1"
        found = dict(line.split(": ", 1) for line in lines)
        assert found == {
            "Host": storage.url.removeprefix("http://"),
            "x-amz-tagging": "a=b&c=d",
            "X-Amz-Meta": "ä",
            "Content-Type": "image/png",
            "Content-Length": "300000",
        }
        assert storage.bodies == [file.read_bytes()]


async def test_a_content_type_that_is_signed_is_left_alone(uploader, file):
    async with Storage() as storage:
        await uploader().put(
            storage.url, {"content-type": "text/plain"}, "image/png", str(file), 300_000
        )
        assert (
            storage.heads[0].lower().count("content-type") == 1 and "text/plain" in storage.heads[0]
        )


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("403 Forbidden", PlatformRefused),
        ("307 Moved", PlatformRefused),
        ("408 Request Timeout", PlatformUnavailable),
        ("503 Slow Down", PlatformUnavailable),
    ],
)
async def test_what_is_no_success_says_its_status_and_hides_the_url(uploader, file, status, kind):
    async with Storage(status) as storage:
        with pytest.raises(kind) as raised:
            await uploader().put(f"{storage.url}/p?sig=SECRET", {}, "image/png", str(file), 300_000)
        assert raised.value.status == int(status[:3])
        assert len(storage.heads) == 1, "a redirect is not followed"
        assert "SECRET" not in str(raised.value) and raised.value.__cause__ is None


SAID = {
    "xml": (
        b"<?xml version='1.0'?>\n<Error><Code>EntityTooLarge</Code><Message>Yours &amp; mine\n"
        b"</Message><Key>k</Key></Error>",
        "Yours & mine",
        "EntityTooLarge",
    ),
    "xml with a namespace": (
        b'\xef\xbb\xbf<s:Error xmlns:s="x"><s:Code>A.b-C_1</s:Code><s:Message lang="en"><![CDATA[no <way>'
        b"]]></s:Message></s:Error>",
        "no <way>",
        "A.b-C_1",
    ),
    "json": (b'{"code":"InvalidDigest","message":"bad md5"}', "bad md5", "InvalidDigest"),
    "other names": (b'{"errorCode":4000,"description":"no"}', "no", "4000"),
    "nested": (b'{"error":{"code":"x.y","message":"inside"}}', "inside", "x.y"),
    "words": (b"no room", "no room", ""),
    "html": (b"<html><body>Bad</body></html>", "", ""),
    "nothing": (b"", "", ""),
    "a secret": (b"<Error><Message>sig CANARYSIG sig=abc</Message></Error>", "sig … sig=…", ""),
}


TO_DO = {
    307: "redirects are not followed",
    400: "correct the file",
    401: "send the file again",
    403: "send the file again",
    408: "check the way there",
    413: "send a smaller file",
    415: "send a file of another type",
    422: "correct the file",
    429: "lower attachments.inflight_max",
    500: "tell the support of the storage",
}


@pytest.mark.parametrize("status", TO_DO)
async def test_http_3_a_failed_put_says_what_to_do(uploader, file, status):
    async with Storage(f"{status} Whatever") as storage:
        with pytest.raises(PlatformError) as raised:
            await uploader().put(storage.url, {}, "image/png", str(file), 300_000)
    said, _, remedy = str(raised.value).partition("; ")
    assert (said, TO_DO[status] in remedy) == (f"the storage answered {status}", True), remedy


@pytest.mark.parametrize("case", SAID)
async def test_http_3_what_the_storage_says_is_told(uploader, file, case):
    said, words, code = SAID[case]
    async with Storage("400 Bad Request", said=said, header="x-amz-request-id: R1") as storage:
        with pytest.raises(PlatformRefused) as raised:
            url = f"{storage.url}/p?sig=CANARYSIG"
            await uploader().put(url, {}, "image/png", str(file), 300_000)
    error = raised.value
    assert (error.args, error.platform_code, error.correlation_id) == (
        (f"the storage answered 400 {words}".strip(),),
        code,
        "R1",
    )


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("x-amz-request-id: R1", b""),
        ("x-ms-request-id: R1", b""),
        ("", b"<Error><Code>A</Code><RequestId>R1</RequestId></Error>"),
        ("x-request-id: no id", b"<s:Error xmlns:s='x'><s:RequestId> R1\n</s:RequestId></s:Error>"),
    ],
    ids=repr,
)
async def test_http_3_the_storages_request_id_is_told_wherever_it_says_it(
    uploader, file, header, said
):
    async with Storage("400 Bad Request", said=said, header=header or "x-none: 1") as storage:
        with pytest.raises(PlatformRefused) as raised:
            await uploader().put(storage.url, {}, "image/png", str(file), 300_000)
    assert raised.value.correlation_id == "R1"


@pytest.mark.parametrize("way", ["reset", "stall", "closed", "name", "plain", "scheme"])
async def test_http_3_an_upload_without_an_answer_says_what_to_do(uploader, file, way):
    """And why: a failed handshake is not an address that cannot be reached."""

    async def answer(reader, writer):
        if way == "reset":
            writer.transport.abort()
        else:
            await asyncio.sleep(5.0)

    async def in_plain_text(reader, writer):
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await reader.read(1)
        writer.close()

    plain = await asyncio.start_server(in_plain_text, "127.0.0.1", 0)
    async with plain, Storage(answer=answer) as storage:
        urls = {
            "closed": "http://127.0.0.1:1/p",
            "name": "http://no-such-host.invalid/p",
            "plain": f"https://127.0.0.1:{plain.sockets[0].getsockname()[1]}/p",
            "scheme": "ftp://storage.test/p",
        }
        with pytest.raises(PlatformError) as raised:
            put = uploader(stall_timeout_s=1.0).put
            await put(urls.get(way, f"{storage.url}/p"), {}, "a/b", str(file), 300_000)
    wanted = {
        "reset": ("the connection broke", "send the file again"),
        "stall": ("stood still", "send the file again"),
        "closed": ("cannot be reached: connection refused at", "send the file again"),
        "name": ("the name cannot be resolved", "send the file again"),
        "plain": ("TLS was spoken to a port that answers in plain text", "send the file again"),
        "scheme": ("is not https", "tell the platform's support"),
    }
    said, remedy = wanted[way]
    assert (said in raised.value.args[0], raised.value.remedy[: len(remedy)]) == (
        True,
        remedy,
    ), raised.value


@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Slow Down"])
async def test_http_1_the_storages_retry_after_is_read(uploader, file, status):
    async with Storage(status, header="Retry-After: 6") as storage:
        with pytest.raises(PlatformUnavailable, match="wait 6 s") as raised:
            await uploader().put(storage.url, {}, "image/png", str(file), 300_000)
    assert raised.value.retry_after_s == 6.0


async def test_a_storage_that_stops_reading_is_given_up_after_the_stall_time(uploader, tmp_path):
    path = tmp_path / "large.bin"
    path.write_bytes(bytes(30_000_000))

    async def stand_still(reader, writer):
        await asyncio.sleep(5.0)

    async with Storage(answer=stand_still) as storage:
        with pytest.raises(PlatformUnavailable, match="stood still"):
            await uploader(stall_timeout_s=0.2).put(
                f"{storage.url}/?sig=SECRET", {}, "a/b", str(path), 30_000_000
            )


async def test_a_slow_upload_that_moves_is_let_go_on(uploader, tmp_path):
    """Longer over all than the stall time, but never still for so long."""
    path = tmp_path / "large.bin"
    path.write_bytes(bytes(20_000_000))

    pauses = 0

    async def read_slowly(reader, writer):
        nonlocal pauses
        left = 20_000_000
        while left:
            left -= len(await reader.read(100_000))
            pauses += 1
            await asyncio.sleep(0.009)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    async with Storage(answer=read_slowly) as storage:
        await uploader(stall_timeout_s=1.5).put(storage.url, {}, "a/b", str(path), 20_000_000)
        assert pauses * 0.009 > 1.5


async def test_a_connection_that_breaks_and_nobody_there(uploader, file):
    async def abort(reader, writer):
        writer.transport.abort()

    async with Storage(answer=abort) as storage:
        with pytest.raises(PlatformUnavailable) as raised:
            await uploader().put(f"{storage.url}/?sig=SECRET", {}, "a/b", str(file), 300_000)
        assert "SECRET" not in str(raised.value)
    with pytest.raises(PlatformUnavailable, match="cannot be reached") as raised:
        await uploader().put(f"{storage.url}/?sig=SECRET", {}, "a/b", str(file), 300_000)
    assert "SECRET" not in str(raised.value)


@pytest.mark.parametrize(
    ("url", "headers"),
    [
        ("http://127.0.0.1:1/", {"a": "b\r\nEvil: yes"}),
        ("ftp://x/", {}),
        ("no url", {}),
        ("http://[::1/", {}),
        ("http://127.0.0.1:1/" + "x" * 20_000, {}),
        ("http://127.0.0.1:1/", {f"x-{n}": "y" for n in range(100)}),
        ("http://127.0.0.1:1/", {"x-long": "y" * 20_000}),
        ("http://127.0.0.1:1/", {"no name": "y"}),
        ("http://127.0.0.1:1/", {"": "y"}),
        ("http://127.0.0.1:1/", {"x-half": "\ud800"}),
    ],
    ids=lambda value: ascii(value)[:30],
)
async def test_urls_and_headers_that_make_no_request_are_refused(uploader, file, url, headers):
    with pytest.raises(PlatformRefused):
        await uploader().put(url, headers, "a/b", str(file), 300_000)


async def test_a_platform_behind_tls_may_not_send_us_to_plain_http(uploader, file):
    async with Storage() as storage:
        with pytest.raises(PlatformRefused, match="not https"):
            await uploader(secure_only=True).put(storage.url, {}, "a/b", str(file), 300_000)
        assert not storage.heads


async def test_tls_is_trusted_by_the_same_ca_file(uploader, file, tmp_path):
    certificate, key, ca = ensure_certificate(tmp_path, ("localhost",))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    async with Storage(tls=context) as storage:
        url = f"https://localhost:{storage.port}/put"
        with pytest.raises(PlatformRefused, match="certificate"):
            await uploader().put(url, {}, "a/b", str(file), 300_000)
        await uploader(ca_file=str(ca), secure_only=True).put(url, {}, "a/b", str(file), 300_000)
        assert storage.bodies == [file.read_bytes()]
    with pytest.raises(ConfigError):
        uploader(ca_file=str(tmp_path / "none.pem"))


async def test_connect_to_leads_everything_to_one_place(uploader, file):
    async with Storage() as storage:
        to = f"127.0.0.1:{storage.port}"
        await uploader(connect_to=to).put(
            "http://bucket.example.org/x", {}, "a/b", str(file), 300_000
        )
        assert "Host: bucket.example.org\r\n" in storage.heads[0]


async def test_a_copy_that_is_gone_changed_or_no_plain_file(uploader, file, tmp_path):
    put = uploader().put
    with pytest.raises(SpoolError, match="gone"):
        await put("http://127.0.0.1:1/", {}, "a/b", str(tmp_path / "none"), 1)
    with pytest.raises(SpoolError, match="300000 bytes, not 7"):
        await put("http://127.0.0.1:1/", {}, "a/b", str(file), 7)
    link = tmp_path / "link"
    link.symlink_to(file)
    with pytest.raises(SpoolError):
        await put("http://127.0.0.1:1/", {}, "a/b", str(link), 300_000)


async def test_a_cancelled_put_leaves_no_open_file(uploader, file):
    async def stand_still(reader, writer):
        await asyncio.sleep(2.0)

    async with Storage(answer=stand_still) as storage:
        one = uploader()
        task = asyncio.ensure_future(one.put(storage.url, {}, "a/b", str(file), 300_000))
        while not storage.heads:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        names = [
            os.readlink(f"/proc/self/fd/{fd}")
            for fd in os.listdir("/proc/self/fd")
            if _is_there(fd)
        ]
        assert str(file) not in names


def _is_there(fd):
    return os.path.lexists(f"/proc/self/fd/{fd}")


XML = (
    b"<Error><Code>Denied</Code><Message>the signature deadbeef0123 is wrong</Message>"
    b"<RequestId>R1</RequestId></Error>"
)


@pytest.mark.parametrize("at", [10, 57, 90])
@pytest.mark.parametrize("is_whole", [True, False])
async def test_http_3_a_storages_words_are_read_in_all_their_pieces(uploader, file, at, is_whole):
    """Of an answer that breaks off the status is told, and no part of what it repeats."""

    async def answer(reader, writer):
        await reader.readexactly(300_000)
        head = f"HTTP/1.1 403 Forbidden\r\nContent-Length: {len(XML)}\r\n\r\n"
        writer.write(head.encode() + XML[:at])
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.write(XML[at:] if is_whole else b"")
        await writer.drain()

    async with Storage(answer=answer) as storage:
        with pytest.raises(PlatformRefused) as raised:
            url = f"{storage.url}/p?sig=deadbeef0123"
            await uploader().put(url, {}, "image/png", str(file), 300_000)
    error = raised.value
    told = (error.status, error.platform_code, error.correlation_id, "deadbeef" in str(error))
    assert told == (403, *(("Denied", "R1") if is_whole else ("", "")), False)


async def test_http_3_a_refusal_whose_words_stand_still_is_told_by_its_status(
    uploader, file, monkeypatch
):
    """However soon a file that stands still is given up."""
    monkeypatch.setattr("guestd.transport.upload.BODY_TIMEOUT_S", 1.0)

    async def answer(reader, writer):
        await reader.readexactly(300_000)
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 100\r\n\r\n<Error>")
        await reader.read()  # until the client has gone

    async with Storage(answer=answer) as storage:
        with pytest.raises(PlatformRefused) as raised:
            put = uploader(stall_timeout_s=0.2).put
            await put(storage.url, {}, "image/png", str(file), 300_000)
    assert raised.value.status == 403
