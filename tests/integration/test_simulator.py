"""The simulator as frontends see it (SIM-1 … SIM-4), over real sockets, with the emulator behind
it."""

from __future__ import annotations

import asyncio
import json

import aiohttp
import pytest
from websockets.exceptions import ConnectionClosed

from tests.patience import PATIENCE_S

from .frontend_client import frame, live, open_frontend


async def test_sim_1_a_plain_client_holds_a_conversation(new_stack):
    async with (
        new_stack(emulator={"agent": "echo"}) as stack,
        open_frontend(stack, "?guest=ana") as frontend,
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


async def test_two_frontends_of_one_guest_see_the_same(new_stack):
    async with (
        new_stack(emulator={"agent": "echo"}) as stack,
        open_frontend(stack, "?guest=ana") as first,
    ):
        await live(first)
        async with open_frontend(stack, "?guest=ana&since=0") as second:
            await first.send(json.dumps({"action": "send", "text": "hello"}))
            heard = [
                await frame(one, kind="message", direction="Outbound") for one in (first, second)
            ]
            assert heard[0] == heard[1]


async def test_sim_4_a_frontend_that_returns_gets_what_it_missed(new_stack):
    async with new_stack() as stack:
        async with open_frontend(stack, "?guest=ana") as frontend:
            last = (await live(frontend))["seq"]
        token = next(iter(stack.emulator.world.sessions))
        for n in range(5):
            _, effects = stack.emulator.world.agent_says(
                stack.emulator.world.sessions[token], f"missed {n}", stack.emulator.now()
            )
            stack.emulator.perform(effects)
        await stack.until(lambda: stack.metrics.messages_in >= 5)
        async with open_frontend(stack, f"?guest=ana&since={last}") as frontend:
            texts = [(await frame(frontend, kind="message"))["text"] for _ in range(5)]
            assert texts == [f"missed {n}" for n in range(5)]
            await frontend.send(json.dumps({"action": "resume", "since": last}))
            assert (await frame(frontend, kind="message"))["text"] == "missed 0"


async def test_a_since_from_the_future_is_told_and_survived(new_stack):
    async with new_stack() as stack:
        async with open_frontend(stack, "?guest=ana") as frontend:
            await live(frontend)
        async with open_frontend(stack, "?guest=ana&since=999") as frontend:
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
    new_stack, sent, code, field
):
    async with (
        new_stack(emulator={"agent": "echo"}) as stack,
        open_frontend(stack, "?guest=ana") as frontend,
    ):
        await live(frontend)
        await frontend.send(sent)
        async with asyncio.timeout(PATIENCE_S):
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
async def test_a_bad_address_is_told_and_closed(new_stack, query, field):
    async with new_stack() as stack, open_frontend(stack, query) as frontend:
        assert (await frame(frontend))["field"] == field
        with pytest.raises(ConnectionClosed) as closed:
            await frontend.recv()
        assert closed.value.rcvd.code == 1008


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("?quest=ana", "'quest' is unknown in the address; did you mean guest?"),
        ("?guest=ana&nmae=Ana", "'nmae' is unknown in the address; did you mean name?"),
        ("?user=ana", "'user' is unknown in the address; known: access_token, create, details"),
        ("?guest=ana&guest=bo", "guest is given twice in the address"),
        ("?guest=ana&since=x", "since must be"),
        ("?guest=ana&when_down=wait", "when_down must be queue or reject"),
        ("?guest=ana&a" + "%C3%A9" * 70 + "=1", "'aééé"),
    ],
)
async def test_a_page_reads_in_the_close_what_is_wrong_with_its_address(new_stack, query, said):
    async with new_stack() as stack:
        async with open_frontend(stack, query) as frontend:
            told = await frame(frontend)
            with pytest.raises(ConnectionClosed) as closed:
                await frontend.recv()
        ending = closed.value.rcvd
        assert (ending.code, told["code"]) == (1008, "invalid")
        assert said in ending.reason and told["error"].startswith(ending.reason)
        assert len(ending.reason.encode()) <= 123
        assert stack.fleet.sessions() == [], "nothing was opened"


async def test_the_same_command_id_again_gets_the_same_answer(new_stack):
    async with new_stack() as stack, open_frontend(stack, "?guest=ana") as frontend:
        await live(frontend)
        for _ in range(3):
            await frontend.send('{"action": "send", "text": "once", "command_id": "c1"}')
        answers = [await frame(frontend, command_id="c1", ok=True) for _ in range(3)]
        assert answers[0] == answers[1] == answers[2]
        await stack.until(lambda: stack.metrics.commands_settled.get("confirmed") == 1)
        (session,) = stack.emulator.world.sessions.values()
        assert [
            body["text"]
            for body in session.messages
            if body["direction"] == "Inbound" and body["type"] == "Text"
        ] == ["once"]


async def test_limit_exceeded_is_told_and_others_live_on(new_stack):
    async with new_stack(fleet={"max_sessions": 2}, emulator={"agent": "echo"}) as stack:
        async with open_frontend(stack, "?guest=a") as one, open_frontend(stack, "?guest=b") as two:
            await live(one)
            await live(two)
            async with open_frontend(stack, "?guest=c") as three:
                reported = await frame(three)
                assert (
                    reported["code"] == "limit_exceeded"
                    and "max_sessions is 2" in reported["error"]
                )
                with pytest.raises(ConnectionClosed) as closed:
                    await three.recv()
                assert closed.value.rcvd.code == 1013
            await one.send('{"action": "send", "text": "hello"}')
            await frame(one, kind="message", direction="Outbound")


async def test_too_many_frontends_are_turned_away(new_stack):
    async with (
        new_stack(api={"frontends_max": 1}) as stack,
        open_frontend(stack, "?guest=a") as one,
    ):
        await live(one)
        async with open_frontend(stack, "?guest=a") as two:
            assert (await frame(two))["code"] == "limit_exceeded"


async def test_end_is_orderly_and_closes_the_frontend(new_stack):
    async with new_stack() as stack, open_frontend(stack, "?guest=ana") as frontend:
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
        assert not stack.emulator.world.sessions, "no orphan is left behind"
        assert [
            body["text"]
            for one in stack.emulator.world.cleared.values()
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
    async def test_origins(self, new_stack, origin, allowed):
        async with new_stack(api={"origins_allowed": ("https://app.example.org",)}) as stack:
            if allowed:
                async with open_frontend(stack, "?guest=a", origin=origin):
                    return
            async with open_frontend(stack, "?guest=a", origin=origin) as refused:
                assert (await frame(refused))["code"] == "origin_refused"
                with pytest.raises(ConnectionClosed) as closed:
                    await refused.recv()
            assert closed.value.rcvd.code == 1008
            assert "is not allowed; add it to simulator.origins_allowed" in (
                closed.value.rcvd.reason
            )
            assert stack.fleet.find("a") is None, "nothing of a guest session was reached"

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
    async def test_hosts(self, new_stack, host, status):
        async with (
            new_stack(api={"hosts_allowed": ("sim.example.org",)}) as stack,
            aiohttp.ClientSession() as session,
        ):
            async with session.get(f"{stack.http.url}/healthz", headers={"Host": host}) as answer:
                assert answer.status == status


async def test_health_readiness_and_metrics(new_stack):
    async with new_stack(emulator={"agent": "echo"}) as stack, aiohttp.ClientSession() as session:
        async with open_frontend(stack, "?guest=a") as frontend:
            await live(frontend)
            await frontend.send('{"action": "send", "text": "hello"}')
            await frame(frontend, kind="message", direction="Outbound")
            async with session.get(f"{stack.http.url}/healthz") as answer:
                body = await answer.json()
                assert answer.status == 200 and body["status"] == "up" and body["live"] == 1
            async with session.get(f"{stack.http.url}/readyz") as answer:
                assert answer.status == 200 and await answer.json() == {"ready": True}
            async with session.get(f"{stack.http.url}/metrics") as answer:
                text = await answer.text()
                assert 'guestd_sessions{state="live"} 1.0' in text
                assert "guestd_messages_received_total 2.0" in text
                assert 'guestd_commands_settled_total{status="confirmed"} 1.0' in text
        await stack.fleet.drain(5.0)
        async with session.get(f"{stack.http.url}/readyz") as answer:
            assert answer.status == 503


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
    new_stack, dialect, most, too_much, counted
):
    async with new_stack(dialect=dialect, emulator={"agent": "silent"}) as stack:
        async with open_frontend(stack, "?guest=ana&email=ana@example.org") as frontend:
            await live(frontend)
            await frontend.send(json.dumps({"action": "send", "text": too_much}))
            refused = await frame(frontend, code="too_long")
            await frontend.send(json.dumps({"action": "send", "text": most}))
            (session,) = stack.emulator.world.sessions.values()
            await stack.until(lambda: session.messages)
            problem = f"text has {counted}, the limit is 4096; split it into several messages"
            assert (refused["error"], session.messages[0]["text"]) == (problem, most)


@pytest.mark.parametrize("dialect", ["webchat", "webmessaging"])
async def test_sim_1_what_a_frontend_says_on_opening_is_not_lost(new_stack, dialect):
    """The documents' frontend names no guest and speaks as soon as its socket is open."""
    async with (
        new_stack(dialect=dialect, emulator={"agent": "echo"}) as stack,
        open_frontend(stack) as frontend,
    ):
        await frontend.send('{"action": "send", "text": "hello"}')
        shown = []
        while not shown or shown[-1].get("direction") != "Outbound":
            shown.append(json.loads(await frontend.recv()))
        answers = [one for one in shown if "error" in one or one.get("direction") == "Outbound"]
        assert [one.get("error", one.get("text")) for one in answers] == ["hello"]
