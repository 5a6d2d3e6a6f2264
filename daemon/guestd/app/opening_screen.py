"""What a person sees first of `guestd serve` on a terminal: where things are, and what to do next;
then a few lines of the demo's conversations."""

from __future__ import annotations

import logging
import os
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from .. import __version__
from .config import Config
from .status import fitted

#: So many of the demo's guests are shown: one can read along, and the rest is a figure.
GUESTS_SHOWN = 3


def is_watched() -> bool:
    """A person looks on: both streams go to a terminal that can replace a line."""
    return sys.stderr.isatty() and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


_IN_MEMORY = "in memory, gone at the end; [journal] directory keeps it"


@dataclass(slots=True, frozen=True)
class OpeningFacts:
    """`emulator_url`: of our own; without one, `platform` says which it is. `console`: it is
    served; `token`: it asks for one. `journal`: its directory, None for memory."""

    url: str
    emulator_url: str | None = None
    platform: str = ""
    journal: str | None = None
    demo_guests: int = 0
    console: bool = True
    token: bool = False


def opening_facts(
    config: Config, url: str, emulator_url: str | None, demo_guests: int
) -> OpeningFacts:
    platform, api, simulator = config.platform, config.api, config.simulator
    return OpeningFacts(
        url,
        emulator_url,
        platform.emulator or platform.region or platform.guest_socket_url or "",
        config.journal.directory,
        demo_guests,
        api.tcp,
        any((api.token, api.token_file, simulator.token, simulator.token_file)),
    )


def opening_lines(facts: OpeningFacts) -> list[str]:
    """Within 80 columns, but for long addresses and paths."""
    return [*_places(facts), "", *_next_steps(facts), ""]


def _places(facts: OpeningFacts) -> list[str]:
    url, emulator_url = facts.url, facts.emulator_url
    way = f"{_command()} console --open{_port(facts)}" if facts.token else f"{url}/"
    stand_in = ", its own emulator stands in for the platform" if emulator_url else ""
    return [
        f"guestd {__version__}{stand_in}",
        "",
        *([f"  console      {way}"] if facts.console else []),
        f"  frontends    ws{url[4:]}/?guest=NAME",
        f"  control API  {url}/v1",
        f"  health       {url}/healthz   /readyz   /metrics",
        f"  emulator     {emulator_url}/__emulator/state"
        if emulator_url
        else f"  platform     {facts.platform}",
        f"  journal      {facts.journal or _IN_MEMORY}",
    ]


def _next_steps(facts: OpeningFacts) -> list[str]:
    command, port = _command(), _port(facts)
    follow = [f"  {command} sessions follow demo-1{port}"] if facts.demo_guests else []
    return [
        "Next, in another terminal:",
        *follow,
        f"  {command} chat --url {facts.url}",
        f"  {command} top{port}",
        "Ctrl-C ends the guest sessions and stops; a second one stops at once.",
    ]


def _port(facts: OpeningFacts) -> str:
    return "" if facts.url.endswith(":3000") else f" --url {facts.url}"


def _command() -> str:
    """How to call guestd from where it was called."""
    called = os.path.abspath(sys.argv[0])
    if shutil.which("guestd") == called or os.path.basename(called) != "guestd":
        return "guestd"
    return min(os.path.relpath(called), called, key=len)


def conversations(write: Callable[[str], None]) -> Callable[[str, dict[str, Any]], None]:
    """What shows the messages of demo guests. Between them the log is quiet on demo guests that
    come and go; those that lose their connections are still told."""
    sessions = logging.getLogger("guestd.sessions")
    if sessions.getEffectiveLevel() == logging.INFO:
        sessions.setLevel(logging.WARNING)
    return partial(show_message, write)


def show_message(write: Callable[[str], None], guest: str, message: dict[str, Any]) -> None:
    """A line for a message of a demo guest, cut to the terminal."""
    is_guests = message["direction"] == "Inbound"
    who = "" if is_guests else f"{message['sender'] or 'agent'}: "
    text = " ".join(str(message["text"]).split())
    line = f"{time.strftime('%H:%M:%S')}  {guest} {'→' if is_guests else '←'} {who}{text}"
    write(fitted(line, shutil.get_terminal_size().columns))
