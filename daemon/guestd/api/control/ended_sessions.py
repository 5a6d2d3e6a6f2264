"""A guest session that is over, and still kept in the journal: it is addressed by its id, takes
nothing any more, and answers again what it has answered."""

from __future__ import annotations

import orjson

from ...model.commands import Answer, Command
from ...model.errors import CommandError, NotFound
from ...model.ports import Fleet, SessionView
from ...session.content import NO_DIGEST, digest_of, digest_of_intent

#: How far back one may look for those that are over; a row of the journal each.
ENDED_MAX = 1000


async def answer_again(fleet: Fleet, session_id: str, command: Command) -> Answer:
    """The answer to a command that it had accepted. Raises CommandError: `ended` for a new one,
    `conflict` for the id of another one; NotFound, Damaged."""
    await check_kept(fleet, session_id)
    found = await fleet.command(session_id, command.command_id)
    if found is None or found.accepted is None:
        raise over()
    row = found.accepted
    intent = orjson.loads(row.intent) if row.intent else {}
    if digest_of_intent(intent) not in (NO_DIGEST, digest_of(command)):
        raise CommandError(
            "a command with this id and other content was accepted before; draw a new id",
            code="conflict",
            field="command_id",
        )
    return Answer(command.command_id, row.seq)


async def living(fleet: Fleet, session_id: str) -> SessionView:
    """Raises CommandError `ended` for one that is over, NotFound if there never was one."""
    try:
        return fleet.view(session_id)
    except NotFound:
        await check_kept(fleet, session_id)
    raise over()


async def view_of_either(fleet: Fleet, session_id: str) -> SessionView:
    """Of one that is over too, as a list of those shows it. Raises NotFound."""
    try:
        return fleet.view(session_id)
    except NotFound:
        await check_kept(fleet, session_id)
        for view in await fleet.ended(ENDED_MAX):
            if view.session_id == session_id:
                return view
        raise


async def check_kept(fleet: Fleet, session_id: str) -> None:
    """Raises NotFound, in the words for one that does not live."""
    try:
        await fleet.read(session_id, 0, 1)
    except NotFound:
        raise NotFound(f"there is no guest session {session_id!r}") from None


def over() -> CommandError:
    return CommandError("the guest session has ended; open another one", code="ended")
