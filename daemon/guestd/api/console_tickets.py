"""Tickets that open the console once: `guestd console` prints an address with one, and the page
exchanges it for the tokens.

A token in an address would stay in the browser's history and could be read over a shoulder for as
long as it is valid. A ticket is worth nothing once it is used, or after a minute. It stands in the
fragment, which no server and no proxy is sent, and the page removes it at once."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

TICKET_LIFE_S = 60.0
#: More were never needed at once; beyond it the oldest is no longer valid.
TICKETS_MAX = 100


@dataclass(slots=True, frozen=True)
class ConsoleAccess:
    """Where the console is, as seen from this machine, and the tokens that a ticket stands for; ""
    where none is set."""

    url: Callable[[], str]
    api_token: str = field(default="", repr=False)
    simulator_token: str = field(default="", repr=False)

    @property
    def needs_ticket(self) -> bool:
        return bool(self.api_token or self.simulator_token)


class ConsoleTickets:
    """Kept in memory, as hashes: a restart forgets them."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._valid_until: dict[bytes, float] = {}

    def issue(self) -> str:
        while len(self._valid_until) >= TICKETS_MAX:
            del self._valid_until[next(iter(self._valid_until))]
        ticket = secrets.token_urlsafe(32)
        self._valid_until[_hash(ticket)] = self._now() + TICKET_LIFE_S
        return ticket

    def redeem(self, ticket: str) -> bool:
        """Whether it is valid; after this it is not."""
        return self._valid_until.pop(_hash(ticket), 0.0) > self._now()


def _hash(ticket: str) -> bytes:
    """Looked up by its hash, so that the time it takes tells nothing of the others."""
    return hashlib.sha256(ticket.encode(errors="replace")).digest()
