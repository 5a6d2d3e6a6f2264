"""`guestd inject INTERACTION`: put messages into a running interaction (INJ-1)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .client_options import DEFAULT_URL, AsJson, Json, Key, Socket, TokenFile, Url
from .operations import Wait, begin, read_json

EXAMPLES = """Examples:

guestd inject 5f2c… --message "agent:I found your parcel." --message "system:Case closed."

guestd inject 5f2c… --file messages.json --id injection-1      the same --id again injects only once

Exit codes: 0 done or under way, 1 refused, failed or uncertain, 2 usage, 69 no daemon answers."""

WHO = ("agent", "customer", "bot", "system")


def inject(
    interaction: Annotated[str, typer.Argument(help="The interaction's id.")],
    message: Annotated[
        list[str] | None,
        typer.Option("--message", "-m", help=f"WHO:TEXT, WHO one of {', '.join(WHO)}; repeatable."),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", "-f", help='JSON, {"messages": […]}; - reads standard input.'),
    ] = None,
    key: Key = None,
    wait: Wait = "30s",
    url: Url = DEFAULT_URL,
    socket: Socket = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Inject messages into a running interaction, all or none, and check what came of it."""
    if bool(message) == (file is not None):
        raise typer.BadParameter("give --message, or --file", param_hint="--message")
    request: Json = (
        read_json(file)
        if file is not None
        else {"messages": [_message(one) for one in message or ()]}
    )
    begin(
        "injection",
        {**request, "interactionId": interaction},
        key,
        wait,
        url,
        socket,
        token_file,
        as_json,
    )


def _message(text: str) -> Json:
    who, colon, said = text.partition(":")
    if who not in WHO or not colon:
        raise typer.BadParameter(
            f"{text[:50]!r} does not begin with one of {', '.join(WHO)} and a colon"
        )
    return {"type": "text", "from": who, "text": said.strip()}
