"""The command line: `guestd serve | emulate | chat | sessions | send | inject | prompt | operations | config | journal | …`."""

from __future__ import annotations

from typing import Annotated

import typer

from .. import __version__
from .commands import audit, chat, config, emulate, inject, journal, operations, prompt, send, serve, sessions, webhooks

EPILOG = """Examples:

guestd serve --demo 25

guestd chat

guestd emulate --port 8443 --tls-dir ./tls

Exit codes: 0 done, 1 refused by the daemon, 2 usage, 69 platform, 70 internal, 74 journal, 78 configuration, 130 interrupted."""

app = typer.Typer(
    name="guestd",
    help="Keeps guest sessions of Genesys Cloud web messaging alive, with an emulator of the platform built in.",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.command("serve", epilog=serve.EXAMPLES)(serve.serve)
app.command("emulate", epilog=emulate.EXAMPLES)(emulate.emulate)
app.command("chat", epilog=chat.EXAMPLES)(chat.chat)
app.command("send", epilog=send.EXAMPLES)(send.send)
app.command("inject", epilog=inject.EXAMPLES)(inject.inject)
app.command("prompt", epilog=prompt.EXAMPLES)(prompt.prompt)
app.add_typer(sessions.app, name="sessions")
app.add_typer(operations.app, name="operations")
app.add_typer(config.app, name="config")
app.add_typer(journal.app, name="journal")
app.add_typer(webhooks.app, name="webhooks")
app.add_typer(audit.app, name="audit")


def _version(wanted: bool) -> None:
    if wanted:
        print(f"guestd {__version__}")
        raise typer.Exit


@app.callback()
def guestd(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version and go.")
    ] = False,
) -> None:
    pass


def main() -> None:
    app(prog_name="guestd")
