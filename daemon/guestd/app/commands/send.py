"""`guestd send SESSION TEXT`: say something as a guest of a running daemon."""

from __future__ import annotations

import shlex
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from ...model.errors import GuestdError
from ..control_words import session_path
from .client_options import (
    DEFAULT_URL,
    REFUSED,
    AsJson,
    Json,
    Key,
    Socket,
    TokenFile,
    Url,
    duration,
    show,
    show_facts,
    talk,
)

if TYPE_CHECKING:
    from ..control_client import ControlClient

EXAMPLES = """Examples:

guestd send ana "Where is my parcel?"

echo "Where is my parcel?" | guestd send ana - --id question-1    the same --id: sent once

guestd send ana hello --when-down reject    not_ready, as programs get it while it is disconnected

Exit codes: 0 confirmed by the platform (webchat, which confirms nothing: sent), or accepted with
--wait 0; 1 refused, failed, uncertain, or not confirmed in time; 2 usage; 69 no daemon."""

PAUSES_S = (0.02, 0.05, 0.1, 0.2)


class _OneText(TyperCommand):
    """Says how a text of several words is written."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ctx.allow_extra_args = True
        more = super().parse_args(ctx, args)
        if more and not ctx.resilient_parsing:
            session, text = ctx.params["session"], " ".join([ctx.params["text"], *more])
            command = shlex.join(["guestd", "send", session, text])
            ctx.fail(f"there is more than one text; put the text in quotes: {command}")
        return more


#: Of what kind `cli.py` makes this command.
COMMAND = _OneText


class WhenDown(StrEnum):
    queue = "queue"
    reject = "reject"


class NotConfirmed(GuestdError):
    code = "not_confirmed"
    exit_code = REFUSED


def send(
    session: Annotated[str, typer.Argument(help="The guest session's name, or its id.")],
    text: Annotated[str, typer.Argument(help="What to say; - reads it from standard input.")],
    key: Key = None,
    wait: Annotated[
        str, typer.Option(help="How long to wait for the platform's confirmation.")
    ] = "15s",
    when_down: Annotated[
        WhenDown | None,
        typer.Option(
            help="While the session's connection is lost: let the message wait, or have it refused"
            " with not_ready. If left out: queue; with --wait 0 what messages.when_down of the"
            " daemon says."
        ),
    ] = None,
    url: Url = DEFAULT_URL,
    socket: Socket = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Say something, and wait until the platform has confirmed it. While the guest session has no
    connection the message waits, whatever messages.when_down says; --when-down reject has it
    refused."""
    wait_s = duration(wait)
    body: Json = {"text": sys.stdin.read().rstrip("\n") if text == "-" else text}
    if key is not None:
        body["command_id"] = key
    if when_down is None and wait_s:
        when_down = WhenDown.queue  # who waits for the confirmation waits for the connection, too
    if when_down is not None:
        body["when_down"] = when_down.value

    async def work(client: ControlClient) -> int:
        accepted = await client.ask("POST", session_path(session, "/messages"), body)
        if not wait_s:
            show({**accepted, "status": "accepted"}, as_json, show_facts)
            return 0
        found = await _settled(client, accepted, wait_s)
        show(found, as_json, show_facts)
        if found["status"] == "accepted":
            raise NotConfirmed(
                f"the platform has not confirmed it within {wait}; it is safe with guestd and goes"
                f" on: the same again with --id {found['command_id']} waits for it once more"
            )
        return 0 if found["status"] in ("confirmed", "sent") else REFUSED

    talk(url, socket, token_file, as_json, work)


async def _settled(client: ControlClient, accepted: Json, wait_s: float) -> Json:
    """What became of it, or that it is still under way when the time is over."""
    import asyncio

    path = session_path(accepted["session_id"], f"/commands/{accepted['command_id']}")
    loop = asyncio.get_running_loop()
    deadline = loop.time() + wait_s
    pauses = iter(PAUSES_S)
    while True:
        found = await client.ask("GET", path, query={"after": max(0, accepted["seq"] - 1)})
        if found["status"] != "accepted" or loop.time() >= deadline:
            return found
        await asyncio.sleep(next(pauses, PAUSES_S[-1]))
