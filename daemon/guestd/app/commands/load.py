"""`guestd load`: virtual guests who hold conversations by a scenario file."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from . import load_compare, load_files, load_reap, load_run

#: What `guestd load FILE` means; it need not be written.
DEFAULT = "run"


class _RunByDefault(TyperGroup):
    """`guestd load FILE` is `guestd load run FILE`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        own = {*self.commands, "-h", "--help"}
        if args and not any(one in own for one in args[:1]):
            args = [DEFAULT, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_RunByDefault,
    help=(
        "Many virtual guests who hold conversations by a scenario file. `guestd load FILE` runs it;"
        " the other commands write one, check it, and compare runs."
    ),
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    epilog=load_run.EXAMPLES,
)
load_run.register(app)
load_files.register(app)
load_reap.register(app)
load_compare.register(app)
