"""`guestd frames NAME`: what a guest session of a running daemon says and hears on the platform's
socket."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from ...observe.terminal_text import one_line
from ..control_words import session_path
from .client_options import DEFAULT_URL, AsJson, Json, Socket, TokenFile, Url, show, talk
from .ended_session import refuse_ended

if TYPE_CHECKING:
    from ..control_client import ControlClient

EXAMPLES = """Examples:

guestd frames ana --follow

guestd frames ana --texts --json

The daemon keeps frames from the first time they are asked for.

Exit codes: 0 done, 1 the daemon refused, 2 usage, 69 no daemon answers."""

#: Between two pages that are asked for at once.
PAGE = 200


def frames(
    session: Annotated[str, typer.Argument(help="Its name, or its id.")],
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on until the session ends or Ctrl-C.")
    ] = False,
    texts: Annotated[
        bool, typer.Option("--texts", help="With the frames themselves; no secret is in them.")
    ] = False,
    after: Annotated[int, typer.Option(min=0, help="Only what came after this number.")] = 0,
    url: Url = DEFAULT_URL,
    socket: Socket = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Show the frames of a guest session on the platform's socket, as far as they are kept."""
    from ..control_client import ApiRefusal

    query = {"texts": "true" if texts else "false"}

    async def work(client: ControlClient) -> None:
        try:
            await read(client, session_path(session, "/frames"))
        except ApiRefusal as refusal:
            await refuse_ended(client, session, refusal, "its frames are not kept")
            raise

    async def read(client: ControlClient, path: str) -> None:
        if follow:
            async for frame in client.follow(path, after, "n", query):
                show(frame, as_json, _tell)
            return
        more, last, shown = True, after, 0
        while more:
            page = await client.ask("GET", path, query={**query, "after": last, "limit": PAGE})
            for frame in page["frames"]:
                show(frame, as_json, _tell)
            last, more, shown = page["next"], page["more"], shown + len(page["frames"])
        if not shown and not as_json:
            print("no frame yet; they are kept from now on")

    talk(url, socket, token_file, as_json, work, watches=follow)


def _tell(frame: Json) -> None:
    at = datetime.fromtimestamp(frame["at"] / 1000, UTC).astimezone()
    mark = {"in": "<", "out": ">"}.get(frame["direction"], " ")
    when = f"{at:%H:%M:%S}.{at.microsecond // 1000:03d}"
    print(one_line(f"{when} {mark} {_said(frame)}"), flush=True)


def _said(frame: Json) -> str:
    kind = frame["kind"]
    if kind == "not_kept":
        return f"{frame['count']} frames not kept"
    if kind == "open":
        return f"connection {frame['connection']} open to {frame['host']} at {frame['address']}"
    code = "" if frame["code"] is None else f" {frame['code']}"
    if kind == "close":
        reason = f" ({frame['reason']})" if frame["reason"] else ""
        number, by = frame["connection"], frame["by"]
        return f"connection {number} {frame['class']}{code}{reason}, by {by}"
    said = frame["class"] if kind == "text" else kind
    text = f"  {frame['text']}" if frame.get("text") else ""
    command = f"  {frame['command_id']}" if frame["command_id"] else ""
    return f"{said}{code}  {frame['bytes']} B{command}{text}"
