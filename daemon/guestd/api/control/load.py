"""The load run that this process holds: as it is now, and a row a second as a stream.

    GET /v1/load/5f0c2a91    Accept: text/event-stream

    id: 213
    event: second
    data: {"id": "5f0c2a91", "state": "running", "now": {…}, "points": [{…}], "next": 213, …}

The first event has all points so far, each further one those that have changed, so that a reader
who comes late or again draws the same lines. `guestd load --console PORT` has a run; a daemon has
none."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from aiohttp import web

from ...model.load_runs import LoadRun
from ...observe.metrics import Metrics
from ..problems import Problem
from .load_schemas import LoadQuery, LoadRunFacts, LoadRunList, LoadRunNow, StopLoadRun
from .routes import ApiCall, Route, RouteResponse, answer, encoded
from .sse import MEDIA_TYPE, EventWriter
from .stream import StreamBounds
from .stream_places import StreamPlaces

_OVER = b'{"kind":"over"}'


class LoadFollowers:
    """The runs, the newest first, and those who follow one."""

    def __init__(self, runs: Sequence[LoadRun] = ()) -> None:
        self.runs = runs
        self._open: set[RunFollower] = set()
        self._is_empty = asyncio.Event()
        self._is_empty.set()

    def run(self, run_id: str, field: str = "") -> LoadRun:
        """Raises Problem 404."""
        for one in self.runs:
            if one.id == run_id:
                return one
        detail = "there is no such load run here; guestd load FILE --console PORT shows its own"
        raise Problem(404, "not_found", detail, field=field)

    @contextmanager
    def following(self, run: LoadRun, after: int) -> Iterator[RunFollower]:
        follower = RunFollower(run, after)
        self._open.add(follower)
        self._is_empty.clear()
        try:
            yield follower
        finally:
            follower.close()
            self._open.discard(follower)
            if not self._open:
                self._is_empty.set()

    async def gone(self) -> None:
        """When no one follows a run any more: after its end, when all have seen it."""
        await self._is_empty.wait()


class RunFollower:
    """What changes in a run: take `next` until None. A reader that is slower than a row a second is
    given the newest, and all points that it has missed."""

    def __init__(self, run: LoadRun, after: int = 0) -> None:
        self._run = run
        self._after = after if after <= run.version else 0
        self._changed = asyncio.Event()
        run.listen(self._changed.set)

    async def next(self) -> tuple[int, bytes] | None:
        """Its version and the JSON. May be cancelled: nothing is lost by it."""
        run = self._run
        while True:
            self._changed.clear()
            if run.version > self._after:
                data = shown(run, self._after)
                self._after = run.version
                return run.version, data
            if run.is_over:
                return None
            await self._changed.wait()

    def close(self) -> None:
        self._run.leave(self._changed.set)


def shown(run: LoadRun, after: int) -> bytes:
    """Labels are a file's own, and may have halves of characters, which JSON has as escapes."""
    return json.dumps(run.shown(after), separators=(",", ":")).encode()


class LoadRoutes:
    def __init__(
        self,
        followers: LoadFollowers,
        places: StreamPlaces,
        bounds: StreamBounds,
        metrics: Metrics,
    ) -> None:
        self._followers = followers
        self._places = places
        self._bounds = bounds
        self._metrics = metrics

    def routes(self) -> list[Route]:
        one = RouteResponse(
            "As it is now.", LoadRunNow, media={MEDIA_TYPE: "A row a second, until it is over."}
        )
        return [
            Route(
                "GET",
                "/v1/load",
                "listLoadRuns",
                "The load runs of this process; a daemon has none",
                self._list,
                {200: RouteResponse("The newest first.", LoadRunList)},
                "load",
            ),
            Route(
                "GET",
                "/v1/load/{run}",
                "showLoadRun",
                "A load run as it is now; a row a second with Accept: text/event-stream",
                self._show,
                {200: one},
                "load",
                query=LoadQuery,
                problems=(404,),
                long=True,
            ),
            Route(
                "POST",
                "/v1/load/{run}/stop",
                "stopLoadRun",
                "Stop a load run: its guests end their conversations, or it leaves at once",
                self._stop,
                {
                    202: RouteResponse(
                        "It stops; a run that stops already goes on so.", LoadRunFacts
                    )
                },
                "load",
                body=StopLoadRun,
                problems=(404, 409),
            ),
        ]

    async def _list(self, call: ApiCall[None, None]) -> web.StreamResponse:
        return answer(LoadRunList(runs=[_facts(one) for one in self._followers.runs]))

    async def _show(self, call: ApiCall[LoadQuery, None]) -> web.StreamResponse:
        run = self._followers.run(call.part("run"))
        if MEDIA_TYPE not in call.request.headers.get("Accept", ""):
            return encoded(shown(run, call.query.after))
        with (
            self._places.taken(call.request),
            self._followers.following(run, self._place(call)) as follower,
        ):
            return await self._follow(call.request, follower)

    def _place(self, call: ApiCall[LoadQuery, None]) -> int:
        given = call.request.headers.get("Last-Event-ID", "")
        return int(given) if given.isascii() and given.isdigit() else call.query.after

    async def _follow(self, request: web.Request, follower: RunFollower) -> web.StreamResponse:
        async with EventWriter(request, self._bounds) as client:
            while True:
                try:
                    async with asyncio.timeout(self._bounds.heartbeat_s):
                        second = await follower.next()
                except TimeoutError:
                    await client.beat()
                    continue
                if second is None:
                    await client.farewell("over", _OVER)
                    break
                version, data = second
                await client.write("second", data, str(version))
        self._metrics.watchers_closed_slow += client.is_slow
        return client.response

    async def _stop(self, call: ApiCall[None, StopLoadRun]) -> web.StreamResponse:
        run = self._followers.run(call.part("run"))
        run.stop(call.body.at_once)
        return answer(_facts(run), 202)


def _facts(run: LoadRun) -> LoadRunFacts:
    found = run.shown(run.version)
    return LoadRunFacts(**{name: found[name] for name in LoadRunFacts.model_fields})
