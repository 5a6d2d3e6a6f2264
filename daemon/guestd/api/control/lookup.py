"""Looks up the guest session of a request, by id or by the name of a living one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from ...model.commands import Answer, Command
from ...model.errors import NotFound
from ...model.guest_names import normal_name
from ...model.ports import Fleet
from ...runtime.callback import callback_future
from ..problems import Problem
from .ended_sessions import answer_again

Found = TypeVar("Found")


def session_of(fleet: Fleet, id_or_name: str) -> str:
    """The session's id. The name of a living session is resolved; anything else is taken as an id,
    which may be unknown."""
    return fleet.find(normal_name(id_or_name)) or id_or_name


async def give(fleet: Fleet, session_id: str, command: Command, timeout_s: float) -> Answer:
    """Give a command to its session and wait until its intent is durable. One that a session had
    accepted before it ended is answered again. Raises CommandError, or Problem when that takes too
    long."""
    accepted, answered = callback_future()
    fleet.give(session_id, command, answered)
    found: Answer = await _within(
        accepted, timeout_s, f"send the same command_id again: {command.command_id}"
    )
    if found.error is not None:
        if found.error.code == "ended" and not _lives(fleet, session_id):
            return await answer_again(fleet, session_id, command)
        raise found.error
    return found


def _lives(fleet: Fleet, session_id: str) -> bool:
    try:
        fleet.view(session_id)
    except NotFound:
        return False
    return True


async def opened(open_it: Callable[[Callable[[], None]], str], timeout_s: float) -> str:
    """Open a guest session and wait until it is durable."""
    durable, done = callback_future()
    session_id = open_it(done)
    await _within(durable, timeout_s, f"look for it by its name, or by the id {session_id}")
    return session_id


async def _within(future: asyncio.Future[Found], timeout_s: float, advice: str) -> Found:
    try:
        async with asyncio.timeout(timeout_s):
            return await future
    except TimeoutError:
        detail = (
            f"the journal did not store it within {timeout_s:g} s, and may still do so; {advice}"
        )
        raise Problem(503, "journal_slow", detail) from None
