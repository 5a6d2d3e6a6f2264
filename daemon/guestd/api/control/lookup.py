"""Which guest session is meant: by its id, or by the name of a living one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from ...model.commands import Answer, Command
from ...model.ports import Fleet
from ..problems import Problem

Found = TypeVar("Found")


def session_of(fleet: Fleet, id_or_name: str) -> str:
    """The session's id. A name is looked up among the living; anything else is taken for an id,
    which may be unknown."""
    return fleet.find(id_or_name) or id_or_name


async def give(fleet: Fleet, session_id: str, command: Command, timeout_s: float) -> Answer:
    """Hand over a command and wait until its intent is durable. Raises CommandError, or Problem
    when it takes too long."""
    loop = asyncio.get_running_loop()
    told: asyncio.Future[Answer] = loop.create_future()

    def answered(answer: Answer) -> None:
        if not told.done():
            told.set_result(answer)

    fleet.give(session_id, command, answered)
    found = await _within(
        told, timeout_s, f"ask with the same command_id again: {command.command_id}"
    )
    if found.error is not None:
        if found.error.code == "ended":
            fleet.view(session_id)  # NotFound, unless it is only about to end
        raise found.error
    return found


async def opened(open_it: Callable[[Callable[[], None]], str], timeout_s: float) -> str:
    """Open a guest session and wait until it is durable."""
    durable: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    session_id = open_it(lambda: None if durable.done() else durable.set_result(None))
    await _within(durable, timeout_s, f"look for it by its name, or by the id {session_id}")
    return session_id


async def _within(future: asyncio.Future[Found], timeout_s: float, advice: str) -> Found:
    try:
        async with asyncio.timeout(timeout_s):
            return await future
    except TimeoutError:
        detail = f"the journal did not take it within {timeout_s:g} s, and may still; {advice}"
        raise Problem(503, "journal_slow", detail) from None
