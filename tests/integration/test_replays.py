"""Replays and frames of hostile clients over real sockets: what is held is bounded, and others are
served."""

from __future__ import annotations

import asyncio
import json

import aiohttp
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from ..soak.hostile_clients import (
    Hostiles,
    Target,
    connected,
    header,
    large_frame,
    request,
    upgraded,
)

TEXT = "x" * 3900
FILE = 4200  # one such event
PAGE = 16_384
# what the kernel takes for one client that does not read: both buffers, with room for its own
# figures
KERNEL = 400_000
SILENT = {"agent": "silent", "limits": {"strict": False}}


def frontend(stack, query, **more):
    """Its close does not wait long for the frames that a test leaves unread."""
    return connect(stack.ws_url + query, proxy=None, max_size=None, close_timeout=0.2, **more)


async def conversation(stack, count, name="victim"):
    """A guest session with that many messages of 4 KB, all durable."""
    async with frontend(stack, f"?guest={name}"):
        await stack.until(
            lambda: (
                stack.fleet.find(name) and stack.fleet.view(stack.fleet.find(name)).state == "live"
            )
        )
        await say(stack, name, count)
    return stack.fleet.find(name)


async def say(stack, name, count):
    token = stack.fleet._runners[stack.fleet.find(name)].machine.guest.token
    session, before = stack.emulator.world.sessions[token], stack.metrics.messages_in
    for n in range(count):
        _, effects = stack.emulator.world.agent_says(session, TEXT, stack.emulator.now())
        stack.emulator.perform(effects)
        if n % 50 == 49:
            await stack.until(lambda n=n: stack.metrics.messages_in > before + n - 50)
    await stack.until(lambda: stack.metrics.messages_in >= before + count)


def count_reads(stack):
    """Bytes that were read from the journal, by call."""
    journal, reads = stack.fleet._journal, []
    read = journal.read

    async def counted(*what):
        replay = await read(*what)
        reads.append(sum(len(row.payload) for row in replay.rows))
        return replay

    journal.read = counted
    return reads


def target(stack, guest="victim"):
    return Target("127.0.0.1", stack.http.port, guest)


async def is_heard(other, number):
    await other.send(
        json.dumps({"action": "send", "text": f"m{number}", "command_id": f"c{number}"})
    )
    async with asyncio.timeout(30.0):
        while json.loads(await other.recv()).get("status") != "confirmed":
            pass


async def test_a_flood_of_resumes_reads_no_more_than_the_client_takes(new_stack):
    async with new_stack(emulator=SILENT) as stack:
        await conversation(stack, 300)
        reads = count_reads(stack)
        async with (
            Hostiles("deaf_resume_flood", target(stack), 1),
            frontend(stack, "?guest=other") as other,
        ):
            await stack.until(lambda: len(reads) > 5)
            for n in range(5):
                await is_heard(other, n)
            assert sum(reads) < KERNEL + 2 * PAGE, "each of 1,000 resumes used to read 1.2 MB"
            assert max(reads) <= PAGE + FILE
            assert stack.metrics.watchers_held_bytes() <= PAGE + FILE


async def test_a_second_resume_replaces_the_first_and_the_last_is_answered_whole(new_stack):
    async with new_stack(emulator=SILENT) as stack:
        session_id = await conversation(stack, 200)
        async with frontend(stack, "?guest=victim&since=0") as own:
            talking = asyncio.ensure_future(say(stack, "victim", 50))
            for _ in range(60):
                await own.send('{"action": "resume", "since": 0}')
            await own.send('{"action": "resume", "since": 7, "command_id": "last"}')
            async with asyncio.timeout(30.0):
                while json.loads(await own.recv()).get("command_id") != "last":
                    pass
            await talking
            last, seqs = stack.fleet.view(session_id).seq, []
            async with asyncio.timeout(30.0):
                while not seqs or seqs[-1] < last:
                    seqs.append(json.loads(await own.recv())["seq"])
            assert seqs == list(range(8, last + 1))


async def test_many_who_ask_for_everything_and_read_nothing_hold_a_page_each(new_stack):
    async with new_stack(emulator=SILENT, api={"write_timeout_s": 1.0}) as stack:
        await conversation(stack, 300)
        reads = count_reads(stack)
        async with (
            Hostiles("deaf_socket", target(stack), 40),
            frontend(stack, "?guest=other") as other,
        ):
            await stack.until(lambda: stack.metrics.watchers >= 40)
            await is_heard(other, 0)
            assert stack.metrics.watchers_held_bytes() <= 41 * (PAGE + FILE)
            await stack.until(lambda: stack.metrics.watchers_closed_slow >= 40)
            assert sum(reads) < stack.metrics.watchers_closed_slow * 2 * KERNEL
        await stack.until(lambda: stack.metrics.watchers == 0)
        assert stack.metrics.watchers_held_bytes() == 0


async def test_deaf_event_streams_hold_a_page_each_and_are_closed(new_stack):
    async with new_stack(emulator=SILENT, api={"write_timeout_s": 0.5}) as stack:
        await conversation(stack, 300)
        reads = count_reads(stack)
        async with Hostiles("deaf_stream", target(stack), 40):
            await stack.until(lambda: stack.metrics.watchers_closed_slow >= 40)
            assert stack.metrics.watchers_held_bytes() <= 40 * (PAGE + FILE)
            assert sum(reads) < (stack.metrics.watchers_closed_slow + 40) * KERNEL
        await stack.until(lambda: stack.metrics.watchers == 0)


async def test_a_page_of_json_is_bounded_in_bytes_and_the_pages_are_whole(new_stack):
    async with new_stack(emulator=SILENT) as stack, aiohttp.ClientSession(stack.http.url) as http:
        session_id = await conversation(stack, 300)
        seqs, after, sizes = [], 0, []
        while True:
            async with http.get(f"/v1/sessions/victim/events?after={after}&limit=1000") as answer:
                sizes.append(len(await answer.read()))
                page = await answer.json()
            seqs += [one["seq"] for one in page["events"]]
            after = page["next"]
            if not page["more"]:
                break
        assert seqs == list(range(1, stack.fleet.view(session_id).seq + 1))
        assert max(sizes) < 300_000


async def test_who_comes_while_the_end_becomes_durable_gets_it_too(new_stack):
    async with new_stack(emulator=SILENT) as stack, aiohttp.ClientSession(stack.http.url) as http:
        session_id = await conversation(stack, 3)
        commit, held = stack.fleet._journal.commit, []

        def hold_the_end(batch, done):
            if batch.over:
                held.append((batch, done))
            else:
                commit(batch, done)

        stack.fleet._journal.commit = hold_the_end
        async with http.delete("/v1/sessions/victim"):
            await stack.until(lambda: held)
        follow = {"Accept": "text/event-stream"}
        async with http.get(f"/v1/sessions/{session_id}/events?after=0", headers=follow) as answer:
            lines = []
            while len(lines) < 5:
                lines.append(await answer.content.readline())
            for batch in held:
                commit(*batch)
            async with asyncio.timeout(30.0):
                rest = (await answer.content.read()).decode()
        assert '"state":"ended"' in rest and "event: over" in rest


async def test_a_large_frame_waits_for_its_turn_and_small_ones_of_others_do_not(new_stack):
    async with new_stack(emulator=SILENT) as stack:
        pace = stack.http._simulator._pace
        async with frontend(stack, "?guest=ana") as big, frontend(stack, "?guest=bob") as other:
            await conversation(stack, 1)
            async with pace.large():
                for _ in range(3):
                    await big.send(large_frame(60_000).decode())
                for n in range(5):
                    await is_heard(other, n)
                assert not pace._large_at, "none of them was parsed"
                pending = stack.metrics.frontends_unfinished_bytes()
                assert pending < 120_000, "and no more of them is read meanwhile"
            async with asyncio.timeout(30.0):
                while json.loads(await big.recv()).get("kind") != "accepted":
                    pass


async def test_a_large_frame_of_many_values_is_refused_unparsed(new_stack):
    async with new_stack(emulator=SILENT) as stack, frontend(stack, "?guest=ana") as own:
        await own.send(
            json.dumps({"action": "context", "data": {"a": [[]] * 40_000}, "command_id": "c"})
        )
        async with asyncio.timeout(30.0):
            while "error" not in (found := json.loads(await own.recv())):
                pass
        assert found["code"] == "too_large" and "32768 values" in found["error"]


async def test_unfinished_frames_of_all_have_a_bound_and_the_oldest_goes_first(new_stack):
    bound = 4_000_000
    async with new_stack(emulator=SILENT, api={"unfinished_bytes_max": bound}) as stack:
        async with frontend(stack, "?guest=other") as other, upgraded(target(stack)) as oldest:
            await oldest.send(header(900_000) + b"x" * 800_000)
            await stack.until(lambda: stack.metrics.frontends_unfinished_bytes() > 700_000)
            async with Hostiles("unfinished_frame", target(stack), 30):
                async with asyncio.timeout(30.0):
                    last = await oldest.read_until_closed()
                assert b"finish them sooner" in last and (1013).to_bytes(2, "big") in last
                assert stack.metrics.frontends_unfinished_bytes() <= bound
                await stack.until(lambda: stack.metrics.frontends_refused.get("unfinished", 0) > 20)
                assert stack.metrics.frontends_unfinished_bytes() <= bound
                await is_heard(other, 0)
            await stack.until(lambda: stack.metrics.watchers == 1)
            assert stack.metrics.frontends_unfinished_bytes() == 0


async def test_pings_and_fragments_are_not_taken_for_unfinished_frames(new_stack):
    async with new_stack(emulator=SILENT) as stack, frontend(stack, "?guest=ana") as own:
        for _ in range(300):
            await (await own.ping(b"x" * 120))
        text = json.dumps({"action": "send", "text": "y" * 3000, "command_id": "c0"})
        await own.send(text[n : n + 5] for n in range(0, len(text), 5))
        await is_heard(own, 1)
        (intake,) = [one for one in _intakes(stack)]
        assert intake.pending_bytes < 9000
        await own.ping()


def _intakes(stack):
    return [socket._req.transport.get_protocol() for socket in stack.http._simulator._sockets]


class TestOneAddress:
    async def test_has_its_share_of_the_frontends_and_others_come_in(self, new_stack, caplog):
        api = {"frontends_max": 10, "frontends_per_address_max": 2}
        async with new_stack(emulator=SILENT, api=api) as stack:
            async with frontend(stack, "?guest=a") as one, frontend(stack, "?guest=a"):
                await one.recv()
                for _ in range(3):
                    async with frontend(stack, "?guest=a") as third:
                        reported = json.loads(await third.recv())
                        assert reported["code"] == "limit_exceeded"
                        assert "simulator.frontends_per_address_max" in reported["error"]
                        with pytest.raises(ConnectionClosed) as closed:
                            await third.recv()
                        assert closed.value.rcvd.code == 1013
                async with frontend(stack, "?guest=a", local_addr=("127.0.0.2", 0)) as elsewhere:
                    assert json.loads(await elsewhere.recv())["kind"] == "hello"
            await stack.until(lambda: stack.metrics.watchers == 0)
            async with frontend(stack, "?guest=a") as again:
                assert json.loads(await again.recv())["kind"] == "hello"
            assert stack.metrics.frontends_refused == {"address": 3}
            assert caplog.text.count("frontends_per_address_max") == 1

    async def test_may_have_half_unless_it_is_said(self, new_stack):
        async with new_stack(emulator=SILENT, api={"frontends_max": 4}) as stack:
            async with (
                frontend(stack, "?guest=a"),
                frontend(stack, "?guest=a"),
                frontend(stack, "?guest=a") as third,
            ):
                assert json.loads(await third.recv())["code"] == "limit_exceeded"

    async def test_has_its_share_of_the_event_streams(self, new_stack):
        async with new_stack(
            emulator=SILENT, control={"watchers_per_address_max": 1, "heartbeat_s": 0.05}
        ) as stack:
            await conversation(stack, 1)
            follow = request(
                target(stack), "/v1/sessions/victim/events", "Accept: text/event-stream"
            )
            async with connected(target(stack)) as one, connected(target(stack)) as two:
                for connection in (one, two):
                    await connection.send(follow)
                assert b"200" in await one.reader.readline()
                assert b"503" in await two.reader.readline()
                assert b"watchers_per_address_max" in await two.reader.read(2000)
            await stack.until(lambda: stack.metrics.watchers == 0)

    async def test_who_is_turned_away_takes_no_place(self, new_stack):
        async with new_stack(
            emulator=SILENT, api={"frontends_max": 2, "frontends_per_address_max": 2}
        ) as stack:
            async with (
                frontend(stack, "?guest=a") as one,
                Hostiles("deaf_socket", target(stack), 10),
            ):
                await one.recv()
                await stack.until(lambda: stack.metrics.frontends_refused.get("full", 0) >= 8)
                assert stack.metrics.watchers == 2
