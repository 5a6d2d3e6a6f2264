"""What the control API refuses, and how it says so."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest

from .control_client import open_post

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
    ("GET", "/v1", 404),
    ("PATCH", "/v1/sessions", 405),
    ("POST", "/v1/sessions?x=1", 422),
    ("GET", "/v1/sessions?limit=0", 422),
    ("GET", "/v1/sessions?limit=1&limit=2", 422),
    ("GET", "/v1/sessions?limit=" + "9" * 5000, 422),
    ("POST", "/v1/sessions", 415),
]


class TestProblems:
    async def test_a_bad_body_is_a_problem_that_names_the_field(self, new_stack, client_of):
        async with new_stack() as stack, client_of(stack) as client:
            headers = {"Content-Type": "application/json"}
            for body, status, code, field in BAD_BODIES:
                found = await client.ask("POST", "/v1/sessions", data=body, headers=headers)
                assert (found[0], found[1]["code"], found[1].get("field")) == (
                    status,
                    code,
                    field,
                ), body[:50]
            assert not stack.fleet.sessions()

    @pytest.mark.parametrize(("method", "path", "body", "detail"), WORDS)
    async def test_what_is_wrong_is_said_with_its_remedy(
        self, new_stack, client_of, method, path, body, detail
    ):
        async with new_stack() as stack, client_of(stack) as client:
            async with client.session.request(method, stack.http.url + path, json=body) as answer:
                assert (answer.status, (await answer.json())["detail"]) == (422, detail)

    async def test_a_key_like_none_that_is_known_is_not_repeated_beside_other_mistakes(
        self, new_stack, client_of
    ):
        """It may be a secret in a wrong place."""
        async with new_stack() as stack, client_of(stack) as client:
            body = {"name": 7, "eyJhbGciOiJub25lIn0": 1}
            _, found, _ = await client.ask("POST", "/v1/sessions", body)
            assert found["detail"] == "name: must be a string; put it in quotes (and 1 more)"
            unknown = {"field": "", "detail": "the body: has a key that is unknown; leave it out"}
            assert unknown in found["errors"] and "eyJ" not in json.dumps(found)

    async def test_what_no_route_takes_is_a_problem_too(self, new_stack, client_of):
        async with new_stack() as stack, client_of(stack) as client:
            for method, path, status in BAD_REQUESTS:
                found = await client.ask(method, path)
                assert found[0] == status, path[:50]
                assert ("Allow" in found[2]) == (status == 405)

    async def test_a_body_too_large_is_refused_whether_announced_or_not(self, new_stack, client_of):
        async with new_stack(control={"body_bytes_max": 2000}) as stack, client_of(stack) as client:

            async def in_pieces():
                for _ in range(30):
                    yield b" " * 100

            headers = {"Content-Type": "application/json"}
            for data in (b" " * 3000, in_pieces()):
                assert (await client.ask("POST", "/v1/sessions", data=data, headers=headers))[
                    0
                ] == 413

    async def test_a_body_that_does_not_come_is_not_waited_for(self, new_stack, client_of):
        async with new_stack(control={"body_timeout_s": 0.1}) as stack, client_of(stack) as client:

            async def never():
                yield b"{"
                await asyncio.sleep(5.0)

            headers = {"Content-Type": "application/json"}
            found = await client.ask("POST", "/v1/sessions", data=never(), headers=headers)
            assert (found[0], found[1]["code"]) == (408, "timeout")

    @pytest.mark.parametrize("bound", [{"requests_max": 1}, {"requests_per_address_max": 1}])
    async def test_one_request_more_than_the_bound_is_told_to_come_back(
        self, new_stack, client_of, bound
    ):
        async with new_stack(control=bound) as stack, client_of(stack) as client:
            with stack.http._control._table._requests.taken("127.0.0.1"):
                status, found, answered = await client.get("/v1/sessions")
            assert (status, found["code"], answered["Retry-After"]) == (503, "overloaded", "1")
            assert stack.metrics.http_refused == {next(iter(bound)): 1}
            assert (await client.get("/v1/sessions"))[0] == 200

    async def test_one_address_cannot_take_all_places(self, new_stack, client_of):
        async with (
            new_stack(control={"requests_per_address_max": 1}) as stack,
            client_of(stack) as client,
        ):
            with stack.http._control._table._requests.taken("192.0.2.1"):
                assert (await client.get("/v1/sessions"))[0] == 200

    async def test_bodies_that_do_not_come_hold_no_place(self, new_stack, client_of):
        bounds = {"requests_max": 2, "bodies_waiting_max": 10}
        async with new_stack(control=bounds) as stack, client_of(stack) as client:
            silent = [await open_post(stack, b"Content-Length: 100\r\n\r\n{") for _ in range(30)]
            await stack.until(lambda: stack.metrics.http_refused.get("bodies_waiting_max") == 20)
            assert (await client.get("/v1/sessions"))[0] == 200
            assert (await client.ask("POST", "/v1/sessions", json={"name": "ana"}))[0] == 201
            slowly = await open_post(stack, b"Content-Length: 14\r\n\r\n")
            slowly[1].write(b'{"name": "bo"}')
            assert (await slowly[0].readline()).startswith(b"HTTP/1.1 201 ")
            assert (await silent[0][0].readline()).startswith(b"HTTP/1.1 408 ")
            for _, writer in [*silent, slowly]:
                writer.close()

    async def test_bodies_under_way_are_bounded_in_bytes(self, new_stack, client_of):
        async with (
            new_stack(control={"bodies_waiting_bytes_max": 100_000}) as stack,
            client_of(stack) as client,
        ):
            large = [
                await open_post(stack, b"Content-Length: 90000\r\n\r\n" + b" " * 30_000)
                for _ in range(9)
            ]
            await stack.until(lambda: stack.metrics.http_refused.get("bodies_waiting_max") == 6)
            assert (await client.ask("POST", "/v1/sessions", json={"name": "ana"}))[0] == 201
            for _, writer in large:
                writer.close()
            await stack.until(lambda: stack.http._control._table._bodies._bytes == 0)
            assert stack.http._control._table._bodies._count == 0

    @pytest.mark.parametrize(
        "wrong",
        [
            b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
            b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd",
            b"Content-Encoding: br\r\nContent-Length: 4\r\n\r\nabcd",
        ],
    )
    async def test_a_body_that_belies_its_headers_is_a_400(self, new_stack, wrong):
        async with new_stack() as stack:
            reader, writer = await open_post(stack, wrong)
            assert (await reader.readline()).split()[
                1
            ] == b"400"  # HTTP/1.0 where aiohttp itself refuses
            writer.close()

    async def test_a_bug_of_ours_is_told_by_an_id_that_is_in_the_log(
        self, new_stack, client_of, caplog
    ):
        async with new_stack() as stack, client_of(stack) as client:
            stack.fleet.overview.lines = lambda: 1 / 0
            with caplog.at_level(logging.ERROR):
                status, found, _ = await client.get("/v1/sessions")
            assert (status, found["code"]) == (500, "internal")
            (line,) = [one for one in caplog.messages if found["error_id"] in one]
            assert (
                "ZeroDivisionError at test_control_problems.py:" in line
                and "division by zero" not in caplog.text
            )
            assert (
                stack.metrics.http_internal_errors == 1
                and stack.metrics.control_answers["500"] == 1
            )

    async def test_a_bug_outside_the_control_api_is_told_in_the_same_way(
        self, new_stack, client_of, caplog
    ):
        async with new_stack() as stack, client_of(stack) as client:
            stack.fleet.is_ready = lambda: 1 / 0
            with caplog.at_level(logging.ERROR):
                status, found, _ = await client.get("/readyz")
            assert (status, found["code"]) == (500, "internal")
            assert found["error_id"] in caplog.text and "Traceback" not in caplog.text
            assert stack.metrics.http_internal_errors == 1
            assert "ZeroDivision" not in json.dumps(found) and "Traceback" not in json.dumps(found)

    async def test_a_value_that_was_refused_is_not_repeated(self, new_stack, client_of):
        async with new_stack() as stack, client_of(stack) as client:
            _, found, _ = await client.post(
                "/v1/sessions", {"name": "s3cr3t token", "email": 5, "duration_s": "s3cr3t"}
            )
            assert "s3cr3t" not in json.dumps(found)
