"""What a page in a browser needs of the port: CORS for those that are let in, and for the others a
reason that can be found."""

from __future__ import annotations

import asyncio
import contextlib
import io

import aiohttp
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from guestd.api import handshakes

from .control_client import opened, settled
from .frontend_client import frame, open_frontend

PAGE = "http://localhost:5173"
FOREIGN = "https://evil.example.org"
ALLOWED = ("https://*.example.com", "null", "capacitor://localhost", "http://192.168.1.5:5173")


def preflight(method="POST", headers="content-type,authorization", origin=PAGE, **more):
    return {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": headers,
        **more,
    }


async def ask(stack, method, path, **more):
    async with (
        aiohttp.ClientSession(stack.http.url) as session,
        session.request(method, path, **more) as answer,
    ):
        await answer.read()
        return answer.status, answer.headers


async def refused_socket(stack, query="?guest=a", **more):
    """The error frame and the close of a socket that is refused."""
    async with open_frontend(stack, query, **more) as socket:
        said = await frame(socket)
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
    return said, closed.value.rcvd


class TestCors:
    @pytest.mark.parametrize(
        "path", ["/v1/sessions", "/v1/sessions/ana/attachments", "/v1/nothing", "/readyz"]
    )
    async def test_a_preflight_is_answered_before_the_token_is_asked_for(self, new_stack, path):
        async with new_stack(control={"token": "a-token-of-enough-length"}) as stack:
            status, headers = await ask(stack, "OPTIONS", path, headers=preflight())
            assert status == 204
            assert headers["Access-Control-Allow-Origin"] == PAGE
            for method in ("GET", "POST", "PUT", "DELETE"):
                assert method in headers["Access-Control-Allow-Methods"]
            for name in ("Authorization", "Content-Type", "Idempotency-Key", "Last-Event-ID"):
                assert name in headers["Access-Control-Allow-Headers"]
            assert int(headers["Access-Control-Max-Age"]) > 0
            assert "Origin" in headers["Vary"]
            assert "Access-Control-Allow-Private-Network" not in headers

    async def test_a_page_may_reach_a_private_network_if_it_asks(self, new_stack):
        async with new_stack() as stack:
            asked = preflight(**{"Access-Control-Request-Private-Network": "true"})
            _, headers = await ask(stack, "OPTIONS", "/v1/sessions", headers=asked)
            assert headers["Access-Control-Allow-Private-Network"] == "true"

    async def test_options_without_a_preflight_is_a_method_like_others(self, new_stack):
        async with new_stack() as stack:
            assert (await ask(stack, "OPTIONS", "/v1/sessions"))[0] == 405
            assert (await ask(stack, "OPTIONS", "/metrics", headers=preflight("GET")))[0] == 405

    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [
            ("GET", "/readyz", 200),
            ("GET", "/v1/sessions", 200),
            ("GET", "/v1/sessions/nobody", 404),
            ("GET", "/v1/nothing", 404),
            ("PATCH", "/v1/sessions", 405),
            ("POST", "/v1/sessions", 415),
        ],
    )
    async def test_every_answer_may_be_read(self, new_stack, method, path, status):
        async with new_stack() as stack:
            found, headers = await ask(stack, method, path, headers={"Origin": PAGE})
            assert found == status
            assert headers["Access-Control-Allow-Origin"] == PAGE
            assert headers["Vary"] == "Origin"
            for name in ("Location", "Retry-After", "WWW-Authenticate"):
                assert name in headers["Access-Control-Expose-Headers"]
            assert "Access-Control-Allow-Credentials" not in headers

    async def test_so_may_a_refusal_for_want_of_the_token(self, new_stack):
        async with new_stack(control={"token": "a-token-of-enough-length"}) as stack:
            status, headers = await ask(stack, "GET", "/v1/sessions", headers={"Origin": PAGE})
            assert status == 401 and headers["Access-Control-Allow-Origin"] == PAGE

    async def test_without_an_origin_only_the_cache_is_told(self, new_stack):
        async with new_stack() as stack:
            _, headers = await ask(stack, "GET", "/v1/sessions")
            assert headers["Vary"] == "Origin" and "Access-Control-Allow-Origin" not in headers

    async def test_metrics_are_not_for_pages(self, new_stack):
        async with new_stack() as stack:
            status, headers = await ask(stack, "GET", "/metrics", headers={"Origin": PAGE})
            assert status == 200 and "Access-Control-Allow-Origin" not in headers

    @pytest.mark.parametrize("method", ["GET", "OPTIONS"])
    async def test_a_foreign_page_reads_nothing(self, new_stack, method):
        async with new_stack() as stack:
            asked = preflight(origin=FOREIGN) if method == "OPTIONS" else {"Origin": FOREIGN}
            status, headers = await ask(stack, method, "/v1/sessions", headers=asked)
            assert status == 403 and "Access-Control-Allow-Origin" not in headers
            assert headers["Vary"] == "Origin"

    @pytest.mark.parametrize(
        ("origin", "allowed"),
        [
            ("https://a.example.com", True),
            ("https://a.b.example.com", False),
            ("https://example.com", False),
            ("null", True),
            ("capacitor://localhost", True),
            ("ionic://localhost", False),
            ("http://192.168.1.5:5173", True),
            ("http://192.168.1.5", False),
        ],
    )
    async def test_the_list_of_origins(self, new_stack, origin, allowed):
        async with new_stack(api={"origins_allowed": ALLOWED}) as stack:
            status, headers = await ask(stack, "GET", "/readyz", headers={"Origin": origin})
            assert status == (200 if allowed else 403)
            assert headers.get("Access-Control-Allow-Origin") == (origin if allowed else None)

    async def test_an_event_stream_and_its_return(self, new_stack):
        """As an EventSource asks: no preflight, and on its return Last-Event-ID."""
        source = {"Origin": PAGE, "Accept": "text/event-stream", "Cache-Control": "no-cache"}
        async with (
            new_stack() as stack,
            aiohttp.ClientSession(stack.http.url) as session,
        ):
            async with session.post("/v1/sessions", json={"name": "ana"}) as answer:
                assert answer.status == 201
            path = "/v1/sessions/ana/events"
            async with session.get(path, headers=source) as stream:
                assert stream.headers["Access-Control-Allow-Origin"] == PAGE
                assert stream.headers["Vary"] == "Origin"
                assert stream.content_type == "text/event-stream"
                assert (await stream.content.readline()).startswith(b"id: 1")
            async with session.delete("/v1/sessions/ana") as answer:
                assert answer.status == 202
            await stack.until(lambda: stack.fleet.find("ana") is None)
            gone = {**source, "Last-Event-ID": "9"}
            async with session.get(path, headers=gone) as stream:
                assert stream.status in (204, 404)
                assert stream.headers["Access-Control-Allow-Origin"] == PAGE


class TestRefusals:
    async def test_a_refused_page_can_read_why_on_its_socket(self, new_stack, caplog):
        async with new_stack() as stack:
            said, closed = await refused_socket(stack, origin=FOREIGN)
            assert said["code"] == "origin_refused" and closed.code == 1008
            assert closed.reason.startswith(f"origin '{FOREIGN}' is not allowed; add it to")
            assert stack.fleet.find("a") is None and not stack.metrics.watchers
        assert (
            f"refused the origin '{FOREIGN}': to let it in, write under [simulator]:"
            f' origins_allowed = ["{FOREIGN}"]' in caplog.text
        )

    async def test_what_it_sends_reaches_nothing(self, new_stack):
        async with new_stack() as stack, open_frontend(stack, "?guest=a", origin=FOREIGN) as page:
            with contextlib.suppress(ConnectionClosed):
                await page.send('{"action": "send", "text": "hello"}')
            assert (await frame(page))["code"] == "origin_refused"
            with pytest.raises(ConnectionClosed):
                await page.recv()
            assert not stack.emulator.world.sessions and stack.fleet.find("a") is None

    async def test_a_page_under_an_unknown_host_too(self, new_stack, caplog):
        headers = {"Host": "guestd:3000"}
        async with new_stack(api={"hosts_allowed": ("sim",)}) as stack:
            async with aiohttp.ClientSession(stack.http.url) as session:
                async with session.ws_connect("/", headers=headers, origin=PAGE) as socket:
                    assert (await socket.receive_json())["code"] == "no_such_host"
                    await socket.receive()
                    assert socket.close_code == 1008
                with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                    await session.ws_connect("/", headers=headers)
                assert refused.value.status == 421, "a program reads the status"
        assert 'write under [simulator]: hosts_allowed = ["sim", "guestd"]' in caplog.text

    @pytest.mark.parametrize("path", ["/socket", "/v2/sessions", "/ws/?guest=a"])
    async def test_a_page_at_another_path_too(self, new_stack, path):
        async with new_stack() as stack, aiohttp.ClientSession(stack.http.url) as session:
            async with session.ws_connect(path, origin=PAGE) as socket:
                said = await socket.receive_json()
                await socket.receive()
                assert said["code"] == "not_found" and socket.close_code == 1008
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await session.ws_connect(path)
            assert refused.value.status == 404, "a program reads the status"
            async with session.get(path, headers={"Upgrade": "websocket"}) as answer:
                assert f"connect to ws://{answer.url.authority}/?guest=NAME" in await answer.text()
            async with session.get("/chat") as answer:
                assert answer.status == 404 and "WebSocket are at /" in await answer.text()
            assert said["error"].startswith("no WebSocket is served at this path; connect to ws://")
            assert stack.fleet.find("a") is None

    async def test_a_page_without_the_token_too(self, new_stack):
        async with new_stack(api={"token": "a-token-of-enough-length"}) as stack:
            said, closed = await refused_socket(stack, origin=PAGE)
            assert said["code"] == "unauthorized" and closed.code == 1008
            assert "simulator.token" in closed.reason

    async def test_each_is_said_once_and_not_for_ever(self, new_stack, caplog):
        async with new_stack() as stack:
            for n in range(150):
                for _ in range(2):
                    headers = {"Origin": f"https://{n}.evil.example.org"}
                    assert (await ask(stack, "GET", "/readyz", headers=headers))[0] == 403
            told = [one for one in caplog.messages if "refused" in one]
        assert len(told) == len(set(told)) == 101
        assert told[-1].startswith("more pages and hosts are refused")

    @pytest.mark.parametrize(
        ("origin", "said"),
        [
            ("null", 'sandboxed frame), write under [simulator]: origins_allowed = ["null"]'),
            ("http://[", "no entry of simulator.origins_allowed can let it in"),
            ("https://x\x1b[31m", "no entry of"),
        ],
    )
    async def test_an_odd_one_is_said_as_it_is(self, new_stack, caplog, origin, said):
        async with new_stack() as stack:
            headers = {"Origin": origin}
            try:
                assert (await ask(stack, "GET", "/readyz", headers=headers))[0] in (400, 403)
            except ValueError:
                return  # the client does not send it
        assert said in caplog.text and "\x1b" not in caplog.text

    async def test_a_page_that_hides_its_origin_is_found_by_its_referer(self, new_stack, caplog):
        headers = {"Sec-Fetch-Site": "cross-site", "Referer": f"{FOREIGN}/secret?page"}
        async with new_stack() as stack:
            assert (await ask(stack, "GET", "/v1/sessions", headers=headers))[0] == 403
        assert f'origins_allowed = ["{FOREIGN}"]' in caplog.text and "secret" not in caplog.text

    async def test_handshakes_of_refused_pages_are_paced_as_any(self, new_stack, monkeypatch):
        monkeypatch.setattr(handshakes, "WAIT_MAX_S", 0.0)
        async with new_stack(api={"frontends_max": 2, "frontends_per_address_max": 2}) as stack:
            for _ in range(2):
                assert (await refused_socket(stack, origin=FOREIGN))[1].code == 1008
            with pytest.raises(InvalidStatus) as paced:
                await asyncio.gather(*(refused_socket(stack, origin=FOREIGN) for _ in range(8)))
            assert paced.value.response.status_code == 429


async def test_a_session_is_opened_from_a_page_and_said_where(new_stack, client_of):
    async with new_stack() as stack, client_of(stack, headers={"Origin": PAGE}) as client:
        session_id = await opened(stack, client)
        status, _, headers = await client.post("/v1/sessions", {"name": "leo"})
        assert status == 201 and headers["Location"].startswith("/v1/sessions/")
        assert headers["Access-Control-Allow-Origin"] == PAGE and session_id


MEGABYTE = 1024 * 1024


class TestFiles:
    async def test_nine_megabytes_go_up_from_a_page(self, new_stack, client_of):
        file = bytes(range(256)) * (9 * 4096)
        assert len(file) == 9 * MEGABYTE
        async with new_stack() as stack, client_of(stack, headers={"Origin": PAGE}) as client:
            await opened(stack, client)
            form = aiohttp.FormData()
            form.add_field("file", io.BytesIO(file), filename="film.png", content_type="image/png")
            status, found, headers = await client.post("/v1/sessions/ana/attachments", data=form)
            assert status == 202 and headers["Access-Control-Allow-Origin"] == PAGE
            done = await settled(client, found["command_id"])
            assert done["status"] == "confirmed"
            _, page, _ = await client.get("/v1/sessions/ana/events?limit=1000")
            events = [one for one in page["events"] if one["kind"] == "attachment"]
            assert [one["status"] for one in events] == ["asked", "uploading", "uploaded"]
            assert {one["size_bytes"] for one in events} == {len(file)}

    async def test_the_limit_is_told_before_anything_is_sent(self, new_stack, client_of):
        emulator = {"deployments": ({"file_kilobytes_max": 2048},)}
        async with (
            new_stack(emulator=emulator) as stack,
            client_of(stack) as client,
        ):
            await opened(stack, client)
            _, shown, _ = await client.get("/v1/sessions/ana")
            assert shown["file_bytes_max"] == 2 * MEGABYTE
            async with open_frontend(stack, "?guest=ana") as frontend:
                assert (await frame(frontend))["file_bytes_max"] == 2 * MEGABYTE

    async def test_where_the_platform_allows_more_our_own_counts(self, new_stack, client_of):
        async with new_stack(session={"file_bytes_max": 4096}) as stack, client_of(stack) as client:
            await opened(stack, client)
            assert (await client.get("/v1/sessions/ana"))[1]["file_bytes_max"] == 4096

    async def test_where_no_file_is_taken_it_is_none(self, new_stack, client_of):
        emulator = {"deployments": ({"file_upload": False},)}
        async with new_stack(emulator=emulator) as stack, client_of(stack) as client:
            await opened(stack, client)
            shown = (await client.get("/v1/sessions/ana"))[1]
            assert shown["file_bytes_max"] == 0

    @pytest.mark.parametrize(
        ("media_type", "query", "size"),
        [
            ("image/png", "?filename=a.png", 10 * MEGABYTE + 1),
            ("multipart/form-data; boundary=b", "", 10 * MEGABYTE + 100_000),
        ],
    )
    async def test_a_larger_one_is_refused_by_its_length_alone(
        self, new_stack, client_of, media_type, query, size
    ):
        async with new_stack() as stack, client_of(stack) as client:
            await opened(stack, client)
            reader, writer = await asyncio.open_connection("127.0.0.1", stack.http.port)
            head = (
                f"POST /v1/sessions/ana/attachments{query} HTTP/1.1\r\nHost: localhost\r\n"
                f"Origin: {PAGE}\r\nContent-Type: {media_type}\r\nContent-Length: {size}\r\n\r\n"
            )
            writer.write(head.encode() + b"x" * 1000)
            async with asyncio.timeout(30.0):
                answer = await reader.readuntil(b"\r\n\r\n")
            writer.close()
            assert answer.startswith(b"HTTP/1.1 413 ")
            assert f"Access-Control-Allow-Origin: {PAGE}".encode() in answer

    async def test_one_without_a_length_is_cut_off_at_the_limit(self, new_stack, client_of):
        async def pieces():
            for _ in range(11):
                yield b"x" * MEGABYTE

        async with new_stack() as stack, client_of(stack) as client:
            await opened(stack, client)
            path = "/v1/sessions/ana/attachments?filename=a.png"
            status, found, _ = await client.post(
                path, data=pieces(), headers={"Content-Type": "image/png"}
            )
            assert (status, found["code"]) == (413, "too_large")
            assert str(10 * MEGABYTE) in found["detail"]
