"""The details of a new session's guest (SOCK-1, SIM-4), given by its frontend in the URL or in the
first frame.

    ?name=Ana%20M%C3%BCller&email=ana@example.org
    ?details=first_frame, and then {"action": "guest", "name"?: …, "email"?: …, "metadata"?: {…}}

Without an e-mail the guest gets an address of its own, because the webchat platform tells guests
apart by their e-mail: two guests with one address are in one conversation, and read each other's
agent."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..model.errors import CommandError
from ..model.file_names import control_character_in
from ..model.json_values import refusal_of

#: What an agent's screen shows of a guest.
NAME_CHARACTERS_MAX = 100

#: The longest address that mail can carry (RFC 5321), as in the control API.
EMAIL_CHARACTERS_MAX = 254

#: Hexadecimal digits of the name's hash: 96 bits, so that no two names with the same address
#: can be found.
OWN_DIGITS = 24

FIRST_FRAME = "first_frame"
_KEYS = ("action", "name", "email", "metadata")


@dataclass(slots=True, frozen=True)
class GuestDetails:
    """`name` is what agents are shown; "": the guest's own. `email` "": an address of its own."""

    name: str = ""
    email: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    from_first_frame: bool = False


def details_from_query(query: Mapping[str, str]) -> GuestDetails:
    """Raises CommandError naming the parameter."""
    given = query.get("details", "")
    if given not in ("", FIRST_FRAME):
        raise CommandError(f"details must be {FIRST_FRAME}, or be left out", field="details")
    return GuestDetails(
        _name(query.get("name", "")),
        _email(query.get("email", "")),
        from_first_frame=given == FIRST_FRAME,
    )


def details_from_frame(text: str, address: GuestDetails) -> GuestDetails:
    """What the frame gives counts more than the address. Raises CommandError naming the field."""
    frame = _load(text)
    if frame.get("action") != "guest":
        raise CommandError(
            'the first frame must be {"action": "guest", …}, as the address says', field="action"
        )
    if unknown := sorted(set(frame) - set(_KEYS)):
        known = ", ".join(_KEYS[1:])
        raise CommandError(f"{unknown[0]!r} is unknown; a guest has {known}", field=unknown[0][:64])
    metadata = frame.get("metadata", {})
    if not isinstance(metadata, dict):
        raise CommandError("metadata must be a JSON object", field="metadata")
    if (refused := refusal_of("metadata", metadata)) is not None:
        raise refused
    return replace(
        address,
        name=_name(frame.get("name", address.name)),
        email=_email(frame.get("email", address.email)),
        metadata=metadata,
    )


def unique_email(guest: str, common: str) -> str:
    """An address for that guest alone, the same after a restart: `guest@example.org` becomes
    `guest+HASH@example.org`."""
    local, _, domain = common.rpartition("@")
    return f"{local}+{hashlib.sha256(guest.encode()).hexdigest()[:OWN_DIGITS]}@{domain}"


def _load(text: str) -> dict[str, Any]:
    try:
        frame = json.loads(text)
    except (ValueError, RecursionError):
        frame = None
    if not isinstance(frame, dict):
        raise CommandError("the first frame must be a JSON object", code="bad_json")
    return frame


def _name(value: object) -> str:
    if not isinstance(value, str):
        raise CommandError("name must be a string", field="name")
    if len(value) > NAME_CHARACTERS_MAX:
        problem = (
            f"name has {len(value)} characters, the limit is {NAME_CHARACTERS_MAX}; shorten it"
        )
        raise CommandError(problem, field="name")
    if found := control_character_in(value):
        raise CommandError(
            f"name contains the control character {found}; leave it out", field="name"
        )
    return value.strip()


def _email(value: object) -> str:
    if not isinstance(value, str):
        raise CommandError("email must be a string", field="email")
    if len(value) > EMAIL_CHARACTERS_MAX:
        problem = (
            f"email has {len(value)} characters, the limit is {EMAIL_CHARACTERS_MAX}; give another"
        )
        raise CommandError(problem, field="email")
    return value
