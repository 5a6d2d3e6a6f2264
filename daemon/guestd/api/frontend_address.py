"""What the address of a frontend's socket asks for.

?guest=NAME &since=SEQ &create=false &when_down=queue|reject &name=… &email=…
&details=first_frame
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ..model.commands import WhenDown
from ..model.errors import CommandError
from ..model.guest_names import NAME_RULE, is_guest_name, normal_name
from .details import GuestDetails, details_from_query
from .frames import since_of, when_down_of
from .unknown_fields import unknown_field

#: `access_token` is read before (`bearer_auth.py`).
PARAMETERS = (
    "guest",
    "since",
    "create",
    "when_down",
    "name",
    "email",
    "details",
    "access_token",
)


@dataclass(slots=True, frozen=True)
class FrontendAddress:
    """`since`: what the frontend has already; None: it did not say. `may_create`: False, if the
    guest session is to be there already. `details`: of a new guest."""

    name: str
    since: int | None
    may_create: bool
    when_down: WhenDown
    details: GuestDetails


@dataclass(slots=True, frozen=True)
class SelectedSession:
    """`since`: what the frontend has of it already; None: it wants new events only."""

    session_id: str
    since: int | None
    is_new: bool


def address_from_query(query: Mapping[str, str], draw_id: Callable[[], str]) -> FrontendAddress:
    """Raises CommandError naming the parameter."""
    _check_parameters(query)
    name = normal_name(query.get("guest", "")) or f"guest-{draw_id().replace('-', '')[:16]}"
    if not is_guest_name(name):
        raise CommandError(f"guest {NAME_RULE}", field="guest")
    create = query.get("create", "true")
    if create not in ("true", "false"):
        raise CommandError("create must be true or false", field="create")
    return FrontendAddress(
        name,
        since_of(query["since"]) if "since" in query else None,
        create == "true",
        when_down_of(query.get("when_down", "")),
        details_from_query(query),
    )


def _check_parameters(query: Mapping[str, str]) -> None:
    seen: set[str] = set()
    for name, _ in query.items():  # of a MultiDict each as often as it is given
        if name in seen:
            raise CommandError(f"{name[:64]} is given twice in the address", field=name[:64])
        seen.add(name)
        if name not in PARAMETERS:
            raise unknown_field(name, PARAMETERS, "the address")
