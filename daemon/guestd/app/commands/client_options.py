"""What the commands that talk to a running daemon share: where it is, how its answers are shown,
and the exit codes. With --json an error is one JSON object on standard error.

0 done, 1 the daemon refused, 2 usage, 69 no daemon answers. Ctrl-C is 130, and 0 where a person
only watches.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...model.durations import seconds_or_duration
from ...model.errors import CommandError, ConfigError
from ...observe.terminal_text import json_line, one_line
from .. import exit_codes
from ..daemon_address import daemon_url
from ..interrupts import INTERRUPTED
from ..variables import CLIENT_SOCKET, CLIENT_TOKEN, CLIENT_URL, RENAMED
from .fitted_table import FittedTable
from .option_names import with_option
from .readable import fact_lines, lost_line, watch_foot

if TYPE_CHECKING:
    from ..control_client import ControlClient

REFUSED = 1

Json = dict[str, Any]

Url = Annotated[
    str,
    typer.Option(
        "--url",
        envvar=CLIENT_URL,
        help="Where the daemon is: host:port, or its http:// or ws:// URL.",
        show_default=True,
    ),
]
Socket = Annotated[
    Path | None,
    typer.Option(
        "--socket", envvar=CLIENT_SOCKET, help="The daemon's Unix socket, instead of --url."
    ),
]
TokenFile = Annotated[
    Path | None,
    typer.Option(help=f"A file with the daemon's api.token; or set {CLIENT_TOKEN} to the token."),
]
AsJson = Annotated[bool, typer.Option("--json", help="The daemon's own JSON on standard output.")]
Key = Annotated[
    str | None,
    typer.Option("--id", help="Your own id for this: asked again with it, it is done only once."),
]

DEFAULT_URL = "http://127.0.0.1:3000"


def talk(
    url: str,
    socket: Path | None,
    token_file: Path | None,
    as_json: bool,
    work: Callable[[ControlClient], Awaitable[int | None]],
    watches: bool = False,
) -> None:
    """Do `work` with a client, and leave with its exit code. `watches`: it goes on until Ctrl-C,
    which is its ordinary end."""

    from ..control_client import ApiAddress, ApiRefusal, ControlClient

    async def main() -> int | None:
        place = address_of(url) if socket is None else url
        address = ApiAddress(place, socket, token_of(token_file))
        async with ControlClient(address) as client:
            try:
                return await work(client)
            except ApiRefusal as refusal:
                if as_json:
                    raise
                raise type(refusal)(with_option(refusal.problem_document)) from None

    code = exit_codes.run(main, as_json=as_json)
    raise typer.Exit(0 if watches and code == INTERRUPTED else code)


def address_of(url: str, read: Callable[[str], str] = daemon_url) -> str:
    """What `read` makes of --url. Raises CommandError."""
    try:
        return read(url)
    except ValueError as error:
        raise CommandError(f"--url: {error}") from None


def _refuse_old_variables() -> None:
    """Left alone they would be a daemon at another address, or a refused token, without a word."""
    for old, new in RENAMED.items():
        if old in os.environ:
            raise ConfigError(old, "is not read any more", f"set {new} instead")


def token_of(path: Path | None) -> str:
    """The daemon's api.token: of the file, else of the environment. Raises ConfigError."""
    _refuse_old_variables()
    if path is None:
        return os.environ.get(CLIENT_TOKEN, "").strip()
    return read_token(path)


def read_token(path: Path) -> str:
    """Raises ConfigError."""
    from ..secret_files import read_secret

    try:
        return read_secret(path, may_be_pipe=True).decode()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not text"
        raise ConfigError(
            "--token-file", f"{path} cannot be read: {why}", "name a file that holds the token"
        ) from None


def show(found: Json, as_json: bool, lines: Callable[[Json], None]) -> None:
    """As JSON, or as `lines` says it for people."""
    if as_json:
        print(json_line(found), flush=True)
    else:
        lines(found)


def show_facts(found: Json) -> None:
    """One thing: a line for each of its fields that has a value."""
    for line in fact_lines(found):
        print(line)


def show_table(
    columns: Sequence[str], rows: Sequence[Sequence[Any]], may_go: Sequence[str] = ()
) -> None:
    """A table on a terminal (`FittedTable`); elsewhere lines with tabs between the columns, for
    other programs."""
    if not sys.stdout.isatty():
        for row in rows:
            print("\t".join(one_line(value) for value in row))
        return
    from rich.console import Console

    Console().print(FittedTable(columns, rows, may_go))


async def watch_table(
    columns: Sequence[str],
    every_s: float,
    ask: Callable[[], Awaitable[Json]],
    rows: Callable[[Json], Sequence[Sequence[Any]]],
    place: str,
    may_go: Sequence[str] = (),
) -> None:
    """The table again and again, in place, as many rows as the screen has; until q or Ctrl-C. While
    the daemon at `place` is away, its last table, and since when."""
    from rich.console import Group
    from rich.live import Live
    from rich.text import Text

    from .watching import keep_looking, until_q

    def draw(last: Json, lost_since: str) -> Group:
        head = [Text(lost_line(place), "red")] if lost_since else []
        found = rows(last)
        seen = found[: max(1, screen.console.height - 2 - len(head))]
        foot = Text(watch_foot(len(found) - len(seen), lost_since))
        return Group(*head, FittedTable(columns, seen, may_go), foot)

    with Live(auto_refresh=False, screen=True) as screen:
        show = functools.partial(screen.update, refresh=True)
        await until_q(keep_looking(ask, draw, show, every_s))


def duration(value: str, option: str | None = None) -> float:
    """Seconds, for an option; 30 and 30s are the same. Raises BadParameter, which names
    `option`."""
    try:
        return seconds_or_duration(value)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None
