"""`guestd operations list | show | start | end`: the platform's REST side, through a running
daemon."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer

from ..exit_codes import DAMAGED
from .client_options import (
    DEFAULT_URL,
    AsJson,
    Json,
    Key,
    Socket,
    TokenFile,
    Url,
    duration,
    show,
    show_facts,
    show_table,
    talk,
)
from .readable import with_readable_times

if TYPE_CHECKING:
    from ..control_client import ControlClient

EXAMPLES = """Examples:

guestd operations list

guestd operations start guest --file guest.json --id guest-1 --wait 30s

guestd operations show guest guest-1

Exit codes: 0 done or under way, 1 refused, failed or uncertain, 2 usage, 69 no daemon answers."""

app = typer.Typer(
    help="Guests, messaging sessions, injections, prompts, adoption.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    epilog=EXAMPLES,
)

#: By kind, and the kinds that can be ended: as operations/workflows.py has them, which takes longer
#: to load than the help may take.
PATHS = {
    "guest": "/v1/guests",
    "messaging": "/v1/messaging-sessions",
    "injection": "/v1/injections",
    "prompt": "/v1/prompts",
    "adoption": "/v1/adoption",
}
ENDING = ("messaging", "prompt")

Kind = Annotated[str, typer.Argument(help=f"One of {', '.join(PATHS)}.")]
Wait = Annotated[
    str, typer.Option(help="How long to wait for its end; it goes on without us after that.")
]


@app.command("list")
def list_(
    kind: Annotated[str | None, typer.Option(help=f"Only one kind: {', '.join(PATHS)}.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 100,
    url: Url = DEFAULT_URL,
    socket: Socket = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Those under way and those lately over, newest first."""
    path = _path(kind) if kind is not None else "/v1/operations"

    async def work(client: ControlClient) -> None:
        found = await client.ask("GET", path, query={"limit": limit})
        rows = [
            (one["operation_id"], one["kind"], one["status"], one["step"], _started(one))
            for one in found["operations"]
        ]
        columns = ("id", "kind", "status", "step", "started")
        show(found, as_json, lambda _: show_table(columns, rows))

    talk(url, socket, token_file, as_json, work)


@app.command("show")
def show_(
    kind: Kind,
    operation: str,
    url: Url = DEFAULT_URL,
    socket: Socket = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """One of them, with its result or its problem."""
    path = f"{_path(kind)}/{quote(operation, safe='')}"

    async def work(client: ControlClient) -> None:
        show(await client.ask("GET", path), as_json, show_facts)

    talk(url, socket, token_file, as_json, work)


@app.command("start")
def start(
    kind: Kind,
    file: Annotated[
        Path, typer.Option("--file", "-f", help="The request as JSON; - reads standard input.")
    ],
    key: Key = None,
    wait: Wait = "30s",
    url: Url = DEFAULT_URL,
    socket: Socket = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Begin one. The same --id and request again are the same operation."""
    begin(kind, read_json(file), key, wait, url, socket, token_file, as_json)


@app.command("end")
def end(
    kind: Kind,
    operation: str,
    wait: Wait = "30s",
    url: Url = DEFAULT_URL,
    socket: Socket = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """End a messaging session, or give up a deferred prompt, and show it when it is over."""
    path, wait_s = f"{_path(kind)}/{quote(operation, safe='')}", duration(wait)
    if kind not in ENDING:
        raise typer.BadParameter(
            f"{kind!r} must be one of {', '.join(ENDING)}; the others end by themselves"
        )

    async def work(client: ControlClient) -> int:
        found = await client.ask("DELETE", path, query={"wait": f"{wait_s:g}s"})
        return _shown(found, as_json)

    talk(url, socket, token_file, as_json, work)


def begin(
    kind: str,
    request: Json,
    key: str | None,
    wait: str,
    url: str,
    socket: Path | None,
    token_file: Path | None,
    as_json: bool,
) -> None:
    """Begin an operation, wait for its end, show it."""
    path, wait_s = _path(kind), duration(wait)
    body = request if key is None else {**request, "operation_id": key}

    async def work(client: ControlClient) -> int:
        return _shown(await client.ask("POST", path, body, {"wait": f"{wait_s:g}s"}), as_json)

    talk(url, socket, token_file, as_json, work)


def _shown(found: Json, as_json: bool) -> int:
    """The exit code: a program must not take what failed, or may not have been done, for done."""
    show(found, as_json, show_facts)
    return DAMAGED if found["status"] in ("failed", "uncertain") else 0


def read_json(path: Path) -> Json:
    """A JSON object from a file or standard input; anything else is wrong usage."""
    hint = "--file"
    try:
        found: Any = json.loads(sys.stdin.read() if str(path) == "-" else path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not text"
        raise typer.BadParameter(f"{path} cannot be read: {why}", param_hint=hint) from None
    except (ValueError, RecursionError) as error:
        raise typer.BadParameter(
            f"{path} is not JSON: {str(error)[:100]}", param_hint=hint
        ) from None
    if not isinstance(found, dict):
        raise typer.BadParameter(f"{path} is not a JSON object", param_hint=hint)
    return found


def _started(one: Json) -> str:
    return str(with_readable_times({"started_ms": one.get("started_ms")}).get("started", "-"))


def _path(kind: str) -> str:
    if kind not in PATHS:
        raise typer.BadParameter(f"{kind!r} must be one of {', '.join(PATHS)}")
    return PATHS[kind]
