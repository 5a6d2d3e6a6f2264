"""Why a guest session is where it is. The sentences are those of `session/waits.py`."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

from aiohttp import web
from pydantic import BaseModel, Field

from ...model.explanation import Explanation
from ...model.ports import Fleet
from ...model.times import iso_of_ms
from ...observe.redaction import redacted
from .lookup import session_of
from .routes import ApiCall, Route, RouteResponse, answer

#: A duration, not an instant.
_DURATIONS = frozenset({"last_ms"})


class Wait(BaseModel):
    """One thing it waits for."""

    code: str = Field(
        description=(
            "journal, connect_budget, dial, join, reconnect, doubt, echo, upload, throttled,"
            " request_rate, message_rate, history, order, overload, repetition, heartbeat, leave"
            " or goodbye."
        )
    )
    sentence: str = Field(description="What is waited for, to a person.")
    detail: str = Field(description="What happens next, and when.")
    since: str | None = Field(description="ISO 8601, as all times here.")
    until: str | None = Field(description="When the wait is over, one way or the other.")


class BudgetState(BaseModel):
    """How much of a budget is used."""

    name: str = Field(description="messages, requests, history reads or connects.")
    used: int
    limit: int
    by: str = Field(description="Whose it is: session, connection or daemon.")
    frees_at: str | None = Field(description="When one more may be used than now.")


class LastClosed(BaseModel):
    """How the last connection, or the last try to open one, ended."""

    at: str | None
    cause: str
    code: int | None = Field(description="The close code, or the HTTP status of a refusal.")
    by: str = Field(description="platform, network or guestd.")
    reason: str


class ConnectionStatus(BaseModel):
    n: int = Field(description="How many connections were opened.")
    host: str
    address: str = Field(description='What the socket is connected to; "" without one.')
    since: str | None = Field(description="When the present one was opened.")
    tries: int = Field(description="To open one, since the session was live.")
    last_close: LastClosed | None


class HeartbeatState(BaseModel):
    last_ms: float | None = Field(description="What the last answer took, in milliseconds.")
    next_at: str | None


class HoldState(BaseModel):
    """Messages held back until they may be shown in order."""

    held: int
    oldest_at: str | None


class UnconfirmedMessage(BaseModel):
    command_id: str
    action: str = Field(description="send, reply or attach.")
    text: str = Field(description="Its first 120 characters.")
    state: str = Field(
        description="storing, uploading, ready, sent, or doubted: it may have been sent before a"
        " restart."
    )
    since: str | None = Field(description="When it was sent.")
    attempts: int
    tracing_id: str = Field(description="That of its frames.")


class UploadState(BaseModel):
    command_id: str
    filename: str
    size_bytes: int
    step: str = Field(description="waiting, asked, putting, confirming or done.")
    attempts: int
    until: str | None


class PastConnectionState(BaseModel):
    """A connection of before."""

    started: str | None = Field(alias="from")
    to: str | None
    cause: str


class SessionExplanation(BaseModel):
    """What a guest session waits for, the nearest first, and the facts beside it."""

    session_id: str
    name: str
    state: str
    since: str | None = Field(description="When it came into its state.")
    sentence: str = Field(description='The first of `waits_for` in words, or "Waits for nothing.".')
    waits_for: list[Wait]
    buckets: list[BudgetState]
    connection: ConnectionStatus
    heartbeat: HeartbeatState
    hold: HoldState
    unconfirmed: list[UnconfirmedMessage]
    uploads: list[UploadState]
    expires_at: str | None = Field(description="When its agreed time is over.")
    connections: list[PastConnectionState] = Field(description="The last five, the oldest first.")


class ExplainRoutes:
    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    def routes(self) -> list[Route]:
        return [
            Route(
                "GET",
                "/v1/sessions/{session}/explain",
                "explainSession",
                "What it waits for, and why",
                self._explain,
                {200: RouteResponse("As it is now.", SessionExplanation)},
                "sessions",
            )
        ]

    async def _explain(self, call: ApiCall[None, None]) -> web.StreamResponse:
        session_id = session_of(self._fleet, call.part("session"))
        return answer(shown(self._fleet.explain(session_id)))


def shown(explanation: Explanation) -> dict[str, Any]:
    """As JSON, with its times in ISO 8601; without what looks like a secret in the platform's
    words."""
    found: dict[str, Any] = _shown(explanation)
    return {**found, "sentence": explanation.sentence}


def _shown(value: Any) -> Any:
    if is_dataclass(value):
        return dict(_field(one.name, getattr(value, one.name)) for one in fields(value))
    if isinstance(value, tuple):
        return [_shown(one) for one in value]
    return redacted(value) if isinstance(value, str) else value


def _field(name: str, value: Any) -> tuple[str, Any]:
    if name.endswith("_ms") and name not in _DURATIONS:
        return name.removesuffix("_ms"), iso_of_ms(value) if value is not None else None
    return name, _shown(value)
