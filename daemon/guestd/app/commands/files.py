"""What the commands share that read a daemon's files, `journal`, `webhooks` and `audit`: where they
are, and how errors leave."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from ...journal import database
from ...model.errors import CommandError, ConfigError, JournalError
from .. import exit_codes
from ..config import Config
from ..config_problems import ConfigProblems
from ..load_config import configured
from ..wiring.followers import audit_directory
from ..wiring.storage import journal_directory

File = Annotated[
    Path | None,
    typer.Option("-c", "--config", help="The configuration that names the directories."),
]
AsJson = Annotated[bool, typer.Option("--json", help="JSON on standard output.")]


def guarded(work: Callable[[], None]) -> None:
    """Run; a known error becomes a line on standard error and its exit code."""
    try:
        work()
        sys.stdout.flush()
    except BrokenPipeError:
        raise typer.Exit(exit_codes.unread()) from None
    except (ConfigError, ConfigProblems) as error:
        raise typer.Exit(exit_codes.tell(error, exit_codes.CONFIG)) from None
    except CommandError as error:
        raise typer.Exit(exit_codes.tell(error, exit_codes.USAGE)) from None
    except (JournalError, OSError) as error:
        raise typer.Exit(exit_codes.tell(error, exit_codes.JOURNAL)) from None


def find_journal(config: Path | None, directory: Path | None) -> Path:
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
    if directory is None:
        loaded = _loaded(config)
        directory = audit_directory(loaded, journal_directory(loaded, os.environ))
    if directory is None or not directory.is_dir():
        problem = "is not set" if directory is None else f"{directory} is not a directory"
        raise ConfigError("audit.directory", problem, "name it, or a configuration with -c")
    return directory


def _loaded(config: Path | None) -> Config:
    return configured(config, os.environ)
