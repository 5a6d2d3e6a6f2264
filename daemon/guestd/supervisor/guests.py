"""Which names and e-mail addresses the living guests have: neither is given twice."""

from __future__ import annotations

from ..model.errors import CommandError
from ..model.ids import Guest


class LivingGuests:
    """`by_email`: the platform tells guests apart by their e-mail, so that two with one address
    would share a conversation."""

    def __init__(self, by_email: bool) -> None:
        self._by_email = by_email
        self._names: dict[str, str] = {}
        self._emails: dict[str, str] = {}

    def check(self, name: str, email: str) -> None:
        """Raises CommandError if a living guest has this name or this address."""
        if name in self._names:
            raise CommandError(
                f"a guest session named {name!r} already exists", code="conflict", field="name"
            )
        if self._by_email and email.casefold() in self._emails:
            problem = (
                "a living guest has this e-mail address, and the two would share a conversation;"
                " give another"
            )
            raise CommandError(problem, code="conflict", field="email")

    def enter(self, guest: Guest) -> None:
        self._names[guest.name] = guest.session_id
        if self._by_email:
            self._emails.setdefault(guest.email.casefold(), guest.session_id)

    def leave(self, guest: Guest) -> None:
        for taken, key in ((self._names, guest.name), (self._emails, guest.email.casefold())):
            if taken.get(key) == guest.session_id:
                del taken[key]

    def find(self, name: str) -> str | None:
        """The living guest session of that name."""
        return self._names.get(name)

    def clear(self) -> None:
        self._names.clear()
        self._emails.clear()
