"""The control API over real HTTP: a daemon, the emulator behind it, and a plain client in front."""

from __future__ import annotations

import asyncio
import json
import logging
import math

import aiohttp
import orjson
import pytest

from guestd.app.config import Config

PROBLEM = "application/problem+json"

BAD_BODIES = [
    (b"{", 400, "bad_json", None),
    (b"", 400, "bad_json", None),
    (b"\xff", 400, "bad_json", None),
    (b'"\\ud800"', 400, "bad_json", None),
    (b"[" * 100_000, 400, "bad_json", None),
    (b'{"metadata":' + b'{"a":' * 100 + b"1" + b"}" * 101, 400, "bad_json", None),
    (b"[]", 422, "invalid", None),
    (b"null", 422, "invalid", None),
    (b'{"nmae": "ana"}', 422, "invalid", "nmae"),
    (b'{"name": 7}', 422, "invalid", "name"),
    (b'{"name": "a b"}', 422, "invalid", "name"),
    (b'{"name": ".."}', 422, "invalid", "name"),
    (b'{"name": "ana\\n"}', 422, "invalid", "name"),
    (b'{"attributes": {"a": 1}}', 422, "invalid", "attributes.a"),
]

#: What is wrong, and what to do: the same words as for the request of an operation.
WORDS = [
    ("POST", "/v1/sessions", {"name": 7}, "name: must be a string; put it in quotes"),
    (
        "POST",
        "/v1/sessions",
        {"nmae": "ana"},
        "nmae: this key is unknown; did you mean name?",
    ),
    ("POST", "/v1/sessions", [], "the body: must be an object; write {…}"),
    ("GET", "/v1/sessions?limit=0", None, "query.limit: 0 is too small; the minimum is 1"),
    ("GET", "/v1/sessions?limit=ten", None, "query.limit: must be a whole number; write digits"),
]

BAD_REQUESTS = [
    ("GET", "/v1/nothing", 404),
    ("GET", "/v1/", 404),
    ("PATCH", "/v1/sessions", 405),
    ("POST", "/v1/sessions?x=1", 422),
    ("GET", "/v1/sessions?limit=0", 422),
    ("GET", "/v1/sessions?limit=1&limit=2", 422),
    ("GET", "/v1/sessions?limit=" + "9" * 5000, 422),
    ("POST", "/v1/sessions", 415),
]


async def open_post(town, rest):
    """A POST of a JSON body on a connection of its own, as far as `rest` goes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", town.http.port)
    writer.write(
        b"POST /v1/sessions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        + rest
    )
    return reader, writer


class Client:
    """Asks and gives (status, body, headers)."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session

    async def ask(self, method, path, body=None, **more):
        if body is not None:
            more["json"] = body
        async with self.session.request(method, path, **more) as answer:
            raw = await answer.read()
            found = orjson.loads(raw) if raw else None
            if answer.status >= 400:
                assert answer.content_type == PROBLEM, raw
                assert (
                    found["status"] == answer.status
                    and found["type"] == f"urn:guestd:problem:{found['code']}"
                )
                assert found["detail"] and found["title"] and found["instance"].startswith("/")
            return answer.status, found, answer.headers

    async def get(self, path, **more):
        return await self.ask("GET", path, **more)

    async def post(self, path, body=None, **more):
        return await self.ask("POST", path, body, **more)


@pytest.fixture
def client_of():
    def open_client(town, **more):
        return _Opened(town, more)

    class _Opened:
        def __init__(self, town, more):
            self._session = aiohttp.ClientSession(town.http.url, **more)

        async def __aenter__(self):
            return Client(await self._session.__aenter__())

        async def __aexit__(self, *what):
            await self._session.__aexit__(*what)

    return open_client


async def opened(town, client, name="ana"):
    status, found, _ = await client.post("/v1/sessions", {"name": name})
    assert status == 201
    await town.until(lambda: town.fleet.view(found["session_id"]).state == "live")
    return found["session_id"]


async def settled(client, command_id, name="ana"):
    async with asyncio.timeout(10.0):
        while True:
            status, found, _ = await client.get(f"/v1/sessions/{name}/commands/{command_id}")
            if status == 200 and found["status"] != "accepted":
                return found
            await asyncio.sleep(0.01)


class TestSessions:
    async def test_opened_shown_by_id_and_name_listed_and_ended(self, new_town, client_of):
        async with new_town() as town, client_of(town) as client:
            status, found, headers = await client.post(
                "/v1/sessions", {"name": "ana", "attributes": {"tier": "gold"}}
            )
            assert status == 201 and headers["Location"] == f"/v1/sessions/{found['session_id']}"
            await town.until(lambda: town.live() == 1)
            by_id = await client.get(headers["Location"])
            by_name = await client.get("/v1/sessions/ana")
            assert by_id[1] == by_name[1] and by_id[1]["state"] == "live"
            assert (await client.get("/v1/sessions?name=ana"))[1]["total"] == 1
            status, ended, _ = await client.ask("DELETE", "/v1/sessions/ana")
            assert status == 202 and ended["seq"] > 0
            await town.until(lambda: not town.fleet.sessions())
            assert (await client.get("/v1/sessions/ana"))[0] == 404

    async def test_a_session_is_durable_before_it_is_answered(self, new_town, client_of):
        async with new_town(control={"answer_timeout_s": 0.1}) as town, client_of(town) as client:
            journal = town.fleet._journal
            commit, held = journal.commit, []
            journal.commit = lambda given, done: held.append((given, done))
            status, found, _ = await client.post("/v1/sessions", {"name": "ana"})
            assert (status, found["code"]) == (503, "journal_slow")
            journal.commit = commit
            for given, done in held:
                commit(given, done)
            await town.until(lambda: town.live() == 1)

    async def test_pages_hold_everybody_once_while_some_come(self, new_town, client_of):
        async with new_town() as town, client_of(town) as client:
            for n in range(7):
                await client.post("/v1/sessions", {"name": f"g{n}"})
            seen, after = [], ""
            while after is not None:
                _, page, _ = await client.get("/v1/sessions", params={"limit": 3, "after": after})
                seen += [one["name"] for one in page["sessions"]]
                after = page["next"]
            assert sorted(seen) == [f"g{n}" for n in range(7)]

    async def test_sess_1_one_more_than_the_limit_is_refused(self, new_town, client_of):
        async with new_town(fleet={"max_sessions": 1}) as town, client_of(town) as client:
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

    async def test_sess_2_a_duration_out_of_range_is_refused(self, new_town, client_of):
        async with new_town() as town, client_of(town) as client:
            answers = []
            for duration_s in (0, 0.5, 2701, "60", None, True, 1, 2700):
                wish = {"name": f"guest-{duration_s}", "duration_s": duration_s}
                status, found, _ = await client.post("/v1/sessions", wish)
                answers.append((status, found.get("field")))
            assert answers == [(422, "duration_s")] * 6 + [(201, None)] * 2

    async def test_two_living_ones_of_one_name_are_a_conflict(self, new_town, client_of):
        async with new_town() as town, client_of(town) as client:
            await client.post("/v1/sessions", {"name": "ana"})
            status, found, _ = await client.post("/v1/sessions", {"name": "ana"})
            assert (status, found["code"], found["field"]) == (409, "conflict", "name")

    async def test_no_token_of_the_platform_is_ever_shown(self, new_town, client_of):
        async with new_town(emulator={"agent": "echo"}) as town, client_of(town) as client:
            await opened(town, client)
            await client.post("/v1/sessions/ana/messages", {"text": "hello", "command_id": "c1"})
            await settled(client, "c1")
            tokens = list(town.emulator.world.sessions)
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
    async def test_sent_answered_by_the_agent_and_read_in_order(self, new_town, client_of):
        async with new_town(emulator={"agent": "echo"}) as town, client_of(town) as client:
            session_id = await opened(town, client)
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
            await town.until(lambda: town.metrics.messages_in >= 2)
            _, page, _ = await client.get("/v1/sessions/ana/messages")
            told = [
                (one["direction"], one["text"])
                for one in page["messages"]
                if one["kind"] == "message"
            ]
            assert told == [("Inbound", "hello"), ("Outbound", "hello")]
            assert [one["seq"] for one in page["messages"]] == sorted(
                one["seq"] for one in page["messages"]
            )

    async def test_the_transcript_goes_on_after_a_seq_in_pages(self, new_town, client_of):
        async with new_town(emulator={"agent": "echo"}) as town, client_of(town) as client:
            await opened(town, client)
            for n in range(4):
                await client.post(
                    "/v1/sessions/ana/messages", {"text": f"m{n}", "command_id": f"c{n}"}
                )
            await town.until(lambda: town.metrics.messages_in >= 8)
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
        self, new_town, client_of
    ):
        async with new_town() as town, client_of(town) as client:
            await opened(town, client)
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
            await town.until(lambda: town.metrics.messages_in >= 1)
            _, page, _ = await client.get("/v1/sessions/ana/messages")
            assert [
                one["text"] for one in page["messages"] if one.get("direction") == "Inbound"
            ] == ["once"]

    async def test_two_different_ids_for_one_command_are_a_conflict(self, new_town, client_of):
        async with new_town() as town, client_of(town) as client:
            await opened(town, client)
            wish = {"text": "x", "command_id": "a"}
            status, found, _ = await client.post(
                "/v1/sessions/ana/messages", wish, headers={"Idempotency-Key": "b"}
            )
            assert (status, found["field"]) == (409, "command_id")

    async def test_a_quick_reply_is_chosen(self, new_town, client_of):
        async with new_town(emulator={"agent": "menu"}) as town, client_of(town) as client:
            await opened(town, client)
            reply = {"choices": [{"text": "Yes", "payload": "yes"}]}
            status, found, _ = await client.post("/v1/sessions/ana/messages", {"reply": reply})
            assert (
                status == 202 and (await settled(client, found["command_id"]))["action"] == "reply"
            )

    async def test_sock_4_context_is_taken_and_too_much_of_it_refused(self, new_town, client_of):
        async with new_town() as town, client_of(town) as client:
            await opened(town, client)
            assert (await client.ask("PUT", "/v1/sessions/ana/context", {"context": {"cart": 3}}))[
                0
            ] == 202
            large = {"context": {"x": "y" * 5000}}
            status, found, _ = await client.ask("PUT", "/v1/sessions/ana/context", large)
            assert (status, found["code"]) == (422, "too_long")

    async def test_typing_is_shown(self, new_town, client_of):
        async with new_town() as town, client_of(town) as client:
            await opened(town, client)
            assert (await client.post("/v1/sessions/ana/typing"))[0] == 204

    async def test_sim_3_while_the_link_is_down_the_answer_is_not_ready(self, new_town, client_of):
        async with new_town(session={"reconnect_base_s": 30.0}) as town, client_of(town) as client:
            await opened(town, client)
            for visit in list(town.emulator.connections.values()):
                visit.transport.abort()
            await town.until(lambda: town.live() == 0)
            status, found, headers = await client.post("/v1/sessions/ana/messages", {"text": "x"})
            assert (status, found["code"], found["state"]) == (409, "not_ready", "resting")
            assert 20.0 < found["retry_after_s"] < 31.0
            assert found["retry_after_ms"] == math.ceil(found["retry_after_s"] * 1000)
            assert headers["Retry-After"] == str(math.ceil(found["retry_after_s"]))

    async def test_an_unknown_guest_session_is_not_found(self, new_town, client_of):
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
        async with new_town() as town, client_of(town) as client:
            for method, path, body in asked:
                assert (await client.ask(method, f"/v1/sessions/nobody{path}", body))[0] == 404, (
                    path
                )


class TestProblems:
    async def test_a_bad_body_is_a_problem_that_names_the_field(self, new_town, client_of):
        async with new_town() as town, client_of(town) as client:
            headers = {"Content-Type": "application/json"}
            for body, status, code, field in BAD_BODIES:
                found = await client.ask("POST", "/v1/sessions", data=body, headers=headers)
                assert (found[0], found[1]["code"], found[1].get("field")) == (
                    status,
                    code,
                    field,
                ), body[:50]
            assert not town.fleet.sessions()

    @pytest.mark.parametrize(("method", "path", "body", "detail"), WORDS)
    async def test_what_is_wrong_is_said_with_its_remedy(
        self, new_town, client_of, method, path, body, detail
    ):
        async with new_town() as town, client_of(town) as client:
            async with client.session.request(method, town.http.url + path, json=body) as answer:
                assert (answer.status, (await answer.json())["detail"]) == (422, detail)

    async def test_what_no_route_takes_is_a_problem_too(self, new_town, client_of):
        async with new_town() as town, client_of(town) as client:
            for method, path, status in BAD_REQUESTS:
                found = await client.ask(method, path)
                assert found[0] == status, path[:50]
                assert ("Allow" in found[2]) == (status == 405)

    async def test_a_body_too_large_is_refused_whether_announced_or_not(self, new_town, client_of):
        async with new_town(control={"body_bytes_max": 2000}) as town, client_of(town) as client:

            async def in_pieces():
                for _ in range(30):
                    yield b" " * 100

            headers = {"Content-Type": "application/json"}
            for data in (b" " * 3000, in_pieces()):
                assert (await client.ask("POST", "/v1/sessions", data=data, headers=headers))[
                    0
                ] == 413

    async def test_a_body_that_does_not_come_is_not_waited_for(self, new_town, client_of):
        async with new_town(control={"body_timeout_s": 0.1}) as town, client_of(town) as client:

            async def never():
                yield b"{"
                await asyncio.sleep(5.0)

            headers = {"Content-Type": "application/json"}
            found = await client.ask("POST", "/v1/sessions", data=never(), headers=headers)
            assert (found[0], found[1]["code"]) == (408, "timeout")

    @pytest.mark.parametrize("bound", [{"requests_max": 1}, {"requests_per_address_max": 1}])
    async def test_one_request_more_than_the_bound_is_told_to_come_back(
        self, new_town, client_of, bound
    ):
        async with new_town(control=bound) as town, client_of(town) as client:
            with town.http._control._requests.taken("127.0.0.1"):
                status, found, answered = await client.get("/v1/sessions")
            assert (status, found["code"], answered["Retry-After"]) == (503, "overloaded", "1")
            assert town.metrics.http_refused == {next(iter(bound)): 1}
            assert (await client.get("/v1/sessions"))[0] == 200

    async def test_one_address_cannot_take_all_places(self, new_town, client_of):
        async with (
            new_town(control={"requests_per_address_max": 1}) as town,
            client_of(town) as client,
        ):
            with town.http._control._requests.taken("192.0.2.1"):
                assert (await client.get("/v1/sessions"))[0] == 200

    async def test_bodies_that_do_not_come_hold_no_place(self, new_town, client_of):
        bounds = {"requests_max": 2, "bodies_waiting_max": 10}
        async with new_town(control=bounds) as town, client_of(town) as client:
            silent = [await open_post(town, b"Content-Length: 100\r\n\r\n{") for _ in range(30)]
            await town.until(lambda: town.metrics.http_refused.get("bodies_waiting_max") == 20)
            assert (await client.get("/v1/sessions"))[0] == 200
            assert (await client.ask("POST", "/v1/sessions", json={"name": "ana"}))[0] == 201
            slowly = await open_post(town, b"Content-Length: 14\r\n\r\n")
            slowly[1].write(b'{"name": "bo"}')
            assert (await slowly[0].readline()).startswith(b"HTTP/1.1 201 ")
            assert (await silent[0][0].readline()).startswith(b"HTTP/1.1 408 ")
            for _, writer in [*silent, slowly]:
                writer.close()

    async def test_bodies_under_way_are_bounded_in_bytes(self, new_town, client_of):
        async with (
            new_town(control={"bodies_waiting_bytes_max": 100_000}) as town,
            client_of(town) as client,
        ):
            large = [
                await open_post(town, b"Content-Length: 90000\r\n\r\n" + b" " * 30_000)
                for _ in range(9)
            ]
            await town.until(lambda: town.metrics.http_refused.get("bodies_waiting_max") == 6)
            assert (await client.ask("POST", "/v1/sessions", json={"name": "ana"}))[0] == 201
            for _, writer in large:
                writer.close()
            await town.until(lambda: town.http._control._bodies._bytes == 0)
            assert town.http._control._bodies._count == 0

    @pytest.mark.parametrize(
        "wrong",
        [
            b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
            b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd",
            b"Content-Encoding: br\r\nContent-Length: 4\r\n\r\nabcd",
        ],
    )
    async def test_a_body_that_belies_its_headers_is_a_400(self, new_town, wrong):
        async with new_town() as town:
            reader, writer = await open_post(town, wrong)
            assert (await reader.readline()).split()[
                1
            ] == b"400"  # HTTP/1.0 where aiohttp itself refuses
            writer.close()

    async def test_a_bug_of_ours_is_told_by_an_id_that_is_in_the_log(
        self, new_town, client_of, caplog
    ):
        async with new_town() as town, client_of(town) as client:
            town.fleet.sessions = lambda: 1 / 0
            with caplog.at_level(logging.ERROR):
                status, found, _ = await client.get("/v1/sessions")
            assert (status, found["code"]) == (500, "internal")
            (line,) = [one for one in caplog.messages if found["error_id"] in one]
            assert (
                "ZeroDivisionError at test_control.py:" in line
                and "division by zero" not in caplog.text
            )
            assert (
                town.metrics.http_internal_errors == 1 and town.metrics.control_answers["500"] == 1
            )

    async def test_a_bug_outside_the_control_api_is_told_in_the_same_way(
        self, new_town, client_of, caplog
    ):
        async with new_town() as town, client_of(town) as client:
            town.fleet.is_ready = lambda: 1 / 0
            with caplog.at_level(logging.ERROR):
                status, found, _ = await client.get("/readyz")
            assert (status, found["code"]) == (500, "internal")
            assert found["error_id"] in caplog.text and "Traceback" not in caplog.text
            assert town.metrics.http_internal_errors == 1
            assert "ZeroDivision" not in json.dumps(found) and "Traceback" not in json.dumps(found)

    async def test_a_value_that_was_refused_is_not_repeated(self, new_town, client_of):
        async with new_town() as town, client_of(town) as client:
            _, found, _ = await client.post(
                "/v1/sessions", {"name": "s3cr3t token", "email": 5, "duration_s": "s3cr3t"}
            )
            assert "s3cr3t" not in json.dumps(found)


class TestEvents:
    @staticmethod
    def follow(client, path="/v1/sessions/ana/events", **headers):
        return client.session.get(path, headers={"Accept": "text/event-stream", **headers})

    @staticmethod
    async def event(answer, kind, timeout_s=10.0):
        """The next one of that kind: (id, data)."""
        async with asyncio.timeout(timeout_s):
            while True:
                fields = {}
                while line := (await answer.content.readline()).decode().rstrip("\n"):
                    name, _, value = line.partition(": ")
                    fields[name] = value
                if fields.get("event") == kind:
                    return fields.get("id"), json.loads(fields["data"])
                if not fields and answer.content.at_eof():
                    raise EOFError

    async def test_a_follower_sees_what_was_and_what_comes(self, new_town, client_of):
        async with new_town(emulator={"agent": "echo"}) as town, client_of(town) as client:
            await opened(town, client)
            async with self.follow(client) as answer:
                assert answer.status == 200 and answer.content_type == "text/event-stream"
                assert (await self.event(answer, "session"))[0] == "1"
                await client.post("/v1/sessions/ana/messages", {"text": "hello"})
                seq, message = await self.event(answer, "message")
                assert int(seq) == message["seq"] and message["text"] == "hello"

    async def test_who_comes_back_gets_what_he_missed_and_nothing_twice(self, new_town, client_of):
        async with new_town(emulator={"agent": "echo"}) as town, client_of(town) as client:
            await opened(town, client)
            async with self.follow(client) as answer:
                last, _ = await self.event(answer, "session")
            for n in range(3):
                await client.post(
                    "/v1/sessions/ana/messages", {"text": f"m{n}", "command_id": f"c{n}"}
                )
            await town.until(lambda: town.metrics.messages_in >= 6)
            for headers, query in (({"Last-Event-ID": last}, "?after=0"), ({}, f"?after={last}")):
                async with self.follow(
                    client, f"/v1/sessions/ana/events{query}", **headers
                ) as answer:
                    seen = [await self.event(answer, "accepted") for _ in range(3)]
                    assert [one["command_id"] for _, one in seen] == ["c0", "c1", "c2"]

    async def test_the_end_is_told_and_then_there_is_nothing_to_follow(self, new_town, client_of):
        async with new_town() as town, client_of(town) as client:
            session_id = await opened(town, client)
            async with self.follow(client) as answer:
                await client.ask("DELETE", "/v1/sessions/ana")
                await self.event(answer, "over")
                assert await answer.content.read() == b""
            async with self.follow(client, f"/v1/sessions/{session_id}/events") as answer:
                assert answer.status == 404  # a journal in memory forgets who has ended

    async def test_who_is_still_catching_up_when_it_ends_is_told_so(self, new_town, client_of):
        async with new_town() as town, client_of(town) as client:
            session_id = await opened(town, client)
            read = town.fleet.read
            page = await read(session_id, 0, 100)

            async def forgotten(*what):
                town.fleet.read = read
                town.fleet._journal.forget(session_id)
                town.fleet._runners.pop(session_id)
                town.fleet._hub.over(session_id)
                return page

            async def first(*what):
                town.fleet.read = forgotten
                return page

            town.fleet.read = first
            async with self.follow(client) as answer:
                await self.event(answer, "session")
                await self.event(answer, "over")
                assert await answer.content.read() == b""

    async def test_silence_is_broken_by_a_comment(self, new_town, client_of):
        async with new_town(control={"heartbeat_s": 0.05}) as town, client_of(town) as client:
            await opened(town, client)
            async with self.follow(client) as answer:
                async with asyncio.timeout(5.0):
                    while b": beat" not in await answer.content.readline():
                        pass

    async def test_a_slow_reader_is_told_let_go_and_can_resume(self, new_town, client_of):
        api = {"queue_events_max": 16, "queue_bytes_max": 20_000}
        async with new_town(api=api) as town, client_of(town) as client:
            await opened(town, client)
            session = next(iter(town.emulator.world.sessions.values()))
            async with self.follow(client, headers_only := "/v1/sessions/ana/events") as answer:
                await self.event(answer, "session")
                await town.until(lambda: len(town.fleet._hub) == 1)
                stream = next(iter(town.http._control._events._streams))
                stream._response.write = _waiting(stream._response.write, gate := asyncio.Event())
                for n in range(40):
                    _, effects = town.emulator.world.agent_says(
                        session, f"m{n}" + "x" * 500, town.emulator.now()
                    )
                    town.emulator.perform(effects)
                await town.until(lambda: stream.feed.is_too_slow)
                gate.set()
                _, closed = await self.event(answer, "closed")
                assert closed["reason"].startswith("too slow")
            assert town.metrics.watchers_closed_slow == 1 and len(town.fleet._hub) == 0
            await town.until(lambda: town.metrics.messages_in >= 40)
            async with self.follow(client, f"{headers_only}?after={closed['seq']}") as answer:
                seq, _ = await self.event(answer, "message")
                assert int(seq) == closed["seq"] + 1

    async def test_a_follower_too_many_is_refused(self, new_town, client_of):
        async with (
            new_town(control={"watchers_max": 1, "heartbeat_s": 0.05}) as town,
            client_of(town) as client,
        ):
            await opened(town, client)
            async with self.follow(client) as first:
                await self.event(first, "session")
                async with self.follow(client) as second:
                    assert second.status == 503 and "Retry-After" in second.headers
            await town.until(lambda: not town.http._control._events._streams)

    async def test_a_seq_that_cannot_be_is_refused(self, new_town, client_of):
        async with new_town() as town, client_of(town) as client:
            await opened(town, client)
            for last in ("-1", "x", "9" * 30, "999"):
                async with self.follow(client, **{"Last-Event-ID": last}) as answer:
                    assert answer.status == 422

    async def test_stopping_says_goodbye_to_followers(self, new_town, client_of):
        async with new_town() as town, client_of(town) as client:
            await opened(town, client)
            async with self.follow(client) as answer:
                await self.event(answer, "session")
                stopping = asyncio.ensure_future(town.http.stop())
                _, closed = await self.event(answer, "closed")
                assert "shutting down" in closed["reason"]
                await stopping

    async def test_pages_of_all_kinds_for_who_does_not_follow(self, new_town, client_of):
        async with new_town(emulator={"agent": "echo"}) as town, client_of(town) as client:
            await opened(town, client)
            await client.post("/v1/sessions/ana/messages", {"text": "hello"})
            await town.until(lambda: town.metrics.messages_in >= 2)
            _, page, _ = await client.get("/v1/sessions/ana/events?after=1&limit=2")
            assert (
                [one["seq"] for one in page["events"]] == [2, 3]
                and page["next"] == 3
                and page["more"]
            )


def _waiting(write, gate):
    async def slow(data):
        await gate.wait()
        await write(data)

    return slow
