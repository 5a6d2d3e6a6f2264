"""Files over the control API (SOCK-6), over real HTTP to the daemon and from there to the
emulator's storage."""

from __future__ import annotations

import asyncio
import hashlib
import json
from pathlib import Path

import aiohttp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

PNG = b"\x89PNG" + bytes(range(256)) * 4000


async def status_and_body(answer):
    return answer.status, await answer.json(content_type=None)


def stored(stack):
    """What the emulator took for the guest: {file name: SHA-256}."""
    session = next(iter(stack.emulator.world.sessions.values()))
    return {one.name: one.sha256 for one in (session.attachments or {}).values() if one.sent}


def copies(stack):
    return list(Path(stack.spool._directory).iterdir())


@pytest.fixture
def asked(new_stack):
    """A stack with the live guest session ana, and a client: (stack, post)."""

    class Asked:
        def __init__(self, **more):
            self._stack = new_stack(**more)

        async def __aenter__(self):
            stack = await self._stack.__aenter__()
            self._session = aiohttp.ClientSession(stack.http.url)
            async with self._session.post("/v1/sessions", json={"name": "ana"}) as answer:
                assert answer.status == 201
            await stack.until(lambda: stack.live() == 1)

            async def post(data, query="", **more):
                async with self._session.post(
                    f"/v1/sessions/ana/attachments{query}", data=data, **more
                ) as answer:
                    return await status_and_body(answer)

            return stack, post

        async def __aexit__(self, *what):
            await self._session.close()
            await self._stack.__aexit__(*what)

    return Asked


def form(**fields):
    found = aiohttp.FormData(default_to_multipart=True)
    for name, value in fields.items():
        if name == "file":
            found.add_field("file", value, filename="lamp.png", content_type="image/png")
        else:
            found.add_field(name, value)
    return found


async def test_sock_6_a_form_is_sent_with_its_caption_and_only_once(asked):
    async with asked() as (stack, post):
        for _ in range(2):
            status, found = await post(form(command_id="f1", file=PNG, caption="my lamp"))
            assert (status, found["command_id"]) == (202, "f1")
        await stack.until(lambda: stored(stack) == {"lamp.png": hashlib.sha256(PNG).hexdigest()})
        await stack.until(lambda: not copies(stack))
        session = next(iter(stack.emulator.world.sessions.values()))
        assert len(session.attachments) == 1


async def test_sock_6_a_raw_body_is_sent(asked):
    async with asked() as (stack, post):
        headers = {"Content-Type": "image/png", "Idempotency-Key": "f2"}
        status, found = await post(PNG, "?filename=raw.png&caption=hello", headers=headers)
        assert (status, found["command_id"]) == (202, "f2")
        await stack.until(lambda: stored(stack) == {"raw.png": hashlib.sha256(PNG).hexdigest()})


async def test_what_is_no_good_is_refused_and_leaves_nothing(asked):
    two = form(file=PNG)
    two.add_field("file", PNG, filename="again.png")
    raw = {"headers": {"Content-Type": "image/png"}}
    broken = {"headers": {"Content-Type": "multipart/form-data; boundary=x"}}
    async with asked(spool={"file_bytes_max": len(PNG)}) as (stack, post):
        for data, query, more, status, field in (
            (PNG, "", raw, 422, "query.filename"),
            (b"", "?filename=a.png", raw, 422, "file"),
            (PNG + b"x", "?filename=a.png", raw, 413, None),
            (form(caption="x"), "", {}, 422, "file"),
            (form(file=PNG), "?filename=a.png", {}, 422, "query.filename"),
            (form(file=PNG, wish="x"), "", {}, 422, "wish"),
            (form(file=PNG, command_id="a b"), "", {}, 422, "command_id"),
            (form(file=PNG, caption="x" * 20_000), "", {}, 413, "caption"),
            (
                form(file=PNG, command_id="a"),
                "",
                {"headers": {"Idempotency-Key": "b"}},
                409,
                "command_id",
            ),
            (two, "", {}, 422, "file"),
            (
                b"--x\r\nContent-Disposition: form-data; name=file; filename=a\r\n\r\nabc",
                "",
                broken,
                400,
                None,
            ),
            (b"nothing of the kind", "", broken, 400, None),
        ):
            found = await post(data, query, **more)
            assert (found[0], found[1].get("field")) == (status, field), found
        async with asyncio.timeout(30.0):
            while copies(stack):  # a refused copy goes in a thread, perhaps after the answer
                await asyncio.sleep(0.01)
        assert not stored(stack)


async def test_nobody_to_send_it_is_said_before_the_file_is_read(asked):
    async with asked() as (stack, post):
        async with aiohttp.ClientSession(stack.http.url) as session:
            async with session.post(
                "/v1/sessions/nobody/attachments?filename=a.png", data=b"abc"
            ) as answer:
                assert answer.status == 404


async def test_a_file_that_stops_coming_is_given_up(asked):
    async def half():
        yield PNG
        await asyncio.sleep(5.0)

    async with asked(control={"body_timeout_s": 0.2}) as (stack, post):
        status, _ = await post(half(), "?filename=a.png", headers={"Content-Type": "image/png"})
        assert status == 408
        await stack.until(lambda: not copies(stack))


async def test_a_file_too_many_is_told_to_come_back(asked):
    async with asked(control={"uploads_max": 1}) as (stack, post):
        held = asyncio.Event()

        async def slowly():
            yield PNG
            await held.wait()

        headers = {"Content-Type": "image/png"}
        first = asyncio.ensure_future(post(slowly(), "?filename=a.png", headers=headers))
        await stack.until(lambda: copies(stack))
        assert (await post(PNG, "?filename=b.png", headers=headers))[0] == 503
        held.set()
        assert (await first)[0] == 202


HEAD = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n'
CAPTION = b'--x\r\nContent-Disposition: form-data; name="caption"\r\n\r\nhello\r\n'
END = b"\r\n--x--\r\n"
BAD_FORMS = {
    "a part header of 2 MB": (HEAD + b"X-Long: " + b"a" * 2_000_000 + b"\r\n\r\nabc" + END, 400),
    "100,000 part headers": (HEAD + b"X: y\r\n" * 100_000 + b"\r\nabc" + END, 400),
    "no boundary in the body": (b"abc\r\n" * 1000, 400),
    "nothing": (b"", 400),
    "only the end": (b"--x--\r\n", 422),
    "breaks off in a part": (HEAD + b"\r\nabc", 400),
    "breaks off in part headers": (HEAD, 422),
    "NUL in the file name": (HEAD.replace(b"a.png", b"a\0.png") + b"\r\nabc" + END, 400),
    "a new line in the file name": (
        HEAD.replace(b'="a.png"', b"*=UTF-8''a%0A.png") + b"\r\nabc" + END,
        422,
    ),
    "half a surrogate in the file name": (
        HEAD.replace(b"a.png", b"a\xed\xa0\x80.png") + b"\r\nabc" + END,
        422,
    ),
    "a wrong disposition": (HEAD.replace(b"form-data", b";;=") + b"\r\nabc" + END, 400),
    "no disposition": (b"--x\r\n\r\nabc" + END, 422),
    "a wrong Content-Length in the part": (HEAD + b"Content-Length: -1\r\n\r\nabc" + END, None),
    "base64": (HEAD + b"Content-Transfer-Encoding: base64\r\n\r\n!!!" + END, 415),
    "quoted-printable": (
        HEAD + b"Content-Transfer-Encoding: quoted-printable\r\n\r\n=ZZ" + END,
        415,
    ),
    "an unknown transfer encoding": (
        HEAD + b"Content-Transfer-Encoding: rot13\r\n\r\nabc" + END,
        415,
    ),
    "a form in the form": (
        HEAD + b"Content-Type: multipart/mixed; boundary=y\r\n\r\n--y--\r\n" + END,
        422,
    ),
    "a form without boundary in the form": (
        HEAD + b"Content-Type: multipart/mixed\r\n\r\n" + END,
        400,
    ),
    "an unknown character set": (
        b'--x\r\nContent-Disposition: form-data; name="_charset_"\r\n\r\n\xff' + END,
        400,
    ),
    "a long character set": (
        b'--x\r\nContent-Disposition: form-data; name="_charset_"\r\n\r\n' + b"u" * 99 + END,
        400,
    ),
    "two captions": (CAPTION + CAPTION + HEAD + b"\r\nabc" + END, 422),
    "an empty file": (HEAD + b"\r\n" + END, 422),
    "a huge name": (HEAD.replace(b"a.png", b"a" * 5000 + b".png") + b"\r\nabc" + END, 422),
    "a huge field": (HEAD.replace(b'"file"', b'"' + b"f" * 5000 + b'"') + b"\r\nabc" + END, 422),
}


async def raw_form(stack, body, length=None):
    """The form as it is, on a connection of its own; then a second request there. The statuses,
    None for none."""
    reader, writer = await asyncio.open_connection("127.0.0.1", stack.http.port)
    head = "POST /v1/sessions/ana/attachments HTTP/1.1\r\nHost: localhost\r\nContent-Length: "
    media = "\r\nContent-Type: multipart/form-data; boundary=x\r\n\r\n"
    writer.write(f"{head}{len(body) if length is None else length}{media}".encode() + body)
    try:
        first, is_open = await one_answer(reader)
        second = None
        if is_open:
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            second, _ = await one_answer(reader)
        return first, second
    finally:
        writer.close()


async def one_answer(reader):
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    body = await reader.readexactly(int(head.split(b"content-length: ")[1].split(b"\r\n")[0]))
    status = int(head.split()[1])
    if status >= 400:
        found = json.loads(body)
        assert found["detail"] and found["status"] == status
    return status, b"connection: close" not in head


@pytest.mark.parametrize("what", BAD_FORMS)
async def test_a_mistake_in_a_form_is_told_and_costs_at_most_the_connection(asked, what, caplog):
    body, expected = BAD_FORMS[what]
    async with asked() as (stack, _):
        status, again = await raw_form(stack, body)
        assert status == expected or (expected is None and status in (202, 400))
        assert again in (200, None)
        assert "500" not in stack.metrics.control_answers
        assert [one for one in caplog.records if one.levelname == "ERROR"] == []
        if status != 202:
            await stack.until(lambda: not copies(stack))


async def test_a_body_that_is_not_read_closes_its_connection(asked):
    async with asked(spool={"file_bytes_max": 100_000}) as (stack, _):
        body = HEAD + b"\r\n" + b"a" * 4_000_000 + END
        assert await raw_form(stack, body) == (413, None)


async def test_a_file_that_drips_is_given_up(asked):
    async def drips():
        while True:
            yield b"a"
            await asyncio.sleep(0.02)

    rate = {"body_timeout_s": 0.3, "upload_bytes_per_s_min": 1_000_000}
    async with asked(control=rate) as (stack, post):
        status, _ = await post(drips(), "?filename=a.png", headers={"Content-Type": "image/png"})
        assert status == 408
        await stack.until(lambda: not copies(stack))


PIECES = st.one_of(
    st.sampled_from(
        [
            HEAD,
            CAPTION,
            END,
            b"--x",
            b"\r\n",
            b"\r\n\r\n",
            b"--",
            b"Content-Type: text/plain; charset=\xff",
        ]
    ),
    st.sampled_from(
        [
            b"Content-Transfer-Encoding: base64\r\n",
            b"Content-Length: 3\r\n",
            b"Content-Encoding: gzip\r\n",
        ]
    ),
    st.binary(max_size=40),
)


async def test_no_form_whatever_is_a_500(asked):
    async with asked() as (stack, _):
        loop = asyncio.get_running_loop()

        @settings(max_examples=150, derandomize=True, database=None)
        @given(st.lists(PIECES, max_size=12).map(b"".join))
        def try_it(body):
            status, again = asyncio.run_coroutine_threadsafe(raw_form(stack, body), loop).result(
                20.0
            )
            assert status < 500 and again in (200, None)

        await asyncio.to_thread(try_it)
        assert "500" not in stack.metrics.control_answers
