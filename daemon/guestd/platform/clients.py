"""The OAuth clients that share the load: a call takes a turn in the line, and goes as the client
that the line gives it.

Each client has a budget and a token of its own, and a refused or throttled one leaves the others
alone. The platform remembers an Idempotency-Key for each client apart, so all tries of one key go
as one client: the one that it went as before, else the first by a hash of client and key, which is
the same after a restart."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from hashlib import sha256

from ..model.errors import PlatformError
from ..model.ports import Urgency
from ..model.records import Note
from .oauth import TokenSource
from .pace import Budget, Pace

#: Keys whose client is remembered; an operation is over long before so many others have come.
KEYS_MAX = 10_000


class OAuthClients:
    """`requests_per_minute` is for each client that has no figure of its own. `close` it at the
    end."""

    def __init__(
        self, sources: Sequence[TokenSource], requests_per_minute: int, pace: Pace
    ) -> None:
        self._sources = tuple(sources)
        limits = [one.access.client.requests_per_minute or requests_per_minute for one in sources]
        self._budget = Budget(limits, pace, self._is_usable)
        self._key_clients: OrderedDict[str, int] = OrderedDict()
        for one in sources:
            one.changed = self._budget.look

    @property
    def requests_per_minute(self) -> int:
        """Of all clients that can be used now."""
        return self._budget.per_minute

    def used(self) -> list[tuple[int, int, float]]:
        """As `Budget.used`."""
        return self._budget.used()

    async def turn(
        self, deadline: float, latest: float, urgency: Urgency, key: str
    ) -> tuple[int, str]:
        """(client, token), when it is this call's turn. Raises what a token source raises, and
        BudgetSpent for a call that has no turn before `latest`."""
        only = self._client_of(key) if key else None
        await self._some_token(deadline, only)
        client = await self._budget.spend(latest, urgency, only)
        if key:
            self._remember(key, client)
        return client, await self._sources[client].current(deadline)

    def drop(self, client: int, token: str) -> None:
        """The platform did not take this token."""
        self._sources[client].drop(token)

    def rest(self, client: int, rest_s: float) -> None:
        """The platform wants no request of this client for so long."""
        self._budget.rest(client, rest_s)

    def secrets(self) -> tuple[str, ...]:
        """What must not be shown."""
        return tuple(secret for one in self._sources for secret in one.secrets())

    def note_to(self, note: Note) -> None:
        """Who is told of tokens that were fetched, renewed, refused, or have expired."""
        for one in self._sources:
            one.note = note

    async def close(self) -> None:
        self._budget.close()
        for one in self._sources:
            await one.close()

    # ------------------------------------------------------------------ tokens

    def _is_usable(self, client: int) -> bool:
        """It has a token; where none has one, all are as good."""
        return self._sources[client].is_ready or not any(one.is_ready for one in self._sources)

    async def _some_token(self, deadline: float, only: int | None) -> None:
        """Return when a request can be made as some client, or as that one; fetch what else is
        missing meanwhile."""
        if only is not None or len(self._sources) == 1:
            await self._sources[only or 0].current(deadline)
            return
        for one in self._sources:
            one.prepare()
        if not any(one.is_ready for one in self._sources):
            await self._first_token(deadline)

    async def _first_token(self, deadline: float) -> None:
        waiting = {asyncio.ensure_future(one.current(deadline)) for one in self._sources}
        error: BaseException | None = None
        try:
            while waiting:
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                errors = [one.exception() for one in done]
                if None in errors:
                    return
                error = errors[0]
        finally:
            for one in waiting:
                one.cancel()
        assert isinstance(error, PlatformError)
        raise error

    # ------------------------------------------------------------------ keys

    def _client_of(self, key: str) -> int | None:
        """The client that this key belongs to; None where there is one client only."""
        if len(self._sources) == 1:
            return None
        known = self._key_clients.get(key)
        if known is not None:
            return known
        order = sorted(range(len(self._sources)), key=lambda client: self._rank(client, key))
        return next((client for client in order if not self._sources[client].is_refused), order[0])

    def _rank(self, client: int, key: str) -> bytes:
        return sha256(f"{self._sources[client].access.client.id} {key}".encode()).digest()

    def _remember(self, key: str, client: int) -> None:
        self._key_clients[key] = client
        self._key_clients.move_to_end(key)
        if len(self._key_clients) > KEYS_MAX:
            self._key_clients.popitem(last=False)
