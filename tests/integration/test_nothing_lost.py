"""Nothing is lost by chance: what a frontend or a caller says while there is no connection, and
what it is told when it comes back to a guest session that is not the one it knew."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest
from typer.testing import CliRunner
from websockets.exceptions import ConnectionClosed

from guestd.app.cli import app

from .control_client import opened as opened_by_api
from .frontend_client import frame, live, open_frontend

#: A lost connection stays lost for the whole test.
RESTS = {"reconnect_base_s": 30.0}

HELLO = {"action": "send", "text": "hello", "command_id": "c1"}


async def say(frontend, **what):
    await frontend.send(json.dumps({**HELLO, **what}))


async def answer(frontend, command_id="c1"):
    """To that command, not the event about it."""
    while (found := await frame(frontend, command_id=command_id)).get("kind"):
        pass
    return found


async def lose_connection(stack):
    for visit in list(stack.emulator.connections.values()):
        visit.transport.abort()
    await stack.until(lambda: stack.live() == 0)


class TestWhileTheConnectionIsLost:
    @pytest.mark.parametrize(
        ("setting", "socket", "own", "accepted"),
        [
            ("reject", "", None, False),
            ("reject", "queue", None, True),
            ("reject", "", "queue", True),
            ("reject", "queue", "reject", False),
            ("queue", "", None, True),
            ("queue", "reject", None, False),
            ("queue", "reject", "queue", True),
        ],
    )
    async def test_sim_3_the_message_decides_before_the_socket_before_the_setting(
        self, new_stack, setting, socket, own, accepted
    ):
        query = f"?guest=ana&when_down={socket}" if socket else "?guest=ana"
        async with (
            new_stack(session={**RESTS, "when_down": setting}) as stack,
            open_frontend(stack, query) as frontend,
        ):
            await live(frontend)
            await lose_connection(stack)
            await say(frontend, **({"when_down": own} if own else {}))
            found = await answer(frontend)
            in_time = 20_000 < found.pop("retry_after_ms", 0) < 31_000
            words = found.get("error", "").partition(": the guest session's")[0]
            refused = (None, "not_ready", "resting", "Genesys connection not ready", True)
            assert (*map(found.get, ("ok", "code", "state")), words, in_time) == (
                (True, None, None, "", False) if accepted else refused
            )

    @pytest.mark.parametrize(
        ("path", "more"),
        [
            ("messages", {"body": {"text": "x", "when_down": "queue"}}),
            (
                "messages",
                {"body": {"reply": {"choices": [{"text": "a", "payload": "b"}]}}},
            ),
            ("attachments?filename=a.png&when_down=queue", {"data": b"x"}),
        ],
    )
    async def test_a_request_decides_for_itself(self, new_stack, client_of, path, more):
        async with new_stack(session=RESTS) as stack, client_of(stack) as client:
            await opened_by_api(stack, client)
            await lose_connection(stack)
            if "data" in more:
                more["headers"] = {"Content-Type": "image/png"}
            if "reply" in more.get("body", {}):
                refused = await client.post(f"/v1/sessions/ana/{path}", **more)
                assert (refused[0], refused[1]["state"]) == (409, "resting")
                more["body"]["when_down"] = "queue"
            assert (await client.post(f"/v1/sessions/ana/{path}", **more))[0] == 202

    async def test_a_command_that_waits_for_the_confirmation_waits_for_the_connection_too(
        self, new_stack, client_of
    ):
        async with new_stack() as stack, client_of(stack) as client:
            await opened_by_api(stack, client)
            await lose_connection(stack)
            command = ["send", "ana", "hello", "--wait", "1m", "--url", stack.http.url]
            found = await asyncio.to_thread(CliRunner().invoke, app, command)
            assert (found.exit_code, "confirmed" in found.output) == (0, True), found.output

    async def test_another_word_is_refused_with_its_field(self, new_stack, client_of):
        async with new_stack() as stack, client_of(stack) as client:
            async with open_frontend(stack, "?guest=ana") as frontend:
                await live(frontend)
                await say(frontend, when_down="later")
                assert (await answer(frontend))["field"] == "when_down"
            async with open_frontend(stack, "?guest=ana&when_down=later") as frontend:
                assert (await frame(frontend, field="when_down"))["code"] == "invalid"
            body = {"text": "x", "when_down": "later"}
            status, found, _ = await client.post("/v1/sessions/ana/messages", body)
            assert (status, found["field"]) == (422, "when_down")


class TestAnotherSessionOfThatName:
    async def test_hello_says_whether_this_frontend_made_it(self, new_stack):
        async with new_stack() as stack:
            async with open_frontend(stack, "?guest=ana") as frontend:
                assert (await frame(frontend))["new"] is True
                await live(frontend)
            async with open_frontend(stack, "?guest=ana") as frontend:
                assert (await frame(frontend))["new"] is False

    async def test_a_since_of_a_session_that_has_ended_is_unknown(self, new_stack):
        async with new_stack() as stack:
            async with open_frontend(stack, "?guest=ana") as frontend:
                await live(frontend)
                await frontend.send('{"action": "end"}')
                last = (await frame(frontend, kind="session", state="ended"))["seq"]
            await stack.until(lambda: stack.fleet.find("ana") is None)
            async with open_frontend(stack, f"?guest=ana&since={last}") as frontend:
                hello, error = await frame(frontend), await frame(frontend)
                assert hello["new"] is True
                assert (error["code"], error["field"]) == ("unknown_since", "since")
                assert (await frame(frontend))["seq"] == 1

    async def test_without_create_only_a_living_one_is_followed(self, new_stack):
        async with new_stack() as stack:
            async with open_frontend(stack, "?guest=ana&create=false") as frontend:
                assert (await frame(frontend))["code"] == "not_found"
                with pytest.raises(ConnectionClosed) as closed:
                    await frontend.recv()
                said = "there is no guest session named 'ana', and create=false"
                assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1008, said)
            assert not stack.fleet.sessions()
            async with open_frontend(stack, "?guest=ana&create=true") as frontend:
                await live(frontend)
            async with open_frontend(stack, "?guest=ana&create=false") as frontend:
                assert (await frame(frontend))["new"] is False
            async with open_frontend(stack, "?guest=ana&create=maybe") as frontend:
                assert (await frame(frontend))["field"] == "create"


class TestTheSameIdWithOtherContent:
    async def test_a_frontend_is_told_and_nothing_is_thrown_away(self, new_stack):
        async with new_stack(emulator={"agent": "echo"}) as stack:
            async with open_frontend(stack, "?guest=ana") as frontend:
                await live(frontend)
                found = []
                for text in ("hello", "hello", "something else"):
                    await say(frontend, text=text)
                    found.append(await answer(frontend))
                first, second, third = found
                assert first == second and first["ok"]
                assert (third["code"], third["field"]) == ("conflict", "command_id")

    async def test_a_caller_is_told_with_409(self, new_stack, client_of):
        async with new_stack() as stack, client_of(stack) as client:
            await opened_by_api(stack, client)
            path = "/v1/sessions/ana/messages"
            asked = ("first", "first", "second")
            found = [await client.post(path, {"text": one, "command_id": "c1"}) for one in asked]
            assert [status for status, *_ in found] == [202, 202, 409]
            assert found[0][1] == found[1][1] and found[2][1]["code"] == "conflict"
            key = {"headers": {"Idempotency-Key": "c1"}}
            assert (await client.post(path, {"text": "second"}, **key))[0] == 409

    async def test_a_file_is_known_by_its_bytes(self, new_stack, client_of):
        async with new_stack() as stack, client_of(stack) as client:
            await opened_by_api(stack, client)
            path = "/v1/sessions/ana/attachments?filename=a.png"
            headers = {"Content-Type": "image/png", "Idempotency-Key": "f1"}
            for data, status in ((b"one", 202), (b"one", 202), (b"two", 409)):
                assert (await client.post(path, data=data, headers=headers))[0] == status

    async def test_when_only_the_journal_remembers_the_first(self, new_stack, client_of):
        session = {"answers_kept_max": 2, "messages_per_s": 1000.0}
        async with new_stack(session=session) as stack, client_of(stack) as client:
            await opened_by_api(stack, client)
            path = "/v1/sessions/ana/messages"
            for n in range(5):
                assert (await client.post(path, {"text": f"{n}", "command_id": f"c{n}"}))[0] == 202
            status, found, _ = await client.post(path, {"text": "other", "command_id": "c0"})
            assert (status, found["code"]) == (409, "conflict")
            assert (await client.post(path, {"text": "0", "command_id": "c0"}))[0] == 202


class TestOpeningASession:
    async def test_wait_live_answers_when_messages_flow(self, new_stack, client_of):
        async with new_stack() as stack, client_of(stack) as client:
            status, found, _ = await client.post("/v1/sessions?wait=live", {"name": "ana"})
            assert (status, found["state"]) == (201, "live")
            assert (await client.post("/v1/sessions/ana/typing"))[0] == 204

    async def test_wait_live_ends_in_time(self, new_stack, client_of):
        async with (
            new_stack(fleet={"connects_per_minute": 1, "burst": 1}) as stack,
            client_of(stack) as client,
        ):
            assert (await client.post("/v1/sessions?wait=live", {"name": "ana"}))[0] == 201
            status, found, _ = await client.post("/v1/sessions?wait=live&wait_s=0.05", {})
            assert (status, found["state"]) == (201, "waiting")

    async def test_the_same_key_opens_one_session(self, new_stack, client_of):
        async with new_stack() as stack, client_of(stack) as client:
            key = {"headers": {"Idempotency-Key": "k1"}}
            asked = [client.post("/v1/sessions", {"metadata": {"a": 1}}, **key) for _ in range(5)]
            first, *others = await asyncio.gather(*asked)
            assert first[0] == 201 and first[2]["Location"].startswith("/v1/sessions/")
            assert all(one[:2] == first[:2] for one in others)
            assert all(one[2]["Location"] == first[2]["Location"] for one in others)
            assert len(stack.fleet.sessions()) == 1
            status, found, _ = await client.post("/v1/sessions", {"metadata": {"a": 2}}, **key)
            assert (status, found["code"], found["field"]) == (409, "conflict", "Idempotency-Key")

    async def test_a_refused_request_may_be_made_again_with_its_key(self, new_stack, client_of):
        async with new_stack() as stack, client_of(stack) as client:
            await opened_by_api(stack, client)
            key = {"headers": {"Idempotency-Key": "k1"}}
            assert (await client.post("/v1/sessions", {"name": "ana"}, **key))[0] == 409
            await client.ask("DELETE", "/v1/sessions/ana")
            await stack.until(lambda: stack.fleet.find("ana") is None)
            assert (await client.post("/v1/sessions", {"name": "ana"}, **key))[0] == 201

    async def test_a_forgotten_key_finds_the_session_that_was_given_no_name(
        self, new_stack, client_of
    ):
        async with new_stack() as stack, client_of(stack) as client:
            key = {"headers": {"Idempotency-Key": "k1"}}
            first = await client.post("/v1/sessions?wait=live", {"metadata": {"a": 1}}, **key)
            stack.http._control._table._answers._kept.clear()  # as a restart does
            again = await client.post("/v1/sessions", {"metadata": {"a": 1}}, **key)
            assert (again[0], again[1]["session_id"]) == (201, first[1]["session_id"])
            assert len(stack.fleet.sessions()) == 1

    async def test_every_post_takes_a_key(self, new_stack, client_of):
        """But for the console's two: their answers hold secrets, which are not kept."""
        async with new_stack() as stack, client_of(stack) as client:
            _, document, _ = await client.get("/v1/openapi.json")
            without = [
                path
                for path, verbs in document["paths"].items()
                for verb, one in verbs.items()
                if verb == "post"
                and not path.startswith("/v1/console/")
                and "Idempotency-Key" not in {each["name"] for each in one.get("parameters", ())}
            ]
            assert without == []


class TestSessionsLeftWithoutAWord:
    SOON = {"unused_after_s": 0.2}

    async def test_one_is_ended_and_the_event_and_the_log_say_why(self, new_stack, caplog):
        caplog.set_level(logging.INFO, "guestd.simulator")
        async with new_stack(api=self.SOON) as stack:
            async with open_frontend(stack, "?guest=ana") as frontend:
                session_id = (await frame(frontend))["session"]
                await live(frontend)
                await asyncio.sleep(0.4)
                assert stack.fleet.find("ana")
            await stack.until(lambda: stack.fleet.find("ana") is None)
            assert stack.metrics.endings == {"unused": 1}
            (line,) = [one.getMessage() for one in caplog.records if "ana" in one.getMessage()]
            assert session_id in line and "simulator.unused_after_s" in line
            assert not stack.http._simulator._unused._connected

    async def test_one_in_which_the_guest_spoke_lives_on(self, new_stack):
        async with new_stack(api=self.SOON) as stack:
            async with open_frontend(stack, "?guest=ana") as frontend:
                await say(frontend)
                assert (await answer(frontend))["ok"]
            await asyncio.sleep(0.5)
            assert stack.fleet.find("ana")

    async def test_one_that_a_program_opened_lives_on(self, new_stack, client_of):
        async with new_stack(api=self.SOON) as stack, client_of(stack) as client:
            await opened_by_api(stack, client)
            async with open_frontend(stack, "?guest=ana") as frontend:
                await frame(frontend)
            await asyncio.sleep(0.5)
            assert stack.fleet.find("ana")

    async def test_a_frontend_that_comes_back_in_time_keeps_it(self, new_stack):
        async with new_stack(api={"unused_after_s": 60.0}) as stack:
            due_at = stack.http._simulator._unused._due_at
            for new in (True, False, False):
                async with open_frontend(stack, "?guest=ana") as frontend:
                    assert (await frame(frontend))["new"] is new
                    assert not due_at
                await stack.until(lambda: due_at)
            assert list(due_at) == [stack.fleet.find("ana")]

    async def test_one_that_an_event_stream_follows_lives_on(self, new_stack, client_of):
        async with new_stack(api=self.SOON) as stack, client_of(stack) as client:
            async with open_frontend(stack, "?guest=ana") as frontend:
                await live(frontend)
                stream = await client.session.get(
                    "/v1/sessions/ana/events?after=0", headers={"Accept": "text/event-stream"}
                )
                await stream.content.readline()
            await asyncio.sleep(0.6)
            assert stack.fleet.find("ana")
            stream.close()
            await stack.until(lambda: stack.fleet.find("ana") is None)

    async def test_with_0_none_is_ended(self, new_stack):
        async with new_stack(api={"unused_after_s": 0.0}) as stack:
            async with open_frontend(stack, "?guest=ana") as frontend:
                await live(frontend)
            await asyncio.sleep(0.3)
            assert stack.fleet.find("ana")
