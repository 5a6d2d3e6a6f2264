"""Says in the log, once each, which pages and hosts were refused and what to write to let them in.

A browser hides the answer from a page that is refused, so the log is where its developer finds the
reason. A hostile page can come under any number of names: so many are told and no more."""

from __future__ import annotations

import json
import logging

from ..observe.log import counted_elsewhere
from .origin_check import AccessRefusal
from .origin_patterns import host_entry, origin_entry
from .settings import SimulatorSettings

logger = logging.getLogger("guestd.api")

#: Enough for every page under development, and a bounded part of the log.
TOLD_MAX = 100
#: A host name has at most 253 characters; what is longer is cut.
VALUE_CHARS_MAX = 200

_NOUNS = {"origins_allowed": "origin", "hosts_allowed": "host"}
_READERS = {"origins_allowed": origin_entry, "hosts_allowed": host_entry}


class RefusalLog:
    def __init__(self, settings: SimulatorSettings) -> None:
        self._allowed = {
            "origins_allowed": settings.origins_allowed,
            "hosts_allowed": settings.hosts_allowed,
        }
        self._told: set[tuple[str, str]] = set()

    def tell(self, refused: AccessRefusal) -> None:
        """A warning, unless this page or host had one already."""
        value = refused.value[:VALUE_CHARS_MAX]
        if len(self._told) > TOLD_MAX or (refused.key, value) in self._told:
            return
        self._told.add((refused.key, value))
        if len(self._told) > TOLD_MAX:
            logger.warning("more pages and hosts are refused; they are counted and not named here")
            return
        noun = _NOUNS[refused.key]
        logger.warning(
            "refused the %s %s: %s",
            noun,
            ascii(value),
            self._remedy(refused.key, value),
            extra=counted_elsewhere(event=f"{noun}_refused", **{noun: ascii(value)[1:-1]}),
        )

    def _remedy(self, key: str, value: str) -> str:
        try:
            entry = _READERS[key](value)
        except ValueError:
            return f"no entry of simulator.{key} can let it in"
        line = f"{key} = {json.dumps([*self._allowed[key], entry])}"
        risk = " (and with it any page in a sandboxed frame)" if entry == "null" else ""
        return f"to let it in{risk}, write under [simulator]: {line}"
