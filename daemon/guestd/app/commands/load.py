"""`guestd load`: virtual guests who hold conversations by a scenario file."""

from __future__ import annotations

import typer

from . import load_files

app = typer.Typer(
    help="Many virtual guests who hold conversations by a scenario file: write one, check it.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
load_files.register(app)
