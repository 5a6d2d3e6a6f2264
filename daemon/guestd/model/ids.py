"""Who a guest is: the few identities that outlive a connection."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

COMMAND_ID_CHARS_MAX = 128

#: Of commands and operations where an id may come as a header and stand in a path.
COMMAND_ID_PATTERN = r"^[A-Za-z0-9_~:@+-][A-Za-z0-9._~:@+-]{0,127}$"

_COMMAND_ID = re.compile(COMMAND_ID_PATTERN[1:-1])


def is_command_id(text: str) -> bool:
    return _COMMAND_ID.fullmatch(text) is not None


def fingerprint(token: str) -> str:
    """What stands for a guest token wherever it is spoken of (AUDIT-2): `sha256:` and the first 32
    hex digits."""
    return "sha256:" + hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()[:32]


#: What most guests bring; one for all of them.
NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


@dataclass(slots=True, frozen=True)
class Guest:
    """One guest session's identity.

    `session_id` is ours and safe to show; `token` is the platform's secret handle of the session
    (protocol §0.3: a UUID v4 the client invents) and never leaves through a log, metric or event.
    `name` is how frontends pick it.
    `email`, `metadata` and `display_name` belong to the webchat dialect (SOCK-1); `display_name` is
    what agents are shown, `name` if it is empty. `attributes` become custom attributes.
    """

    session_id: str
    name: str
    token: str = field(repr=False)
    email: str = ""
    attributes: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    metadata: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    display_name: str = ""
