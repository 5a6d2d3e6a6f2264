"""The simulator as frontends see it (SIM-1 … SIM-4), over real sockets, with the emulator behind
it."""

from __future__ import annotations

import asyncio
import base64
import gc
import hashlib
import json
import socket
import weakref

import aiohttp
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from guestd.api.frontend import Frontend

from ..soak.hostile_clients import Target, header, upgraded
from ..soak.hostile_clients import frame as framed


def open_frontend(town, query="", **more):
    return connect(town.ws_url + query, proxy=None, max_size=None, **more)


async def frame(frontend, timeout_s=10.0, **wanted):
    """The next frame that has these values."""
    async with asyncio.timeout(timeout_s):
        while True:
            found = json.loads(await frontend.recv())
            if all(found.get(key) == value for key, value in wanted.items()):
                return found


def intakes(town):
    return [socket._req.transport.get_protocol() for socket in town.http._simulator._sockets]


async def live(frontend):
    return await frame(frontend, kind="session", state="live")


async def test_sim_1_a_plain_client_holds_a_conversation(new_town):
    async with (
        new_town(emulator={"agent": "echo"}) as town,
        open_frontend(town, "?guest=ana") as frontend,
    ):
        hello = await frame(frontend)
        assert hello["kind"] == "hello" and hello["guest"] == "ana"
        await live(frontend)
        await frontend.send(json.dumps({"action": "send", "text": "hello", "command_id": "c1"}))
        seqs, kinds = [], []
        while True:
            found = json.loads(await frontend.recv())
            if "seq" in found and "ok" not in found:
                seqs.append(found["seq"])
            kinds.append(found.get("kind") or "ok")
            if found.get("direction") == "Outbound":
                break
        assert found["text"] == "hello"
        assert seqs == sorted(set(seqs)), "seq grows without repetition"
        assert "ok" in kinds and "accepted" in kinds and "delivery" in kinds


async def test_two_frontends_of_one_guest_see_the_same(new_town):
    async with (
        new_town(emulator={"agent": "echo"}) as town,
        open_frontend(town, "?guest=ana") as first,
    ):
        await live(first)
        async with open_frontend(town, "?guest=ana&since=0") as second:
            await first.send(json.dumps({"action": "send", "text": "hello"}))
            heard = [
                await frame(one, kind="message", direction="Outbound") for one in (first, second)
            ]
            assert heard[0] == heard[1]


async def test_sim_4_a_frontend_that_returns_gets_what_it_missed(new_town):
    async with new_town() as town:
        async with open_frontend(town, "?guest=ana") as frontend:
            last = (await live(frontend))["seq"]
        token = next(iter(town.emulator.world.sessions))
        for n in range(5):
            _, effects = town.emulator.world.agent_says(
                town.emulator.world.sessions[token], f"missed {n}", town.emulator.now()
            )
            town.emulator.perform(effects)
        await town.until(lambda: town.metrics.messages_in >= 5)
        async with open_frontend(town, f"?guest=ana&since={last}") as frontend:
            texts = [(await frame(frontend, kind="message"))["text"] for _ in range(5)]
            assert texts == [f"missed {n}" for n in range(5)]
            await frontend.send(json.dumps({"action": "resume", "since": last}))
            assert (await frame(frontend, kind="message"))["text"] == "missed 0"


async def test_a_since_from_the_future_is_told_and_survived(new_town):
    async with new_town() as town:
        async with open_frontend(town, "?guest=ana") as frontend:
            await live(frontend)
        async with open_frontend(town, "?guest=ana&since=999") as frontend:
            assert (await frame(frontend, field="since"))["code"] == "unknown_since"
            assert (await frame(frontend, kind="session"))["seq"] == 1
            await frontend.send(json.dumps({"action": "send", "text": "x", "command_id": "c"}))
            await frame(frontend, command_id="c", ok=True)


@pytest.mark.parametrize(
    ("sent", "code", "field"),
    [
        ("not json", "bad_json", None),
        ("[]", "bad_json", None),
        ("null", "bad_json", None),
        ("[" * 100_000, "bad_json", None),
        (
            '{"action": "send", "text": "x", "a": ' + "[" * 100_000 + "]" * 100_000 + "}",
            "bad_json",
            None,
        ),
        (b"\x00binary", "bad_json", None),
        ("{}", "unknown_action", "action"),
        ('{"action": "dance"}', "unknown_action", "action"),
        ('{"action": ["send"]}', "unknown_action", "action"),
        ('{"action": "send"}', "invalid", "text"),
        ('{"action": "send", "text": 7}', "invalid", "text"),
        ('{"action": "send", "text": ""}', "invalid", "text"),
        ('{"action": "send", "text": "\\ud800"}', "invalid", "text"),
        (json.dumps({"action": "send", "text": "é" * 2049}), "too_long", "text"),
        ('{"action": "send", "text": "x", "command_id": 5}', "invalid", "command_id"),
        (
            json.dumps({"action": "send", "text": "x", "command_id": "c" * 129}),
            "invalid",
            "command_id",
        ),
        ('{"action": "context"}', "invalid", "data"),
        ('{"action": "context", "data": []}', "invalid", "data"),
        ('{"action": "reply", "text": "x"}', "invalid", "payload"),
        ('{"action": "resume", "since": -1}', "invalid", "since"),
        (
            '{"action": "upload", "filename": "a.png", "contentType": "image/png"}',
            "invalid",
            "buffer",
        ),
        (
            '{"action": "upload", "filename": "a.png", "contentType": "image/png", "buffer": "!!"}',
            "invalid",
            "buffer",
        ),
        (
            '{"action": "upload", "filename": "a.png", "contentType": "image/png", "buffer": ""}',
            "invalid",
            "buffer",
        ),
        (
            (
                '{"action": "upload", "filename": "a.exe", "contentType": "image/png", "buffer":'
                ' "aGk="}'
            ),
            "type",
            "filename",
        ),
        (
            '{"action": "upload", "filename": "a.png", "contentType": "png", "buffer": "aGk="}',
            "type",
            "contentType",
        ),
        (
            (
                '{"action": "upload", "filename": "a", "contentType": "a/b", "buffer": {"type":'
                ' "Buffer", "data": [104, 105]}}'
            ),
            "invalid",
            "filename",
        ),
        (
            (
                '{"action": "upload", "filename": "a.b", "contentType": "a/b", "buffer": {"type":'
                ' "Buffer", "data": [256]}}'
            ),
            "invalid",
            "buffer",
        ),
        ('{"action": "withdraw", "target": "never-given"}', "not_found", "target"),
        ('{"action": "link", "attachment_id": "never-there"}', "not_found", None),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_sim_2_bad_frames_are_answered_and_never_close_the_socket(
    new_town, sent, code, field
):
    async with (
        new_town(emulator={"agent": "echo"}) as town,
        open_frontend(town, "?guest=ana") as frontend,
    ):
        await live(frontend)
        await frontend.send(sent)
        async with asyncio.timeout(10.0):
            while "error" not in (found := json.loads(await frontend.recv())):
                pass
        assert (found["code"], found.get("field")) == (code, field), found
        await frontend.send('{"action": "send", "text": "still here"}')
        assert (await frame(frontend, kind="message", direction="Outbound"))["text"] == "still here"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("?guest=" + "x" * 65, "guest"),
        ("?guest=a%20b", "guest"),
        ("?guest=a&since=-1", "since"),
        ("?guest=a&since=x", "since"),
    ],
)
async def test_a_bad_address_is_told_and_closed(new_town, query, field):
    async with new_town() as town, open_frontend(town, query) as frontend:
        assert (await frame(frontend))["field"] == field
        with pytest.raises(ConnectionClosed) as closed:
            await frontend.recv()
        assert closed.value.rcvd.code == 1008


async def test_a_frame_over_the_bound_is_skipped_and_not_held(new_town):
    """It is answered before its end, and the frame behind it is heard."""
    async with new_town(emulator={"agent": "echo"}) as town:
        async with (
            upgraded(Target("127.0.0.1", town.http.port, "ana")) as own,
            asyncio.timeout(10.0),
        ):
            await own.reader.readuntil(b'"state":"live"')
            await own.send(header(3_000_000) + bytes(1_500_000))
            await own.reader.readuntil(b"the message has 3000000 bytes")
            await town.until(lambda: not any(one.pending_bytes for one in intakes(town)))
            assert town.metrics.frontends_unfinished_bytes() == 0
            await own.send(bytes(1_500_000) + framed(b'{"action": "send", "text": "still here"}'))
            await own.reader.readuntil(b'"text":"still here"')


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (b"\x83\x80mask", 1002),
        (b"\xf1\x80mask", 1002),
        (b"\x80\x80mask", 1002),
        (b"\x81\xff" + b"\x80" + bytes(7) + b"mask", 1009),
        (header(2, 1) + b"\xff\xfe", 1007),
        (
            b"\x01\xff" + (2_000_000).to_bytes(8, "big") + bytes(2_000_004) + framed(b"another"),
            1002,
        ),
    ],
    ids=[
        "opcode",
        "reserved bits",
        "nothing to continue",
        "length",
        "no UTF-8",
        "a message within one too large",
    ],
)
async def test_a_frame_that_is_wrong_in_itself_closes_that_frontend_only(new_town, wrong, code):
    async with (
        new_town(emulator={"agent": "echo"}) as town,
        open_frontend(town, "?guest=bob") as other,
    ):
        await live(other)
        async with (
            upgraded(Target("127.0.0.1", town.http.port, "ana")) as own,
            asyncio.timeout(10.0),
        ):
            await own.reader.readuntil(b'"state":"live"')
            await own.send(wrong)
            assert b"\x88\x02" + code.to_bytes(2, "big") in await own.read_until_closed()
        await other.send('{"action": "send", "text": "hello"}')
        await frame(other, kind="message", direction="Outbound")
        assert town.live() == 2, "the guest session of the closed frontend lives on"


async def test_the_same_command_id_again_gets_the_same_answer(new_town):
    async with new_town() as town, open_frontend(town, "?guest=ana") as frontend:
        await live(frontend)
        for _ in range(3):
            await frontend.send('{"action": "send", "text": "once", "command_id": "c1"}')
        answers = [await frame(frontend, command_id="c1", ok=True) for _ in range(3)]
        assert answers[0] == answers[1] == answers[2]
        await town.until(lambda: town.metrics.deliveries.get("confirmed") == 1)
        (session,) = town.emulator.world.sessions.values()
        assert [
            body["text"]
            for body in session.messages
            if body["direction"] == "Inbound" and body["type"] == "Text"
        ] == ["once"]


async def test_limit_exceeded_is_told_and_others_live_on(new_town):
    async with new_town(fleet={"max_sessions": 2}, emulator={"agent": "echo"}) as town:
        async with open_frontend(town, "?guest=a") as one, open_frontend(town, "?guest=b") as two:
            await live(one)
            await live(two)
            async with open_frontend(town, "?guest=c") as three:
                told = await frame(three)
                assert told["code"] == "limit_exceeded" and "max_sessions is 2" in told["error"]
                with pytest.raises(ConnectionClosed) as closed:
                    await three.recv()
                assert closed.value.rcvd.code == 1013
            await one.send('{"action": "send", "text": "hello"}')
            await frame(one, kind="message", direction="Outbound")


async def test_too_many_frontends_are_turned_away(new_town):
    async with new_town(api={"frontends_max": 1}) as town, open_frontend(town, "?guest=a") as one:
        await live(one)
        async with open_frontend(town, "?guest=a") as two:
            assert (await frame(two))["code"] == "limit_exceeded"


async def test_end_is_orderly_and_closes_the_frontend(new_town):
    async with new_town() as town, open_frontend(town, "?guest=ana") as frontend:
        await live(frontend)
        await frontend.send('{"action": "send", "text": "bye"}')
        await frontend.send('{"action": "end", "command_id": "e1"}')
        kinds = []
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                found = json.loads(await frontend.recv())
                kinds.append((found.get("kind"), found.get("state")))
        assert kinds[-1] == ("session", "ended")
        assert closed.value.rcvd.code == 1000
        assert not town.emulator.world.sessions, "no orphan is left behind"
        assert [
            body["text"]
            for one in town.emulator.world.cleared.values()
            for body in one.messages
            if body["type"] == "Text"
        ] == ["bye"]


class TestTheDoor:
    """SIM-4: who may come in."""

    @pytest.mark.parametrize(
        ("origin", "allowed"),
        [
            (None, True),
            ("http://localhost:5173", True),
            ("http://127.0.0.1:8000", True),
            ("http://app.localhost", True),
            ("https://app.example.org", True),
            ("https://app.example.org.evil.com", False),
            ("https://evil.com", False),
            ("null", False),
            ("http://[", False),
            ("file://", False),
            ("http://localhost.evil.com", False),
        ],
    )
    async def test_origins(self, new_town, origin, allowed):
        async with new_town(api={"origins_allowed": ("https://app.example.org",)}) as town:
            if allowed:
                async with open_frontend(town, "?guest=a", origin=origin):
                    return
            with pytest.raises(InvalidStatus) as refused:
                async with open_frontend(town, "?guest=a", origin=origin):
                    pass
            assert refused.value.response.status_code == 403

    @pytest.mark.parametrize(
        ("host", "status"),
        [
            ("localhost", 200),
            ("127.0.0.1", 200),
            ("[::1]", 200),
            ("sim.example.org", 200),
            ("evil.com", 421),
            ("127.0.0.1.evil.com", 421),
            ("", 421),
        ],
    )
    async def test_hosts(self, new_town, host, status):
        async with (
            new_town(api={"hosts_allowed": ("sim.example.org",)}) as town,
            aiohttp.ClientSession() as session,
        ):
            async with session.get(f"{town.http.url}/healthz", headers={"Host": host}) as answer:
                assert answer.status == status


async def test_health_readiness_and_metrics(new_town):
    async with new_town(emulator={"agent": "echo"}) as town, aiohttp.ClientSession() as session:
        async with open_frontend(town, "?guest=a") as frontend:
            await live(frontend)
            await frontend.send('{"action": "send", "text": "hello"}')
            await frame(frontend, kind="message", direction="Outbound")
            async with session.get(f"{town.http.url}/healthz") as answer:
                body = await answer.json()
                assert answer.status == 200 and body["status"] == "up" and body["live"] == 1
            async with session.get(f"{town.http.url}/readyz") as answer:
                assert answer.status == 200 and await answer.json() == {"ready": True}
            async with session.get(f"{town.http.url}/metrics") as answer:
                text = await answer.text()
                assert 'guestd_sessions{state="live"} 1.0' in text
                assert "guestd_messages_received_total 2.0" in text
                assert 'guestd_deliveries_total{status="confirmed"} 1.0' in text
        await town.fleet.drain(5.0)
        async with session.get(f"{town.http.url}/readyz") as answer:
            assert answer.status == 503


async def test_a_frontend_that_never_reads_is_closed_and_hurts_nobody(new_town):
    """The frontend gets far more than sockets and its queue hold. Others go on; it is told where to
    resume."""
    api = {"queue_events_max": 64, "queue_bytes_max": 200_000, "write_timeout_s": 1.0}
    async with new_town(api=api, emulator={"agent": "silent", "limits": {"strict": False}}) as town:
        reader, writer = await _deaf_frontend(town, "slow")
        async with open_frontend(town, "?guest=quick") as quick:
            await live(quick)
            await town.until(lambda: town.live() == 2)
            slow = town.emulator.world.sessions[_token(town, "slow")]
            for n in range(3000):
                _, effects = town.emulator.world.agent_says(slow, "x" * 3900, town.emulator.now())
                town.emulator.perform(effects)
                if n % 50 == 0:
                    await asyncio.sleep(0.005)
            await quick.send('{"action": "send", "text": "am I heard?", "command_id": "q"}')
            await frame(quick, kind="delivery", status="confirmed")
            await town.until(lambda: town.metrics.watchers_closed_slow == 1, 20.0)
            assert town.metrics.watchers_lagging >= 1
            assert town.live() == 2
        writer.close()
        last = town.fleet.view(town.fleet.find("slow")).seq
        async with open_frontend(town, f"?guest=slow&since={last - 1}") as frontend:
            assert (await frame(frontend, kind="message"))["seq"] == last


def _token(town, name):
    return town.fleet._runners[town.fleet.find(name)].machine.guest.token


async def _deaf_frontend(town, name):
    """Upgrades by hand over a socket with a tiny receive buffer, and then never reads."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.setblocking(False)
    host, port = town.http.url.removeprefix("http://").split(":")
    loop = asyncio.get_running_loop()
    await loop.sock_connect(sock, (host, int(port)))
    reader, writer = await asyncio.open_connection(sock=sock, limit=1024)
    writer.write(
        f"GET /?guest={name} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection:"
        " Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version:"
        " 13\r\n\r\n".encode()
    )
    await reader.readuntil(b"\r\n\r\n")
    writer.transport.pause_reading()
    return reader, writer


def upload_frame(data: bytes, **more):
    figures = {
        "filename": "bill.pdf",
        "contentType": "application/pdf",
        "buffer": base64.b64encode(data).decode(),
    }
    return json.dumps({"action": "upload", **figures, **more})


@pytest.mark.parametrize("as_buffer", [False, True], ids=["base64", "node-buffer"])
async def test_sim_1_upload_unchanged_on_the_wire(new_town, as_buffer):
    data = bytes(range(256)) * 10
    buffer = (
        {"type": "Buffer", "data": list(data)} if as_buffer else base64.b64encode(data).decode()
    )
    async with (
        new_town(emulator={"agent": "silent"}) as town,
        open_frontend(town, "?guest=ana") as frontend,
    ):
        await live(frontend)
        await frontend.send(upload_frame(data, buffer=buffer, caption="the bill", command_id="u1"))
        answer = await frame(frontend, ok=True)
        assert answer["command_id"] == "u1" and answer["seq"] > 0
        message = await frame(frontend, kind="message", direction="Inbound")
        assert message["text"] == "the bill" and message["command_id"] == "u1"
        file = message["content"][0]["attachment"]
        assert (file["filename"], file["mime"], file["fileSize"]) == (
            "bill.pdf",
            "application/pdf",
            len(data),
        )
        (session,) = town.emulator.world.sessions.values()
        assert session.attachments[file["id"]].sha256 == hashlib.sha256(data).hexdigest()
        await frontend.send(json.dumps({"action": "link", "attachment_id": file["id"]}))
        result = (await frame(frontend, ok=True))["result"]
        assert result["filename"] == "bill.pdf" and result["url"].startswith(town.emulator.url)


async def test_the_same_upload_again_gets_the_same_answer_and_is_sent_once(new_town):
    async with (
        new_town(emulator={"agent": "silent"}) as town,
        open_frontend(town, "?guest=ana") as frontend,
    ):
        await live(frontend)
        for _ in range(3):
            await frontend.send(upload_frame(b"data", command_id="u1"))
        seqs = {(await frame(frontend, ok=True))["seq"] for _ in range(3)}
        assert len(seqs) == 1
        await frame(frontend, kind="delivery", status="confirmed")
        (session,) = town.emulator.world.sessions.values()
        assert len(session.messages) == 1
        await town.until(lambda: not list(town.spool._directory.iterdir()))


async def test_a_frame_that_is_too_large_is_told_where_to_go(new_town):
    async with (
        new_town(api={"frame_bytes_max": 4096}) as town,
        open_frontend(town, "?guest=ana") as frontend,
    ):
        await live(frontend)
        await frontend.send(upload_frame(bytes(5000)))
        found = await frame(frontend, code="too_large")
        assert "at most 4096 are taken" in found["error"] and "over HTTP" in found["error"]
        assert town.metrics.simulator_errors == {"too_large": 1}


@pytest.mark.parametrize("dialect", ["webmessaging", "webchat"])
@pytest.mark.parametrize(
    "data", ['{"a": ' * 260 + "1" + "}" * 260, '{"a": "\\ud800"}', f'{{"a": {10**30}}}']
)
async def test_sock_4_a_context_that_cannot_be_written_out_again_ends_nothing(
    new_town, dialect, data
):
    async with new_town(dialect=dialect) as town, open_frontend(town, "?guest=ana") as frontend:
        await live(frontend)
        await frontend.send(f'{{"action": "context", "command_id": "c1", "data": {data}}}')
        assert (await frame(frontend, command_id="c1"))["field"] == "data"
        await frontend.send(
            json.dumps({"action": "send", "text": "still here", "command_id": "c2"})
        )
        await frame(frontend, command_id="c2", ok=True)


async def test_a_frontend_that_is_gone_before_it_is_answered_leaves_no_trace(new_town, caplog):
    """Found by two thousand kills: a traceback of somebody who had hung up."""
    upgrade = (
        b"GET /?guest=ana HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection:"
        b" Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key:"
        b" dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    events = (
        b"GET /v1/sessions/ana/events HTTP/1.1\r\nHost: localhost\r\nAccept:"
        b" text/event-stream\r\n\r\n"
    )
    async with new_town() as town:
        for n in range(200):
            _, writer = await asyncio.open_connection("127.0.0.1", town.http.port)
            writer.write(upgrade if n < 100 else events)
            writer.transport.abort()
        await asyncio.sleep(0.2)
    assert not [one for one in caplog.records if one.levelname == "ERROR"]


@pytest.mark.parametrize(
    ("dialect", "most", "too_much", "counted"),
    [
        (
            "webchat",
            "\N{GRINNING FACE}" * 2048,
            "\N{GRINNING FACE}" * 2048 + "x",
            "4097 UTF-16 units",
        ),
        ("webmessaging", "é" * 2048, "é" * 2048 + "x", "4097 bytes"),
    ],
)
async def test_sock_7_a_text_is_as_long_as_the_dialect_counts_it(
    new_town, dialect, most, too_much, counted
):
    async with new_town(dialect=dialect, emulator={"agent": "silent"}) as town:
        async with open_frontend(town, "?guest=ana&email=ana@example.org") as frontend:
            await live(frontend)
            await frontend.send(json.dumps({"action": "send", "text": too_much}))
            refused = await frame(frontend, code="too_long")
            await frontend.send(json.dumps({"action": "send", "text": most}))
            (session,) = town.emulator.world.sessions.values()
            await town.until(lambda: session.messages)
            problem = f"text has {counted}, the limit is 4096; split it into several messages"
            assert (refused["error"], session.messages[0]["text"]) == (problem, most)


@pytest.mark.parametrize("dialect", ["webchat", "webmessaging"])
async def test_sim_1_what_a_frontend_says_on_opening_is_not_lost(new_town, dialect):
    """The documents' frontend names no guest and speaks as soon as its socket is open."""
    async with (
        new_town(dialect=dialect, emulator={"agent": "echo"}) as town,
        open_frontend(town) as frontend,
    ):
        await frontend.send('{"action": "send", "text": "hello"}')
        shown = []
        while not shown or shown[-1].get("direction") != "Outbound":
            shown.append(json.loads(await frontend.recv()))
        answers = [one for one in shown if "error" in one or one.get("direction") == "Outbound"]
        assert [one.get("error", one.get("text")) for one in answers] == ["hello"]


async def test_a_frontend_that_has_left_is_in_no_reference_cycle(new_town, monkeypatch):
    """A thousand that come and go would otherwise fill the memory until a full collection."""
    sockets = weakref.WeakSet()
    made = Frontend.__init__

    def remembered(self, socket, *more):
        sockets.add(socket)
        made(self, socket, *more)

    monkeypatch.setattr(Frontend, "__init__", remembered)
    async with new_town(emulator={"agent": "silent"}) as town:
        gc.collect()
        gc.disable()
        try:
            for _ in range(3):
                async with upgraded(Target("127.0.0.1", town.http.port, "ana")) as frontend:
                    await frontend.reader.read(100)
                await town.until(lambda: town.metrics.http_connections == 0)
            await town.until(lambda: not sockets)
        finally:
            gc.enable()
