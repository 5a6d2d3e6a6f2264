"""`guestd serve`: the daemon."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import exit_codes
from ..entry import hold_signals
from ..variables import CONFIG_HELP

if TYPE_CHECKING:
    from ..config import Config

EXAMPLES = """Examples:

guestd serve --demo 25          the embedded emulator, and 25 guests who talk with its agent

guestd serve -c guestd.toml     the platform named there

guestd serve --port 0           a free port; it is in the line "ready http://…"
"""

#: Frontends and other guests beside the demo's, when the demo is larger than limits.max_sessions
#: allows.
ROOM_BESIDE_DEMO = 100


def serve(
    config: Annotated[Path | None, typer.Option("-c", "--config", help=CONFIG_HELP)] = None,
    host: Annotated[
        str | None, typer.Option(help="Where the simulator listens; default localhost.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="The simulator's port; 0 takes a free one. Default 3000.")
    ] = None,
    demo: Annotated[
        int, typer.Option(min=0, help="Open so many demo guests who talk with the agent.")
    ] = 0,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning or error.")] = None,
) -> None:
    """Keep guest sessions alive until SIGTERM or Ctrl-C; then end them in an orderly way. A second
    Ctrl-C, after a second or more, stops at once."""
    import logging

    from ...observe.log import configure_logging
    from ..api_note import api_notes
    from ..config_problems import ConfigProblems
    from ..lifecycle import serve as live
    from ..load_config import find_config
    from ..open_files import allow_open_files
    from ..opening_screen import is_watched
    from ..secret_files import open_secrets
    from ..signals import SignalListener

    given = {"simulator.host": host, "simulator.port": port, "log.level": log_level}
    flags: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    hold_signals()  # again: a test may begin here
    signals = SignalListener()
    try:
        loaded = find_config(config, os.environ, flags)
    except ConfigProblems as problems:
        raise typer.Exit(exit_codes.tell(problems, exit_codes.CONFIG)) from None
    settings = _with_room(loaded.config, demo) if demo else loaded.config
    log = configure_logging(settings.log.level, settings.log.form)
    signals.listen(log)
    logger = logging.getLogger("guestd")
    if loaded.places.file is not None or not is_watched():
        logger.info("the configuration is %s", loaded.origin)
    for line in loaded.notes:
        logger.info("%s", line)
    for line in (
        *open_secrets(settings, os.environ, loaded.places.file),
        *api_notes(settings),
    ):
        logger.warning("%s", line)
    allow_open_files(settings.limits.max_sessions, settings.api.connections_max)
    raise typer.Exit(exit_codes.run_logged(lambda: live(settings, log, signals, demo), log))


def _with_room(config: Config, demo: int) -> Config:
    """The demo asked for on the command line may exceed the configured bound, and should come up in
    a minute or so."""
    wanted = demo + ROOM_BESIDE_DEMO
    limits = replace(config.limits, max_sessions=max(config.limits.max_sessions, wanted))
    admission = config.admission
    if not config.platform.is_given:
        per_minute = max(admission.connects_per_minute, demo * 2)
        admission = replace(admission, connects_per_minute=per_minute)
    return config.model_copy(update={"limits": limits, "admission": admission})
