"""`guestd console`: the address of a running daemon's console, ready to be opened."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from ..daemon_address import daemon_url
from .client_options import DEFAULT_URL, AsJson, Json, Socket, TokenFile, Url, show, talk

if TYPE_CHECKING:
    from ..control_client import ControlClient

EXAMPLES = """Examples:

guestd console --open

guestd console --socket ./api.sock

guestd console --url http://192.168.1.5:3000 --token-file token

Where a token is set the address holds a ticket: it opens the console once, within a minute.

Exit codes: 0 done, 1 the daemon refused, 2 usage, 69 no daemon answers."""


def console(
    open_it: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    url: Url = DEFAULT_URL,
    socket: Socket = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Print the address of the console, which shows conversations, frames and waits in a
    browser."""

    async def work(client: ControlClient) -> int | None:
        found = await client.ask("POST", "/v1/console/tickets")
        if socket is None:  # else the daemon's own address, as this machine sees it
            found["url"] = f"{daemon_url(url)}/{found['fragment']}"
        show(found, as_json, _print)
        if open_it and not _opened(str(found["url"])):
            print("no browser could be opened; open the address yourself", file=sys.stderr)
        return None

    talk(url, socket, token_file, as_json, work)


def _print(found: Json) -> None:
    print(found["url"], flush=True)


def _opened(url: str) -> bool:
    import webbrowser

    return webbrowser.open(url)
