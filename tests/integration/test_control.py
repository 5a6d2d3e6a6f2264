"""The control API over real HTTP: a daemon, the emulator behind it, and a plain client in front."""

from __future__ import annotations

import asyncio
import json
import math

from guestd.app.config import Config

from .control_client import opened, settled


class TestSessions:
    async def test_opened_shown_by_id_and_name_listed_and_ended(self, new_stack, client_of):
        async with new_stack() as stack, client_of(stack) as client:
            status, found, headers = await client.post(
                "/v1/sessions", {"name": "ana", "attributes": {"tier": "gold"}}
            )
            assert status == 201 and headers["Location"] == f"/v1/sessions/{found['session_id']}"
            await stack.until(lambda: stack.live() == 1)
            by_id = await client.get(headers["Location"])
            by_name = await client.get("/v1/sessions/ana")
            assert by_id[1] == by_name[1] and by_id[1]["state"] == "live"
            assert (await client.get("/v1/sessions?name=ana"))[1]["total"] == 1
            status, ended, _ = await client.ask("DELETE", "/v1/sessions/ana")
            assert status == 202 and ended["seq"] > 0
            await stack.until(lambda: not stack.fleet.sessions())
            assert (await client.get("/v1/sessions/ana"))[0] == 404

    async def test_a_session_is_durable_before_it_is_answered(self, new_stack, client_of):
        async with (
            new_stack(control={"answer_timeout_s": 0.1}) as stack,
            client_of(stack) as client,
        ):
            journal = stack.fleet._journal
            commit, held = journal.commit, []
            journal.commit = lambda given, done: held.append((given, done))
            status, found, _ = await client.post("/v1/sessions", {"name": "ana"})
            assert (status, found["code"]) == (503, "journal_slow")
            journal.commit = commit
            for given, done in held:
                commit(given, done)
            await stack.until(lambda: stack.live() == 1)

    async def test_pages_hold_everybody_once_while_some_come(self, new_stack, client_of):
        async with new_stack() as stack, client_of(stack) as client:
            for n in range(7):
                await client.post("/v1/sessions", {"name": f"g{n}"})
            seen, after = [], ""
            while after is not None:
                _, page, _ = await client.get("/v1/sessions", params={"limit": 3, "after": after})
                seen += [one["name"] for one in page["sessions"]]
                after = page["next"]
            assert sorted(seen) == [f"g{n}" for n in range(7)]

    async def test_sess_1_one_more_than_the_limit_is_refused(self, new_stack, client_of):
        async with new_stack(fleet={"max_sessions": 1}) as stack, client_of(stack) as client:
            await client.post("/v1/sessions", {})
            status, found, headers = await client.post("/v1/sessions", {})
            facts = (
                status,
                found["code"],
                "limit exceeded" in found["detail"],
                headers["Retry-After"],
            )
            assert (facts, Config().limits.max_sessions) == (
                (429, "limit_exceeded", True, "1"),
                500,
            )

    async def test_sess_2_a_duration_out_of_range_is_refused(self, new_stack, client_of):
        async with new_stack() as stack, client_of(stack) as client:
            answers = []
            for duration_s in (0, 0.5, 2701, "60", None, True, 1, 2700):
                wish = {"name": f"guest-{duration_s}", "duration_s": duration_s}
                status, found, _ = await client.post("/v1/sessions", wish)
                answers.append((status, found.get("field")))
            assert answers == [(422, "duration_s")] * 6 + [(201, None)] * 2

    async def test_two_living_ones_of_one_name_are_a_conflict(self, new_stack, client_of):
        async with new_stack() as stack, client_of(stack) as client:
            await client.post("/v1/sessions", {"name": "ana"})
            status, found, _ = await client.post("/v1/sessions", {"name": "ana"})
            assert (status, found["code"], found["field"]) == (409, "conflict", "name")

    async def test_no_token_of_the_platform_is_ever_shown(self, new_stack, client_of):
        async with new_stack(emulator={"agent": "echo"}) as stack, client_of(stack) as client:
            await opened(stack, client)
            await client.post("/v1/sessions/ana/messages", {"text": "hello", "command_id": "c1"})
            await settled(client, "c1")
            tokens = list(stack.emulator.world.sessions)
            assert tokens
            for path in (
                "/v1/sessions",
                "/v1/sessions/ana",
                "/v1/sessions/ana/events",
                "/v1/sessions/ana/messages",
            ):
                found = json.dumps((await client.get(path))[1])
                assert not any(token in found for token in tokens)


class TestMessages:
    async def test_sent_answered_by_the_agent_and_read_in_order(self, new_stack, client_of):
        async with new_stack(emulator={"agent": "echo"}) as stack, client_of(stack) as client:
            session_id = await opened(stack, client)
            status, found, headers = await client.post(
                "/v1/sessions/ana/messages", {"text": "hello"}
            )
            assert status == 202 and found["session_id"] == session_id
            assert headers["Location"].endswith(f"/commands/{found['command_id']}")
            state = await settled(client, found["command_id"])
            assert (state["status"], state["action"], state["seq"]) == (
                "confirmed",
                "send",
                found["seq"],
            )
            await stack.until(lambda: stack.metrics.messages_in >= 2)
            _, page, _ = await client.get("/v1/sessions/ana/messages")
            reported = [
                (one["direction"], one["text"])
                for one in page["messages"]
                if one["kind"] == "message"
            ]
            assert reported == [("Inbound", "hello"), ("Outbound", "hello")]
            assert [one["seq"] for one in page["messages"]] == sorted(
                one["seq"] for one in page["messages"]
            )

    async def test_the_transcript_goes_on_after_a_seq_in_pages(self, new_stack, client_of):
        async with new_stack(emulator={"agent": "echo"}) as stack, client_of(stack) as client:
            await opened(stack, client)
            for n in range(4):
                await client.post(
                    "/v1/sessions/ana/messages", {"text": f"m{n}", "command_id": f"c{n}"}
                )
            await stack.until(lambda: stack.metrics.messages_in >= 8)
            texts, after, more = [], 0, True
            while more:
                _, page, _ = await client.get(f"/v1/sessions/ana/messages?after={after}&limit=3")
                assert len(page["messages"]) <= 3
                texts += [
                    one["text"] for one in page["messages"] if one.get("direction") == "Inbound"
                ]
                after, more = page["next"], page["more"]
            assert texts == ["m0", "m1", "m2", "m3"]

    async def test_the_same_command_id_gets_the_same_answer_and_is_sent_once(
        self, new_stack, client_of
    ):
        async with new_stack() as stack, client_of(stack) as client:
            await opened(stack, client)
            wish = {"text": "once", "command_id": "c1"}
            answers = await asyncio.gather(
                *(client.post("/v1/sessions/ana/messages", wish) for _ in range(5))
            )
            assert {status for status, _, _ in answers} == {202} and len(
                {one[1]["seq"] for one in answers}
            ) == 1
            by_header = await client.post(
                "/v1/sessions/ana/messages", {"text": "once"}, headers={"Idempotency-Key": "c1"}
            )
            assert by_header[1] == answers[0][1]
            await stack.until(lambda: stack.metrics.messages_in >= 1)
            _, page, _ = await client.get("/v1/sessions/ana/messages")
            assert [
                one["text"] for one in page["messages"] if one.get("direction") == "Inbound"
            ] == ["once"]

    async def test_two_different_ids_for_one_command_are_a_conflict(self, new_stack, client_of):
        async with new_stack() as stack, client_of(stack) as client:
            await opened(stack, client)
            wish = {"text": "x", "command_id": "a"}
            status, found, _ = await client.post(
                "/v1/sessions/ana/messages", wish, headers={"Idempotency-Key": "b"}
            )
            assert (status, found["field"]) == (409, "command_id")

    async def test_a_quick_reply_is_chosen(self, new_stack, client_of):
        async with new_stack(emulator={"agent": "menu"}) as stack, client_of(stack) as client:
            await opened(stack, client)
            reply = {"choices": [{"text": "Yes", "payload": "yes"}]}
            status, found, _ = await client.post("/v1/sessions/ana/messages", {"reply": reply})
            assert (
                status == 202 and (await settled(client, found["command_id"]))["action"] == "reply"
            )

    async def test_sock_4_context_is_taken_and_too_much_of_it_refused(self, new_stack, client_of):
        async with new_stack() as stack, client_of(stack) as client:
            await opened(stack, client)
            assert (await client.ask("PUT", "/v1/sessions/ana/context", {"context": {"cart": 3}}))[
                0
            ] == 202
            large = {"context": {"x": "y" * 5000}}
            status, found, _ = await client.ask("PUT", "/v1/sessions/ana/context", large)
            assert (status, found["code"]) == (422, "too_long")

    async def test_typing_is_shown(self, new_stack, client_of):
        async with new_stack() as stack, client_of(stack) as client:
            await opened(stack, client)
            assert (await client.post("/v1/sessions/ana/typing"))[0] == 204

    async def test_sim_3_while_the_link_is_down_the_answer_is_not_ready(self, new_stack, client_of):
        async with (
            new_stack(session={"reconnect_base_s": 30.0}) as stack,
            client_of(stack) as client,
        ):
            await opened(stack, client)
            for visit in list(stack.emulator.connections.values()):
                visit.transport.abort()
            await stack.until(lambda: stack.live() == 0)
            status, found, headers = await client.post("/v1/sessions/ana/messages", {"text": "x"})
            assert (status, found["code"], found["state"]) == (409, "not_ready", "resting")
            assert 20.0 < found["retry_after_s"] < 31.0
            assert found["retry_after_ms"] == math.ceil(found["retry_after_s"] * 1000)
            assert headers["Retry-After"] == str(math.ceil(found["retry_after_s"]))

    async def test_an_unknown_guest_session_is_not_found(self, new_stack, client_of):
        asked = [
            ("GET", "", None),
            ("DELETE", "", None),
            ("POST", "/messages", {"text": "x"}),
            ("GET", "/messages", None),
            ("PUT", "/context", {"context": {}}),
            ("POST", "/typing", None),
            ("GET", "/events", None),
            ("GET", "/commands/c1", None),
        ]
        async with new_stack() as stack, client_of(stack) as client:
            for method, path, body in asked:
                assert (await client.ask(method, f"/v1/sessions/nobody{path}", body))[0] == 404, (
                    path
                )
