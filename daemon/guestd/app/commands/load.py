"""`guestd load`: virtual guests who hold conversations by a scenario file."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import Any

import typer

from . import load_compare, load_files, load_reap, load_run
from .groups import SubCommands

#: What `guestd load FILE` means; it need not be written.
DEFAULT = "run"


class _RunByDefault(SubCommands):
    """`guestd load FILE` is `guestd load run FILE`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        own = {*self.commands, "-h", "--help"}
        if args and args[0] not in own:
            self._check_mistyped(ctx, args[0])
            args = [DEFAULT, *args]
        return super().parse_args(ctx, args)

    def _check_mistyped(self, ctx: Any, word: str) -> None:
        """A word like a command that is no file is meant as the command."""
        near = get_close_matches(word, self.commands, n=1)
        if near and word.isalpha() and not Path(word).exists():
            ctx.fail(f"there is no command and no file {word!r}; did you mean {near[0]!r}?")


app = typer.Typer(
    cls=_RunByDefault,
    help=(
        "Many virtual guests who hold conversations by a scenario file. `guestd load FILE` runs it"
        " (`guestd load run -h` lists the options); the other commands write a file, check it, and"
        " compare runs."
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
