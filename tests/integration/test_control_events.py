"""Following a guest session's events over HTTP."""

from __future__ import annotations

import asyncio
import json

from .control_client import opened


class TestEvents:
    @staticmethod
    def follow(client, path="/v1/sessions/ana/events", **headers):
        return client.session.get(path, headers={"Accept": "text/event-stream", **headers})

    @staticmethod
    async def event(answer, kind, timeout_s=30.0):
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

    async def test_a_follower_sees_what_was_and_what_comes(self, new_stack, client_of):
        async with new_stack(emulator={"agent": "echo"}) as stack, client_of(stack) as client:
            await opened(stack, client)
            async with self.follow(client) as answer:
                assert answer.status == 200 and answer.content_type == "text/event-stream"
                assert (await self.event(answer, "session"))[0] == "1"
                await client.post("/v1/sessions/ana/messages", {"text": "hello"})
                seq, message = await self.event(answer, "message")
                assert int(seq) == message["seq"] and message["text"] == "hello"

    async def test_who_comes_back_gets_what_he_missed_and_nothing_twice(self, new_stack, client_of):
        async with new_stack(emulator={"agent": "echo"}) as stack, client_of(stack) as client:
            await opened(stack, client)
            async with self.follow(client) as answer:
                last, _ = await self.event(answer, "session")
            for n in range(3):
                await client.post(
                    "/v1/sessions/ana/messages", {"text": f"m{n}", "command_id": f"c{n}"}
                )
            await stack.until(lambda: stack.metrics.messages_in >= 6)
            for headers, query in (({"Last-Event-ID": last}, "?after=0"), ({}, f"?after={last}")):
                async with self.follow(
                    client, f"/v1/sessions/ana/events{query}", **headers
                ) as answer:
                    seen = [await self.event(answer, "accepted") for _ in range(3)]
                    assert [one["command_id"] for _, one in seen] == ["c0", "c1", "c2"]

    async def test_the_end_is_told_and_then_there_is_nothing_to_follow(self, new_stack, client_of):
        async with new_stack() as stack, client_of(stack) as client:
            session_id = await opened(stack, client)
            async with self.follow(client) as answer:
                await client.ask("DELETE", "/v1/sessions/ana")
                await self.event(answer, "over")
                assert await answer.content.read() == b""
            async with self.follow(client, f"/v1/sessions/{session_id}/events") as answer:
                assert answer.status == 404  # a journal in memory forgets who has ended

    async def test_who_is_still_catching_up_when_it_ends_is_told_so(self, new_stack, client_of):
        async with new_stack() as stack, client_of(stack) as client:
            session_id = await opened(stack, client)
            read = stack.fleet.read
            page = await read(session_id, 0, 100)

            async def forgotten(*what):
                stack.fleet.read = read
                stack.fleet._journal.forget(session_id)
                stack.fleet._runners.pop(session_id)
                stack.fleet._hub.over(session_id)
                return page

            async def first(*what):
                stack.fleet.read = forgotten
                return page

            stack.fleet.read = first
            async with self.follow(client) as answer:
                await self.event(answer, "session")
                await self.event(answer, "over")
                assert await answer.content.read() == b""

    async def test_silence_is_broken_by_a_comment(self, new_stack, client_of):
        async with new_stack(control={"heartbeat_s": 0.05}) as stack, client_of(stack) as client:
            await opened(stack, client)
            async with self.follow(client) as answer:
                async with asyncio.timeout(30.0):
                    while b": beat" not in await answer.content.readline():
                        pass

    async def test_a_slow_reader_is_told_let_go_and_can_resume(self, new_stack, client_of):
        api = {"queue_events_max": 16, "queue_bytes_max": 20_000}
        async with new_stack(api=api) as stack, client_of(stack) as client:
            await opened(stack, client)
            session = next(iter(stack.emulator.world.sessions.values()))
            async with self.follow(client, headers_only := "/v1/sessions/ana/events") as answer:
                await self.event(answer, "session")
                await stack.until(lambda: len(stack.fleet._hub) == 1)
                stream = next(iter(stack.http._control._events._streams))
                stream._response.write = _waiting(stream._response.write, gate := asyncio.Event())
                for n in range(40):
                    _, effects = stack.emulator.world.agent_says(
                        session, f"m{n}" + "x" * 500, stack.emulator.now()
                    )
                    stack.emulator.perform(effects)
                await stack.until(lambda: stream.feed.is_too_slow)
                gate.set()
                _, closed = await self.event(answer, "closed")
                assert closed["reason"].startswith("too slow")
            assert stack.metrics.watchers_closed_slow == 1 and len(stack.fleet._hub) == 0
            await stack.until(lambda: stack.metrics.messages_in >= 40)
            async with self.follow(client, f"{headers_only}?after={closed['seq']}") as answer:
                seq, _ = await self.event(answer, "message")
                assert int(seq) == closed["seq"] + 1

    async def test_a_follower_too_many_is_refused(self, new_stack, client_of):
        async with (
            new_stack(control={"watchers_max": 1, "heartbeat_s": 0.05}) as stack,
            client_of(stack) as client,
        ):
            await opened(stack, client)
            async with self.follow(client) as first:
                await self.event(first, "session")
                async with self.follow(client) as second:
                    assert second.status == 503 and "Retry-After" in second.headers
            await stack.until(lambda: not stack.http._control._events._streams)

    async def test_a_seq_that_cannot_be_is_refused(self, new_stack, client_of):
        async with new_stack() as stack, client_of(stack) as client:
            await opened(stack, client)
            for last in ("-1", "x", "9" * 30, "999"):
                async with self.follow(client, **{"Last-Event-ID": last}) as answer:
                    assert answer.status == 422

    async def test_stopping_says_goodbye_to_followers(self, new_stack, client_of):
        async with new_stack() as stack, client_of(stack) as client:
            await opened(stack, client)
            async with self.follow(client) as answer:
                await self.event(answer, "session")
                stopping = asyncio.ensure_future(stack.http.stop())
                _, closed = await self.event(answer, "closed")
                assert "shutting down" in closed["reason"]
                await stopping

    async def test_pages_of_all_kinds_for_who_does_not_follow(self, new_stack, client_of):
        async with new_stack(emulator={"agent": "echo"}) as stack, client_of(stack) as client:
            await opened(stack, client)
            await client.post("/v1/sessions/ana/messages", {"text": "hello"})
            await stack.until(lambda: stack.metrics.messages_in >= 2)
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
