"""Commands: accepted with 202 once they are durable; their state is read from the journal."""

from __future__ import annotations

from typing import Any

import orjson
from aiohttp import web

from ...model.commands import Command
from ...model.errors import NotFound
from ...model.ports import EventRow, Fleet
from ..pages import Pages
from ..problems import Problem
from ..rate_limiting import LoopRateLimiter
from .lookup import give, session_of
from .routes import ApiCall, Route, RouteResponse, answer
from .schemas import CommandAccepted, CommandQuery, CommandState
from .settings import ControlSettings

LOCATION = {"Location": "Where it stands."}


async def accept(
    fleet: Fleet, session_id: str, command: Command, settings: ControlSettings
) -> web.StreamResponse:
    """Give the command to its session, and answer once its intent is durable."""
    found = await give(fleet, session_id, command, settings.answer_timeout_s)
    where = f"/v1/sessions/{session_id}/commands/{found.command_id}"
    accepted = CommandAccepted(session_id=session_id, command_id=found.command_id, seq=found.seq)
    return answer(accepted, 202, {"Location": where})


def key_of(call: ApiCall[Any, Any], command_id: str) -> str:
    """The caller's id for this command, from the body or the header; "" if there is none."""
    if command_id and call.idempotency_key and command_id != call.idempotency_key:
        raise Problem(
            409,
            "conflict",
            "must equal the Idempotency-Key header if both are given",
            field="command_id",
        )
    return command_id or call.idempotency_key


class CommandRoutes:
    def __init__(self, fleet: Fleet, limiter: LoopRateLimiter) -> None:
        self._fleet = fleet
        self._limiter = limiter

    def routes(self) -> list[Route]:
        return [
            Route(
                "GET",
                "/v1/sessions/{session}/commands/{command}",
                "showCommand",
                "What became of a command",
                self._show,
                {200: RouteResponse("As it stands.", CommandState)},
                "messages",
                query=CommandQuery,
            )
        ]

    async def _show(self, call: ApiCall[CommandQuery, None]) -> web.StreamResponse:
        session_id, command_id = session_of(self._fleet, call.part("session")), call.part("command")
        found = await self._look_for(session_id, command_id, call.query.after)
        if found is None:
            raise NotFound("no such command after that seq, or it is no longer in the journal")
        return answer(found)

    async def _look_for(
        self, session_id: str, command_id: str, after_seq: int
    ) -> CommandState | None:
        found: CommandState | None = None
        pages = Pages(self._fleet, self._limiter, session_id)
        while rows := (await pages.after(after_seq)).rows:
            for row in rows:
                if row.key == command_id and row.kind in ("accepted", "delivery"):
                    found = _told(found, session_id, row)
            if found is not None and found.status != "accepted":
                return found
            after_seq = rows[-1].seq
        return found


def _told(known: CommandState | None, session_id: str, row: EventRow) -> CommandState:
    event = orjson.loads(row.payload)
    if row.kind == "accepted":
        return CommandState(
            session_id=session_id,
            command_id=event["command_id"],
            seq=event["seq"],
            action=event["action"],
            status="accepted",
        )
    seq, action = (known.seq, known.action) if known is not None else (event["seq"], "")
    return CommandState(
        session_id=session_id,
        command_id=event["command_id"],
        seq=seq,
        action=action,
        status=event["status"],
        reason=event["reason"],
        message_id=event["message_id"],
    )
