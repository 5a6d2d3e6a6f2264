"""Commands: accepted with 202 once they are durable; their state is read from the journal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web

from ...model.commands import Command
from ...model.errors import CommandError, NotFound
from ...model.journal import StoredCommand
from ...model.ports import Fleet
from ..problems import Problem
from ..rate_limiting import LoopRateLimiter
from ..settings import ApiSettings
from .lookup import give, session_of
from .routes import ApiCall, Route, RouteResponse, answer
from .schemas import CommandAccepted, CommandQuery, CommandState

NO_NAMES: Mapping[str, str] = {}

LOCATION = {"Location": "Where it stands."}


async def accept(
    fleet: Fleet,
    session_id: str,
    command: Command,
    settings: ApiSettings,
    names: Mapping[str, str] = NO_NAMES,
) -> web.StreamResponse:
    """Give the command to its session, and answer once its intent is durable. `names`: what the
    request calls the fields of the command, where that is another word."""
    try:
        found = await give(fleet, session_id, command, settings.answer_timeout_s)
    except CommandError as error:
        raise _renamed(error, names) from None
    where = f"/v1/sessions/{session_id}/commands/{found.command_id}"
    accepted = CommandAccepted(session_id=session_id, command_id=found.command_id, seq=found.seq)
    return answer(accepted, 202, {"Location": where})


def _renamed(error: CommandError, names: Mapping[str, str]) -> CommandError:
    """With the words of the request."""
    if (field := names.get(error.field or "")) is None:
        return error
    words = str(error)
    if words.startswith(f"{error.field} "):
        words = field + words.removeprefix(error.field or "")
    return CommandError(words, code=error.code, field=field)


def key_of(call: ApiCall[Any, Any], command_id: str, field: str = "command_id") -> str:
    """The caller's id for this command, from that field of the body or from the header; "" if there
    is none."""
    if command_id and call.idempotency_key and command_id != call.idempotency_key:
        raise Problem(
            409,
            "conflict",
            f"{field}: must equal the Idempotency-Key header if both are given",
            field=field,
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
        await self._limiter.acquire()
        found = await self._fleet.command(session_id, command_id)
        state = _state_of(session_id, found, call.query.after) if found is not None else None
        if state is None:
            raise NotFound("no such command after that seq, or it is no longer in the journal")
        return answer(state)


def _state_of(session_id: str, found: StoredCommand, after_seq: int) -> CommandState | None:
    """From the command's events after that seq. Without the event that accepted it, `seq` is that
    of its outcome."""
    rows = [one for one in (found.accepted, found.outcome) if one is not None]
    events = [orjson.loads(one.payload) for one in rows if one.seq > after_seq]
    if not events:
        return None
    first, last = events[0], events[-1]
    return CommandState(
        session_id=session_id,
        command_id=first["command_id"],
        seq=first["seq"],
        action=first.get("action", ""),
        status=last.get("status", "accepted"),
        reason=last.get("reason", ""),
        message_id=last.get("message_id", ""),
        code=last.get("code", ""),
        platform_status=last.get("platform_status"),
        platform_code=last.get("platform_code", ""),
        correlation_id=last.get("correlation_id", ""),
    )
