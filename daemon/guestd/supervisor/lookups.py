"""What a guest session must know from the journal before it goes on, asked for off the loop.

Three questions, none of them frequent: was this command accepted so long ago that the machine has
forgotten it; what was shown before a restart; was this message, which may be one of those
forgotten, shown already. Whatever depends on the answer waits behind it in the order in which it
came: the commands of one session here, the frames of one connection in `ConnectionCallbacks`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import orjson

from ..model.errors import CommandError, Damaged, JournalError, Overloaded
from ..model.journal import EventRow, EventStore
from ..runtime.task_pool import TaskPool
from ..session.accepted import Accepted
from ..session.content import digest_of_intent

#: Commands whose fate the journal is asked for; one more is refused.
COMMANDS_MAX = 10_000

#: Of an accepted command what is known, else None; or why nothing can be said of it.
CommandFound = Callable[[Accepted | None, CommandError | None], None]

#: Identities and times of what was shown, oldest first; or why they cannot be read.
ShownFound = Callable[[Sequence[tuple[str, str]], Damaged | None], None]


class CommandLookups:
    def __init__(self, journal: EventStore) -> None:
        self._journal = journal
        self._pool = TaskPool("command", 1)  # one at a time: commands keep their order
        self._open: dict[str, int] = {}

    def is_open(self, session_id: str) -> bool:
        """True while a command of that session waits for its answer: the next waits behind it."""
        return session_id in self._open

    def ask(self, session_id: str, command_id: str, found: CommandFound) -> None:
        """`found` is called on the loop, later or, if too many wait, at once."""
        if len(self._pool) >= COMMANDS_MAX:
            found(None, Overloaded("too many commands wait for the journal; try again later"))
            return
        self._open[session_id] = self._open.get(session_id, 0) + 1
        self._pool.run(lambda: self._look_up(session_id, command_id, found))

    async def stop(self) -> None:
        await self._pool.stop()

    async def _look_up(self, session_id: str, command_id: str, found: CommandFound) -> None:
        accepted: Accepted | None = None
        error: CommandError | None = None
        try:
            kept = await self._journal.command(session_id, command_id)
            if kept is not None and kept.accepted is not None:
                accepted = _accepted(kept.accepted)
        except Damaged as damaged:
            error = CommandError(str(damaged), code=damaged.code)
        except JournalError as failed:  # which ends the daemon
            error = CommandError(str(failed), code=failed.code)
        left = self._open.pop(session_id) - 1
        if left:
            self._open[session_id] = left
        found(accepted, error)


def _accepted(row: EventRow) -> Accepted:
    intent = orjson.loads(row.intent) if row.intent else {}
    return Accepted(row.seq, durable=True, digest=digest_of_intent(intent))


class ShownLookups:
    """At most one per session; it can be dropped."""

    def __init__(self, journal: EventStore, inflight_max: int) -> None:
        self._journal = journal
        self._pool = TaskPool("shown", inflight_max)
        self._open: dict[str, ShownFound] = {}

    def ask(self, session_id: str, limit: int, found: ShownFound) -> None:
        """The newest `limit` of them."""
        self._open[session_id] = found
        self._pool.run(lambda: self._look_up(session_id, limit, found))

    def drop(self, session_id: str) -> bool:
        """The answer is not wanted any more; False if none was awaited."""
        return self._open.pop(session_id, None) is not None

    async def stop(self) -> None:
        self._open.clear()
        await self._pool.stop()

    async def _look_up(self, session_id: str, limit: int, found: ShownFound) -> None:
        shown: Sequence[tuple[str, str]] = ()
        error: Damaged | None = None
        try:
            shown = await self._journal.identities(session_id, limit)
        except Damaged as damaged:
            error = damaged
        except JournalError:  # which ends the daemon
            return
        if self._open.get(session_id) is found:
            del self._open[session_id]
            found(shown, error)
