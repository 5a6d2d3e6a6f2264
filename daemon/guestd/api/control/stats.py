"""Figures of the daemon: since its start (SESS-8, GUEST-3), and of the last minutes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

import orjson
from aiohttp import web
from pydantic import BaseModel, Field

from ...model.overview import BudgetView
from ...model.ports import Fleet
from ...model.times import iso_of_ms
from ...observe.metrics import Metrics
from ...observe.periods import COLUMNS
from ..stats_history import WINDOW_MAX_S, StatsHistory
from .routes import ApiCall, Route, RouteResponse, answer
from .schemas import QueryParameters
from .sse import MEDIA_TYPE, EventWriter
from .stream import StreamBounds
from .stream_places import StreamPlaces

_CLOSED = b'{"kind":"closed","reason":"guestd is shutting down"}'


class StatsQuery(QueryParameters):
    window: int = Field(
        default=0,
        ge=0,
        le=WINDOW_MAX_S,
        description="How many seconds of history: up to 900 by seconds, more by minutes.",
    )


class FleetBudget(BaseModel):
    """How much of a bound is used."""

    name: str = Field(description="sessions, connects, dials, rest.1, streams, open_files, …")
    used: int
    limit: int
    frees_at: str | None = Field(
        description="When some of it is free again by itself; null: not by time."
    )


class StatsColumns(BaseModel):
    """Columns of equal length, oldest first. A row tells of the `step_s` seconds before `at`."""

    step_s: int = Field(description="1 or 60.")
    columns: dict[str, list[float | None]] = Field(description=f"{', '.join(COLUMNS)}.")


class Stats(BaseModel):
    """Figures since the start of the daemon. A sync is a webhook that was delivered."""

    total_sessions: int = Field(
        description=(
            "Guest sessions on the socket and messaging sessions over REST: opened, or resumed at"
            " the start."
        )
    )
    disconnections: int = Field(description="Those of them that have ended, of both kinds.")
    disconnection_rate: float = Field(
        description="disconnections / total_sessions; 0 before the first."
    )
    guest_sessions_total: int = Field(description="Those of total_sessions on the socket.")
    guest_sessions_ended: int = Field(description="Those of disconnections on the socket.")
    messaging_sessions_total: int = Field(description="Those of total_sessions over REST.")
    messaging_sessions_ended: int = Field(description="Those of disconnections over REST.")
    average_sync_latency_ms: float = Field(
        description=(
            "Mean time from the request of a delivered webhook to the receiver's answer; 0 before"
            " the first."
        )
    )
    syncs: int = Field(description="Webhooks delivered.")
    messaging_sessions: int = Field(
        description="Messaging sessions over REST that are running now."
    )
    guest_sessions: dict[str, int] = Field(
        description="Guest sessions on the socket now, by state."
    )
    at: int = Field(description="The daemon's time of this answer, in milliseconds since 1970.")
    budgets: list[FleetBudget]
    history: StatsColumns | None = Field(description="With `window`.")

    failed_calls: dict[str, int] = Field(
        description=(
            "Calls of the platform that failed for good: in total, and by kind (token_validation,"
            " rate_limit, auth, network, other)."
        )
    )
    failed_attempts: dict[str, int] = Field(
        description=(
            "Single requests to the platform that failed, made again or not: in total, and by the"
            " same kinds."
        )
    )
    token_checks: dict[str, int] = Field(
        description=(
            "Checks of guest tokens by outcome; accepted_by_platform and refused_by_platform are"
            " the platform's."
        )
    )
    tokens_judged: int = Field(
        description="The guest tokens that were checked, each once in each operation."
    )
    token_validation_failure_ratio: float = Field(
        description="The share of those tokens whose latest check went wrong; 0 before the first."
    )


class StatsRoutes:
    """`budgets`: those that others than the fleet have."""

    def __init__(
        self,
        fleet: Fleet,
        metrics: Metrics,
        history: StatsHistory,
        bounds: StreamBounds,
        places: StreamPlaces,
        budgets: Callable[[], Sequence[BudgetView]],
        now_ms: Callable[[], int],
    ) -> None:
        self._fleet = fleet
        self._metrics = metrics
        self._history = history
        self._bounds = bounds
        self._places = places
        self._budgets = budgets
        self._now_ms = now_ms

    def routes(self) -> list[Route]:
        outcome = RouteResponse(
            "Since the start, and of the last seconds or minutes.",
            Stats,
            media={MEDIA_TYPE: "A row a second, without end."},
        )
        summary = "Figures since the start, history, budgets; a row a second as a stream"
        return [
            Route(
                "GET",
                "/v1/stats",
                "showStats",
                summary,
                self._show,
                {200: outcome},
                "about",
                query=StatsQuery,
                long=True,
            )
        ]

    async def _show(self, call: ApiCall[StatsQuery, None]) -> web.StreamResponse:
        if MEDIA_TYPE in call.request.headers.get("Accept", ""):
            with self._places.taken(call.request):
                return await self._follow(call.request)
        return answer(self.figures(call.query.window))

    def figures(self, window_s: int) -> dict[str, Any]:
        """As `Stats` has them."""
        history = None
        if window_s:
            step_s, columns = self._history.window(window_s)
            history = {"step_s": step_s, "columns": columns}
        return {
            **self._metrics.rest_figures(),
            **self._metrics.error_figures(),
            "messaging_sessions": self._metrics.rest_sessions,
            "guest_sessions": self._fleet.overview.counts(),
            "at": self._now_ms(),
            "budgets": [
                {
                    "name": one.name,
                    "used": one.used,
                    "limit": one.limit,
                    "frees_at": iso_of_ms(one.frees_at_ms) if one.frees_at_ms else None,
                }
                for one in chain(self._fleet.overview.budgets(), self._budgets())
            ],
            "history": history,
        }

    async def _follow(self, request: web.Request) -> web.StreamResponse:
        watcher = self._history.subscribe()
        try:
            async with EventWriter(request, self._bounds) as client:
                while (row := await watcher.next()) is not None:
                    await client.write("row", orjson.dumps(row), str(int(row["at"])))
                await client.farewell("closed", _CLOSED)
        finally:
            watcher.close()
        self._metrics.watchers_closed_slow += client.is_slow
        return client.response
