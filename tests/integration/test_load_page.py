"""A load run over real HTTP while it lasts: what is given of it, as a stream too, and its stop."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager

import aiohttp
import pytest

from guestd.api.control.info import DaemonFacts
from guestd.api.control.load_schemas import LoadRunNow
from guestd.api.load_server import LoadServer
from guestd.app.load_runs.live_run import LiveRun
from guestd.app.load_runs.options import RunOptions
from guestd.load.measure.live_view import LiveView
from guestd.load.measure.recorder import Recorder
from guestd.load.results import ErrorGroup, Summary
from guestd.load.scenario.file import LoadModel
from guestd.model.errors import CommandError

STREAM = {"Accept": "text/event-stream"}
HOSTILE = "<img src=x onerror=alert(1)> \ud800 \u202e"


class Run:
    """A run that lasts as long as the test wants it to."""

    def __init__(self) -> None:
        self.asked: list[bool] = []
        options = RunOptions(file="a.yml", model=LoadModel(), seed=7, run_id="5f0c2a91")
        self.live = LiveRun(options, "Parcel", self._stop)
        self._recorder, self._second = Recorder(), 0

    def second(self, **more) -> None:
        at_s = self._second = self._second + 1
        self._recorder.counted("sent", at_s - 0.5)
        self._recorder.sampled(at_s - 0.1, {"live": 3}, 0.2, 1.0, 1)
        self.live.measured(self._recorder.partial())
        self.live.second(LiveView(title="Parcel", elapsed_s=float(at_s), sent=at_s, **more))

    def end(self) -> None:
        view = LiveView(title="Parcel", elapsed_s=float(self._second), sent=self._second)
        self.live.finish(view, Summary(exit_code=103, stopped_by="console"))

    def _stop(self, at_once: bool) -> None:
        self.asked.append(at_once)
        self.live.stopping("console")


@pytest.fixture
def run() -> Run:
    return Run()


@asynccontextmanager
async def served(run: Run):
    server = LoadServer([run.live])
    server.listen(0)
    await server.start(DaemonFacts(kind="emulator", load_runs=lambda: [run.live.id]))
    try:
        async with aiohttp.ClientSession(server.url) as session:
            yield server, session
    finally:
        await server.stop()


async def got(session, path, **more):
    async with session.get(path, **more) as answer:
        return answer.status, await answer.json()


async def events_of(answer):
    """Kind, id and data of each, until the stream ends."""
    found = {}
    async for text in answer.content:
        line = text.decode().rstrip("\n")
        if not line:
            if "data" in found:
                yield found.get("event"), found.get("id"), json.loads(found["data"])
            found = {}
        elif not line.startswith(":"):
            key, _, value = line.partition(": ")
            found[key] = value


async def test_it_is_told_as_it_is_now_and_as_the_api_describes_it(run):
    async with served(run) as (_, session):
        run.live.begin(1_770_000_000_000)
        run.second(waits=[("says hello", 3)], errors=[ErrorGroup(what="no reply", count=2)])
        run.second(waits=[("says hello", 3)])

        status, listed = await got(session, "/v1/load")
        assert status == 200
        (one,) = listed["runs"]
        assert (one["id"], one["name"], one["state"]) == ("5f0c2a91", "Parcel", "running")
        status, found = await got(session, "/v1/load/5f0c2a91")
        assert status == 200
        assert LoadRunNow.model_validate(found, extra="forbid").model_dump() == found
        assert found["now"]["messages"]["sent"] == 2 and found["now"]["waits"] == {"says hello": 3}
        assert [point["at_s"] for point in found["points"]] == [0.0, 1.0]

        run.second()
        _, more = await got(session, f"/v1/load/5f0c2a91?after={found['next']}")
        assert [point["at_s"] for point in more["points"]] == [2.0]
        status, info = await got(session, "/v1/info")
        assert info["load_runs"] == ["5f0c2a91"] and info["features"] == ["load", "watch"]


async def test_a_stream_has_a_row_a_second_and_ends_with_the_run(run):
    async with served(run) as (server, session):
        run.live.begin(1)
        run.second()
        async with session.get("/v1/load/5f0c2a91", headers=STREAM) as answer:
            events = events_of(answer)
            kind, place, first = await anext(events)
            assert (kind, int(place)) == ("second", first["next"])
            assert len(first["points"]) == 1
            run.second()
            _, _, second = await anext(events)
            assert [point["at_s"] for point in second["points"]] == [1.0]
            for _ in range(3):  # while this reader is slow
                run.second()
            _, place, third = await anext(events)
            assert int(place) == third["next"]
            assert [point["at_s"] for point in third["points"]] == [2.0, 3.0, 4.0]
            run.end()
            stopping = asyncio.create_task(server.stop())
            _, _, last = await anext(events)
            assert last["state"] == "over" and last["verdict"]["exit_code"] == 103
            assert [kind async for kind, _, _ in events] == ["over"]
            await stopping


async def test_a_stream_goes_on_where_its_reader_was(run):
    async with served(run) as (_, session):
        run.live.begin(1)
        for _ in range(3):
            run.second()
        headers = {**STREAM, "Last-Event-ID": str(run.live.version - 1)}
        async with session.get("/v1/load/5f0c2a91", headers=headers) as answer:
            _, _, found = await anext(events_of(answer))
            assert [point["at_s"] for point in found["points"]] == [2.0]
        headers["Last-Event-ID"] = "99999"  # of another run
        async with session.get("/v1/load/5f0c2a91", headers=headers) as answer:
            _, _, found = await anext(events_of(answer))
            assert len(found["points"]) == 3


async def test_a_page_follows_it_on_its_socket(run):
    async with served(run) as (_, session):
        run.live.begin(1)
        run.second()
        async with session.ws_connect("/v1/watch") as socket:
            await socket.send_json({"action": "hello"})
            assert (await socket.receive_json())["topics"] == ["load"]
            wanted = {"action": "subscribe", "id": "1", "topic": "load", "run": "5f0c2a91"}
            await socket.send_json(wanted)
            assert (await socket.receive_json())["kind"] == "subscribed"
            assert len((await socket.receive_json())["data"]["points"]) == 1
            run.end()
            assert (await socket.receive_json())["data"]["state"] == "over"
            assert (await socket.receive_json())["kind"] == "over"
            for more, code in (
                ({"topic": "load", "run": "other"}, "not_found"),
                ({"topic": "stats"}, "not_configured"),
            ):
                await socket.send_json({"action": "subscribe", "id": "2", **more})
                assert (await socket.receive_json())["kind"] == "subscribed"
                assert (await socket.receive_json())["code"] == code


async def test_it_is_stopped_by_a_request(run):
    async with served(run) as (_, session):
        path = "/v1/load/5f0c2a91/stop"
        async with session.post(path, json={}) as answer:
            assert answer.status == 409 and (await answer.json())["code"] == "conflict"
        run.live.begin(1)
        for body, asked in (({}, [False]), ({"at_once": True}, [False, True])):
            async with session.post(path, json=body) as answer:
                found = await answer.json()
                assert (answer.status, found["state"]) == (202, "stopping")
            assert run.asked == asked
        run.end()
        async with session.post(path, json={}) as answer:
            assert answer.status == 409
        async with session.post("/v1/load/other/stop", json={}) as answer:
            assert answer.status == 404 and "--console" in (await answer.json())["detail"]
        async with session.post(path, json={"force": True}) as answer:
            assert answer.status == 422


async def test_pages_of_other_sites_neither_read_nor_stop_it(run):
    async with served(run) as (_, session):
        run.live.begin(1)
        path = "/v1/load/5f0c2a91/stop"
        for headers, status in (
            ({"Origin": "https://example.org"}, 403),
            ({"Host": "example.org"}, 421),
            ({"Sec-Fetch-Site": "cross-site"}, 403),
        ):
            async with session.post(path, json={}, headers=headers) as answer:
                assert answer.status == status
            async with session.get("/v1/load", headers=headers) as answer:
                assert answer.status == status
        assert run.asked == []


async def test_the_page_is_served_and_words_of_files_stay_data(run):
    async with served(run) as (server, session):
        assert server.url.startswith("http://127.0.0.1:")
        async with session.get("/") as answer:
            assert "require-trusted-types-for" in answer.headers["Content-Security-Policy"]
            assert "console/main.js" in await answer.text()
        async with session.get("/console/views/load.js") as answer:
            assert answer.status == 200
        run.live.begin(1)
        run.second(waits=[(HOSTILE, 1)])
        _, found = await got(session, "/v1/load/5f0c2a91")
        assert list(found["now"]["waits"]) == [HOSTILE]
        async with session.get("/v1/sessions") as answer:
            assert answer.status == 404


async def test_a_port_that_is_taken_is_said(run):
    async with served(run) as (server, _):
        with pytest.raises(CommandError, match=f"port {server.port} is already in use"):
            LoadServer([run.live]).listen(server.port)


async def test_it_does_not_wait_for_a_reader_who_does_not_read(run):
    async with served(run) as (server, session):
        run.live.begin(1)
        async with session.get("/v1/load/5f0c2a91", headers=STREAM):
            run.end()
            async with asyncio.timeout(20.0):
                await server.stop()


async def test_a_daemon_has_no_run_and_says_who_has(new_stack, client_of):
    async with new_stack() as stack, client_of(stack) as client:
        status, found, _ = await client.get("/v1/load")
        assert (status, found) == (200, {"runs": []})
        status, found, _ = await client.get("/v1/load/5f0c2a91")
        assert status == 404 and "guestd load FILE --console PORT" in found["detail"]
