"""Commands: accepted with 202 once they are durable; what became of one is read from the journal,
where it is written anyway."""

from __future__ import annotations

from typing import Any

import orjson
from aiohttp import web

from ...model.commands import Command
from ...model.errors import NotFound
from ...model.ports import Fleet, Row
from ..pages import Pages
from ..problems import Problem
from ..settings import ApiSettings
from ..turns import Turns
from .addressing import give, session_of
from .routes import Call, Outcome, Route, answer
from .shapes import Accepted, CommandQuery, CommandState

LOCATION = {"Location": "Where it stands."}


async def accept(
    fleet: Fleet, session_id: str, command: Command, settings: ApiSettings
) -> web.StreamResponse:
    """Hand it over; the answer once its intent is durable."""
    found = await give(fleet, session_id, command, settings.answer_timeout_s)
    where = f"/v1/sessions/{session_id}/commands/{found.command_id}"
    told = Accepted(session_id=session_id, command_id=found.command_id, seq=found.seq)
    return answer(told, 202, {"Location": where})


def key_of(call: Call[Any, Any], command_id: str) -> str:
    """The asker's id for this command, from the body or the header; "" if he gave none."""
    if command_id and call.idempotency_key and command_id != call.idempotency_key:
        raise Problem(
            409,
            "conflict",
            "differs from the header Idempotency-Key; give one of them",
            field="command_id",
        )
    return command_id or call.idempotency_key


class Commands:
    def __init__(self, fleet: Fleet, turns: Turns) -> None:
        self._fleet = fleet
        self._turns = turns

    def routes(self) -> list[Route]:
        return [
            Route(
                "GET",
                "/v1/sessions/{session}/commands/{command}",
                "showCommand",
                "What became of a command",
                self._show,
                {200: Outcome("As it stands.", CommandState)},
                "messages",
                query=CommandQuery,
            )
        ]

    async def _show(self, call: Call[CommandQuery, None]) -> web.StreamResponse:
        session_id, command_id = session_of(self._fleet, call.part("session")), call.part("command")
        found = await self._look_for(session_id, command_id, call.query.after)
        if found is None:
            raise NotFound("no such command after that seq, or the journal no longer has it")
        return answer(found)

    async def _look_for(
        self, session_id: str, command_id: str, after_seq: int
    ) -> CommandState | None:
        found: CommandState | None = None
        pages = Pages(self._fleet, self._turns, session_id)
        while rows := (await pages.after(after_seq)).rows:
            for row in rows:
                if row[4] == command_id and row[2] in ("accepted", "delivery"):
                    found = _told(found, session_id, row)
            if found is not None and found.status != "accepted":
                return found
            after_seq = rows[-1][1]
        return found


def _told(known: CommandState | None, session_id: str, row: Row) -> CommandState:
    event = orjson.loads(row[3])
    if row[2] == "accepted":
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
