"""The sections of the process itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Le

from ..emulator import DEFAULT_AGENT
from ..model.settings import Doc, SecondsOrZero


@dataclass(slots=True, frozen=True)
class DrainSettings:
    """Stopping in an orderly way."""

    sessions: Annotated[
        Literal["auto", "end", "keep"],
        Doc(
            'On SIGTERM and Ctrl-C: "end" says goodbye for every guest session; "keep" '
            'leaves them to the next start, which needs a journal directory; "auto" keeps '
            "them if there is one and ends them if not."
        ),
    ] = "auto"
    grace_s: Annotated[SecondsOrZero, Doc("How long SIGTERM and Ctrl-C wait for goodbyes.")] = 30.0


@dataclass(slots=True, frozen=True)
class LogSettings:
    """The daemon's log, on standard error."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"], Doc("Lines below this level are left out.")
    ] = "info"
    form: Annotated[
        Literal["auto", "json", "text"], Doc("auto: text on a terminal, JSON lines elsewhere.")
    ] = "auto"


@dataclass(slots=True, frozen=True)
class EmbeddedEmulatorSettings:
    """The emulator inside the daemon, which stands in where no platform is configured."""

    port: Annotated[int, Ge(0), Le(65535), Doc("Its port; 0 takes a free one.")] = 0
    agent: Annotated[
        str,
        Doc(
            "Who answers: echo, faq, goodbye, handover, human, menu, silent, or the path of a "
            ".toml or .json with a script of your own."
        ),
    ] = DEFAULT_AGENT
    seed: Annotated[
        int | None,
        Doc(
            "What ids, the agent and faults are drawn from; the same seed repeats them, and guest "
            "sessions of a journal take ids that come again for messages that come again. Drawn "
            "at each start if left out.",
            example=7,
        ),
    ] = None
