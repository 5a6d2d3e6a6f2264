"""What the daemon is and what it can do: what a page or a program asks first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from aiohttp import web
from pydantic import BaseModel, Field

from ... import __version__
from ...model.times import iso_of_ms
from .routes import ApiCall, Route, RouteResponse, answer
from .session_schemas import IDS_MAX

#: In memory, nothing is kept of what has ended.
JournalKind = Literal["disk", "memory"]

TargetKind = Literal["embedded", "emulator", "platform"]

#: What can be asked for beside guest sessions and their messages, by the path that serves it.
_FEATURES = {
    "/v1/changes": "changes",
    "/v1/events": "events",
    "/v1/load": "load",
    "/v1/sessions/{session}/explain": "explain",
    "/v1/sessions/{session}/files/{attachment}": "files",
    "/v1/sessions/{session}/frames": "frames",
    "/v1/sessions/{session}/reconnect": "reconnect",
    "/v1/watch": "watch",
}


@dataclass(slots=True, frozen=True)
class DaemonFacts:
    """What does not change while the daemon runs. `kind`: the embedded emulator, another
    process's, or the platform; `host` is that of its guest socket. `emulator`: where on this port
    the emulator's own routes are, "" if they are not. `load_runs`: their ids, the newest first."""

    dialect: str = "webmessaging"
    name_required: bool = False
    kind: TargetKind = "emulator"
    region: str = ""
    host: str = ""
    deployment_id: str = ""
    emulator: str = ""
    started_ms: int = 0
    sessions_max: int = 0
    text_max: int = 0
    text_unit: str = "bytes"
    file_bytes_max: int = 0
    journal: JournalKind = "memory"
    load_runs: Callable[[], Sequence[str]] = tuple


class InfoTarget(BaseModel):
    """Whom the guest sessions talk to."""

    kind: str = Field(description="embedded or emulator: no real agents are reached; or platform.")
    name: str = Field(description="For a person: the region, else the host, or `emulator`.")
    region: str
    host: str = Field(description="Of the platform's guest socket.")
    deployment_id: str


class InfoLimits(BaseModel):
    sessions: int = Field(description="Guest sessions at once (limits.max_sessions).")
    message: int = Field(description="The longest text of a message, in `message_unit`.")
    message_unit: str = Field(description="bytes or characters.")
    file_bytes: int = Field(description="The largest file (attachments.file_bytes_max).")
    body_bytes: int = Field(description="The longest body of a request (api.body_bytes_max).")
    page: int = Field(description="The longest page of a list.")
    ids: int = Field(description="Sessions asked for by `ids` at once.")


class Info(BaseModel):
    """What this daemon is, and what it can do for this caller."""

    version: str
    started_at: str = Field(description="ISO 8601.")
    at: int = Field(description="The daemon's time of this answer, in milliseconds since 1970.")
    dialect: str = Field(description="webmessaging or webchat.")
    target: InfoTarget
    may: list[str] = Field(description="What this caller may do here: read, write.")
    features: list[str] = Field(
        description=f"What can be asked for here: {', '.join(sorted(_FEATURES.values()))}."
    )
    emulator: str | None = Field(
        description="Where on this port the emulator's own routes are; null: nowhere."
    )
    limits: InfoLimits
    journal: str = Field(
        description="disk; or memory (journal.directory is not set): what has ended is not kept."
    )
    load_runs: list[str] = Field(description="Ids of load runs, the newest first.")


class InfoRoutes:
    """`routes_of` gives all routes of the API, which say what can be asked for."""

    def __init__(
        self,
        facts: DaemonFacts,
        body_bytes_max: int,
        now_ms: Callable[[], int],
        routes_of: Callable[[], Sequence[Route]],
    ) -> None:
        self._facts = facts
        self._body_bytes_max = body_bytes_max
        self._now_ms = now_ms
        self._routes_of = routes_of

    def routes(self) -> list[Route]:
        outcome = {200: RouteResponse("As it is now.", Info)}
        summary = "What this daemon is and what it can do"
        return [Route("GET", "/v1/info", "showInfo", summary, self._show, outcome, "about")]

    async def _show(self, call: ApiCall[None, None]) -> web.StreamResponse:
        facts = self._facts
        paths = {route.path for route in self._routes_of()}
        runs = list(facts.load_runs())
        if not runs:
            paths.discard("/v1/load")  # nothing can be asked for there
        target = InfoTarget(
            kind=facts.kind,
            name=(facts.region or facts.host) if facts.kind == "platform" else "emulator",
            region=facts.region,
            host=facts.host,
            deployment_id=facts.deployment_id,
        )
        found = Info(
            version=__version__,
            started_at=iso_of_ms(facts.started_ms),
            at=self._now_ms(),
            dialect=facts.dialect,
            target=target,
            may=["read", "write"],
            features=sorted(word for path, word in _FEATURES.items() if path in paths),
            emulator=facts.emulator or None,
            limits=self._limits(),
            journal=facts.journal,
            load_runs=runs,
        )
        return answer(found)

    def _limits(self) -> InfoLimits:
        facts = self._facts
        return InfoLimits(
            sessions=facts.sessions_max,
            message=facts.text_max,
            message_unit=facts.text_unit,
            file_bytes=facts.file_bytes_max,
            body_bytes=self._body_bytes_max,
            page=1000,
            ids=IDS_MAX,
        )
