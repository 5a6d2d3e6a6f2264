"""`guestd load reap`: end what killed runs have left open."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...observe.terminal_text import json_line, one_line
from .. import exit_codes
from . import load_options as opt
from .client_options import TokenFile

if TYPE_CHECKING:
    from ..load_runs.reap import ReapReport

EXAMPLES = """Examples:

guestd load reap --dry-run        how many conversations killed runs have left open

guestd load reap                  end them

Exit codes: 0 nothing is left open, 1 something is."""


def register(app: typer.Typer) -> None:
    app.command("reap", epilog=EXAMPLES)(reap)


def reap(
    state_dir: opt.StateDirectory = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say how many there are; exit 1 if any.")
    ] = False,
    config: opt.ConfigPath = None,
    token_file: TokenFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON object.")] = False,
) -> None:
    """End the conversations that killed runs have left open at the platform. Each is taken up by
    its token, within the connect budget; those of a run through a daemon are ended there."""
    raise typer.Exit(exit_codes.run(lambda: _reap(state_dir, dry_run, config, token_file, as_json)))


async def _reap(
    state_dir: Path | None,
    dry_run: bool,
    config: Path | None,
    token_file: Path | None,
    as_json: bool,
) -> int:
    from ..load_config import load_config
    from ..load_runs.reap import reap as reap_all
    from ..load_runs.state_directory import state_directory
    from ..open_files import allow_open_files

    allow_open_files(0)
    directory = state_dir or state_directory(os.environ)
    loaded = load_config(config, os.environ, {})
    report = await reap_all(loaded, directory, dry_run, token_file)
    for problem in report.problems:
        print(f"guestd: {one_line(problem)}", file=sys.stderr)
    print(json_line(_as_json(report)) if as_json else _in_words(report, dry_run))
    return 1 if report.counts.failed or report.problems else 0


def _as_json(report: ReapReport) -> dict[str, object]:
    counts = report.counts
    return {
        "runs": report.runs,
        "ended": counts.ended,
        "over": counts.over,
        "open": counts.failed,
        "problems": report.problems,
    }


def _in_words(report: ReapReport, dry_run: bool) -> str:
    counts = report.counts
    if not report.runs and not report.problems:
        return "nothing was left open"
    if dry_run:
        return f"{counts.failed:,} conversations may be open, of {report.runs} runs"
    return (
        f"ended {counts.ended:,}, were over already {counts.over:,},"
        f" could not be ended {counts.failed:,}"
    )
