"""What the commands share that read a daemon's files, `journal`, `webhooks` and `audit`: where they
are, and how errors leave."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...model.errors import ConfigError, GuestdError
from .. import exit_codes
from ..interrupts import INTERRUPTED, may_interrupt

if TYPE_CHECKING:
    from ..config import Config

File = Annotated[
    Path | None,
    typer.Option("-c", "--config", help="The configuration that names the directories."),
]
AsJson = Annotated[bool, typer.Option("--json", help="JSON on standard output.")]


def guarded(work: Callable[[], None], as_json: bool = False) -> None:
    """Run; a known error becomes a line on standard error, with `as_json` an object, and its exit
    code."""
    may_interrupt()
    try:
        work()
        sys.stdout.flush()
    except BrokenPipeError:
        raise typer.Exit(exit_codes.unread()) from None
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    except (GuestdError, OSError) as error:
        failed = exit_codes.failed_as_json if as_json else exit_codes.failed
        raise typer.Exit(failed(error)) from None


def find_journal(config: Path | None, directory: Path | None) -> Path:
    from ...journal import database
    from ..wiring.storage import journal_directory

    found = directory or journal_directory(_loaded(config), os.environ)
    if found is None:
        raise ConfigError(
            "journal.directory", "is not set", "name it with -d, or a configuration with -c"
        )
    if not (found / database.NAME).exists():
        raise ConfigError(
            "journal.directory",
            f"{found} holds no {database.NAME}",
            "make one with `guestd journal init`",
        )
    return found


def find_audit(config: Path | None, directory: Path | None) -> Path:
    """`directory` is the audit's own."""
    from ..wiring.followers import audit_directory
    from ..wiring.storage import journal_directory

    if directory is None:
        loaded = _loaded(config)
        directory = audit_directory(loaded, journal_directory(loaded, os.environ))
    if directory is None or not directory.is_dir():
        problem = "is not set" if directory is None else f"{directory} is not a directory"
        raise ConfigError("audit.directory", problem, "name it, or a configuration with -c")
    return directory


def _loaded(config: Path | None) -> Config:
    from ..load_config import configured

    return configured(config, os.environ)
