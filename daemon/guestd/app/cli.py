"""The command line. A command is a file under `commands/`, and is loaded when it is called: `guestd
send` need not wait for everything that `guestd serve` is made of."""

from __future__ import annotations

import sys
from difflib import get_close_matches
from importlib import import_module
from io import TextIOWrapper
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from .. import __version__
from .commands.groups import SubCommands
from .exit_codes import failed, unread

#: Each with its line in the list, so that `guestd --help` need not load them all.
COMMANDS = {
    "serve": "Keep guest sessions alive until SIGTERM or Ctrl-C.",
    "emulate": "Stand in for the platform, for clients of any kind.",
    "chat": "Talk as a guest.",
    "console": "The address of a running daemon's console, for a browser.",
    "sessions": "The guest sessions of a running daemon.",
    "explain": "Say what a guest session waits for, and why.",
    "frames": "Show the frames of a guest session on the platform's socket.",
    "top": "The guest sessions, rates and waits of a running daemon, live.",
    "send": "Say something, and wait until the platform has confirmed it.",
    "test": "Run scenario files as functional tests.",
    "load": "Many virtual guests who hold conversations by a scenario file.",
    "inject": "Put a past conversation into an interaction.",
    "prompt": "Show a prompt on the agent's screen.",
    "operations": "Guests, messaging sessions, injections, prompts, adoption.",
    "config": "Check and show the configuration.",
    "journal": "Look into the journal on disk, copy it, bring it back.",
    "keys": "The keys that sign guest tokens.",
    "webhooks": "Look at webhooks, send dead letters again, check a signature.",
    "audit": "Check the audit, and export from it.",
    "version": "Say the version.",
}

HELP = ["-h", "--help"]

EPILOG = """Examples:

guestd serve --demo 25

guestd chat

guestd emulate --port 8443 --tls-dir ./tls

Exit codes: 0 done, 1 refused or invalid, 2 usage, 69 platform, 70 internal, 74 journal,
78 configuration, 130 interrupted."""


#: Columns of an example in a help text, which is indented by two.
EXAMPLE_COLUMNS = 76


def _flow(command: Any) -> None:
    """Lines of a docstring become paragraphs: the list of commands would break where they do."""
    paragraphs = (command.help or "").split("\n\n")
    command.help = "\n\n".join(" ".join(one.split()) for one in paragraphs)
    if command.epilog:
        command.epilog = "\n\n".join(map(_example, command.epilog.split("\n\n")))
    for one in getattr(command, "commands", {}).values():
        _flow(one)


def _example(paragraph: str) -> str:
    """What is said of an example stands below it where both do not fit into a line. `\\b` keeps the
    lines as they are."""
    command, gap, note = paragraph.partition("   ")
    if not gap or len(paragraph) <= EXAMPLE_COLUMNS or "\n" in paragraph:
        return paragraph
    return f"\b\n{command}\n    {note.strip()}"


#: For who gives a configuration to a command that reads none.
TALKS = "; this command talks to a running daemon: --url or --socket, and --token-file"


class _Commands(TyperGroup):
    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except Exception as error:
            if getattr(error, "option_name", "") in ("-c", "--config"):
                command = getattr(getattr(error, "ctx", None), "command", None)
                if any(one.name == "socket" for one in getattr(command, "params", ())):
                    error.message += TALKS  # type: ignore[attr-defined]  # typer's copy of click
            raise

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] not in COMMANDS:
            near = get_close_matches(args[0], COMMANDS, n=1)
            meant = f"did you mean {near[0]!r}?" if near else "guestd --help lists them"
            ctx.fail(f"there is no command {args[0]!r}; {meant}")
        return super().resolve_command(ctx, args)

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f".commands.{cmd_name}", __package__)
        own: typer.Typer | None = getattr(module, "app", None)
        if own is None:
            own = typer.Typer(
                add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None
            )
            kind: type[TyperCommand] = getattr(module, "COMMAND", TyperCommand)
            own.command(cmd_name, cls=kind, epilog=module.EXAMPLES)(getattr(module, cmd_name))
        if len(own.registered_commands) > 1 and not isinstance(own.info.cls, type):
            own.info.cls = SubCommands
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
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": HELP},
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


def asked_for_help(arguments: list[str]) -> str | None:
    """The help that is wanted, if only names of commands come before `--help`. Typer's own way to
    it loads pydantic first, which takes longer than all the rest."""
    if not any(one in HELP for one in arguments):
        return None
    command = typer.main.get_command(app)
    ctx = typer.Context(command, info_name=app.info.name, **command.context_settings)
    for argument in arguments:
        if argument in HELP:
            return command.get_help(ctx)
        found = command.get_command(ctx, argument) if isinstance(command, TyperGroup) else None
        if found is None:
            return None
        command = found
        ctx = typer.Context(command, parent=ctx, info_name=argument, **command.context_settings)
    return None


def prepare_output() -> None:
    """What standard output or error cannot encode is escaped, so that no guest's words end a
    command with a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def main() -> None:
    prepare_output()
    try:
        wanted = asked_for_help(sys.argv[1:])
        if wanted is None:
            app(prog_name="guestd")
        else:
            print(wanted, flush=True)
    except BrokenPipeError:
        sys.exit(unread())
    except Exception as error:
        sys.exit(failed(error))
