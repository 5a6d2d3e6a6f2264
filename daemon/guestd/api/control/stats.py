"""The figures of SESS-8, since the start of the daemon."""

from __future__ import annotations

from aiohttp import web
from pydantic import BaseModel, Field

from ...model.ports import Fleet
from ...observe.metrics import Metrics
from .routes import ApiCall, Route, RouteResponse, answer


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


class StatsRoutes:
    def __init__(self, fleet: Fleet, metrics: Metrics) -> None:
        self._fleet = fleet
        self._metrics = metrics

    def routes(self) -> list[Route]:
        outcome = {200: RouteResponse("Since the start.", Stats)}
        summary = "Average sync latency, disconnection rate, total sessions"
        return [Route("GET", "/v1/stats", "showStats", summary, self._show, outcome, "about")]

    async def _show(self, call: ApiCall[None, None]) -> web.StreamResponse:
        figures = self._metrics.rest_figures()
        found = {
            **figures,
            "messaging_sessions": self._metrics.rest_sessions,
            "guest_sessions": self._fleet.overview.counts(),
        }
        return answer(Stats.model_validate(found))
