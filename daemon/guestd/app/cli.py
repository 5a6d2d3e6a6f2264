"""The command line. A command is a file under `commands/`, and is loaded when it is called: `guestd
send` need not wait for everything that `guestd serve` is made of."""

from __future__ import annotations

import sys
from importlib import import_module
from io import TextIOWrapper
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from .. import __version__
from .exit_codes import failed

COMMANDS = (
    "serve",
    "emulate",
    "chat",
    "sessions",
    "send",
    "inject",
    "prompt",
    "operations",
    "config",
    "journal",
    "keys",
    "webhooks",
    "audit",
)

EPILOG = """Examples:

guestd serve --demo 25

guestd chat

guestd emulate --port 8443 --tls-dir ./tls

Exit codes: 0 done, 1 refused or invalid, 2 usage, 69 platform, 70 internal, 74 journal,
78 configuration, 130 interrupted."""


def _flow(command: Any) -> None:
    """Lines of a docstring become paragraphs: the list of commands would break where they do."""
    paragraphs = (command.help or "").split("\n\n")
    command.help = "\n\n".join(" ".join(one.split()) for one in paragraphs)
    for one in getattr(command, "commands", {}).values():
        _flow(one)


class _Commands(TyperGroup):
    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f".commands.{cmd_name}", __package__)
        own: typer.Typer | None = getattr(module, "app", None)
        if own is None:
            own = typer.Typer(
                add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich"
            )
            own.command(cmd_name, epilog=module.EXAMPLES)(getattr(module, cmd_name))
        command = typer.main.get_command(own)
        command.name = cmd_name
        _flow(command)
        return command


app = typer.Typer(
    name="guestd",
    cls=_Commands,
    help=(
        "Keeps guest sessions of Genesys Cloud web messaging alive, with an emulator of the"
        " platform built in."
    ),
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"guestd {__version__}")
        raise typer.Exit


@app.callback()
def guestd(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Say the version and go."),
    ] = False,
) -> None:
    pass


def prepare_output() -> None:
    """What standard output or error cannot encode is escaped, so that no guest's words end a
    command with a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def main() -> None:
    prepare_output()
    try:
        app(prog_name="guestd")
    except Exception as error:
        sys.exit(failed(error))
