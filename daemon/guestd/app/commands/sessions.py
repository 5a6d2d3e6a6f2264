"""`guestd sessions list | open | show | end | stats | transcript | follow`: the guest sessions of a
running daemon."""

from __future__ import annotations

import difflib
import functools
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..control_words import session_path
from .client_options import (
    DEFAULT_URL,
    AsJson,
    Json,
    Socket,
    TokenFile,
    Url,
    duration,
    show,
    show_facts,
    show_table,
    talk,
    watch_table,
)
from .completions import one_of
from .ended_session import newest_ended, read_newest, say_ended, say_if_none_is_kept
from .readable import ago, local_time, parsed, span, until
from .transcript_lines import TranscriptLines

if TYPE_CHECKING:
    from ..control_client import ControlClient

EXAMPLES = """Examples:

guestd sessions open ana

guestd sessions list --watch

guestd sessions list --ended

guestd sessions follow ana --json

guestd sessions stats

Exit codes: 0 done (follow and --watch: also by Ctrl-C), 1 the daemon refused, 2 usage, 69 no
daemon answers (to --watch: at its start; later it is waited for)."""

app = typer.Typer(
    help="The guest sessions of a running daemon.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    epilog=EXAMPLES,
)

Session = Annotated[str, typer.Argument(help="Its name, or its id.")]
After = Annotated[int, typer.Option(min=0, help="Only what came after this seq.")]


STATES = ("waiting", "dialing", "joining", "live", "resting", "leaving")
COLUMNS = ("name", "state", "seq", "id", "age", "expires in", "last message")
ENDED_COLUMNS = ("name", "state", "seq", "id", "ended", "ago", "lived")
#: Where the terminal is narrow: a name and an id are for copying.
MAY_GO = ("expires in", "age", "seq", "last message")
ENDED_MAY_GO = ("state", "ago", "seq", "lived", "ended")
WATCH_S = 2.0
#: Of a transcript for a person.
TRANSCRIPT = ("message", "presence", "gap", "accepted", "delivery")


@app.command("list", epilog="Example:\n\nguestd sessions list --state resting --watch")
def list_(
    state: Annotated[
        str,
        typer.Option(
            help=f"Only those {', '.join(STATES)}.", autocompletion=one_of(*STATES, "ended")
        ),
    ] = "",
    search: Annotated[
        str, typer.Option(help="Only those whose name, id or attributes have these words.")
    ] = "",
    ended: Annotated[
        bool,
        typer.Option("--ended", help="Those that are over, of a journal on disk."),
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Again every two seconds, until q or Ctrl-C.")
    ] = False,
    url: Url = DEFAULT_URL,
    socket: Socket = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """The living ones, opened last first. A narrow terminal shows fewer columns; --json has
    all. "last message" is known since the daemon started."""
    ended = ended or state == "ended"
    if state and state not in (*STATES, "ended"):
        near = difflib.get_close_matches(state, STATES, n=1)
        meant = f"did you mean {near[0]}?" if near else f"use one of {', '.join(STATES)}"
        raise typer.BadParameter(f"there is no state {state!r}; {meant}", param_hint="--state")
    query: dict[str, str | int] = {"q": search, "sort": "opened"}
    query |= {"ended": "only", "sort": "activity"} if ended else {"state": state}
    columns, may_go, cells = (
        (ENDED_COLUMNS, ENDED_MAY_GO, _ended_cells) if ended else (COLUMNS, MAY_GO, _cells)
    )

    def rows(found: Json) -> list[Sequence[Any]]:
        now = datetime.now(UTC)
        return [cells(one, now) for one in found["sessions"]]

    async def work(client: ControlClient) -> None:
        if watch:
            ask = functools.partial(_all, client, query)
            await watch_table(columns, WATCH_S, ask, rows, client.place, may_go)
            return
        found = await _all(client, query)
        if ended and not found["sessions"]:
            await say_if_none_is_kept(client)
        show(found, as_json, lambda _: show_table(columns, rows(found), may_go))

    if watch and (as_json or not sys.stdout.isatty()):
        raise typer.BadParameter("needs a terminal, and no --json", param_hint="--watch")
    talk(url, socket, token_file, as_json, work, watches=watch)


async def _all(client: ControlClient, query: dict[str, str | int]) -> Json:
    found: list[Json] = []
    after: str | None = ""
    while after is not None:
        page = await client.ask(
            "GET", "/v1/sessions", query={**query, "after": after, "limit": 1000}
        )
        found += page["sessions"]
        after = page["next"]
    return {"sessions": found}


def _cells(one: Json, now: datetime) -> Sequence[Any]:
    age, last = ago(one.get("opened_at"), now), ago(one.get("last_message_at"), now)
    ends = until(one.get("ends_at"), now)
    return one["name"], one["state"], one["seq"], one["session_id"], age, ends, last


def _ended_cells(one: Json, now: datetime) -> Sequence[Any]:
    ended = one.get("ended_at")
    opened, over = parsed(one.get("opened_at")), parsed(ended)
    lived = span((over - opened).total_seconds()) if opened and over else "-"
    when = local_time(ended)
    return one["name"], one["state"], one["seq"], one["session_id"], when, ago(ended, now), lived


@app.command(
    "open", epilog="Example:\n\nguestd sessions open ana --attribute tier=gold --duration 30m"
)
def open_(
    name: Annotated[
        str | None, typer.Argument(help="Its name; generated if left out, but webchat needs one.")
    ] = None,
    email: Annotated[str, typer.Option(help="webchat needs one.")] = "",
    attribute: Annotated[
        list[str] | None, typer.Option(help="A custom attribute, key=value; repeatable.")
    ] = None,
    life: Annotated[str | None, typer.Option("--duration", help="Its life, such as 30m.")] = None,
    url: Url = DEFAULT_URL,
    socket: Socket = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Open one; it is durable when this returns."""
    body: Json = {"email": email, "attributes": dict(_pair(one) for one in attribute or ())}
    if name is not None:
        body["name"] = name
    if life is not None:
        body["duration_s"] = duration(life)

    async def work(client: ControlClient) -> None:
        show(await client.ask("POST", "/v1/sessions", body), as_json, show_facts)

    talk(url, socket, token_file, as_json, work)


@app.command("show")
def show_(
    session: Session,
    url: Url = DEFAULT_URL,
    socket: Socket = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """One of them; of the newest that has ended, if none of that name lives."""
    from ..control_client import ApiRefusal

    async def work(client: ControlClient) -> None:
        try:
            found = await client.ask("GET", session_path(session))
        except ApiRefusal as refusal:
            ended = await newest_ended(client, session)
            if ended is None:
                await say_if_none_is_kept(client)
            if ended is None or refusal.problem_document.get("code") != "not_found":
                raise
            say_ended(session, ended)
            found = ended
        show(found, as_json, show_facts)

    talk(url, socket, token_file, as_json, work)


@app.command("end")
def end(
    session: Session,
    url: Url = DEFAULT_URL,
    socket: Socket = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """End one in an orderly way: the platform is told."""

    async def work(client: ControlClient) -> None:
        found = await client.ask("DELETE", session_path(session))
        show(found, as_json, lambda _: print(f"{session} will end"))

    talk(url, socket, token_file, as_json, work)


@app.command("stats")
def stats(
    url: Url = DEFAULT_URL,
    socket: Socket = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Figures since the start of the daemon: average sync latency (webhooks delivered),
    disconnection rate and total sessions, guest sessions and REST messaging sessions together and
    each."""

    async def work(client: ControlClient) -> None:
        show(await client.ask("GET", "/v1/stats"), as_json, _tell_stats)

    talk(url, socket, token_file, as_json, work)


def _tell_stats(found: Json) -> None:
    living = sum(found["guest_sessions"].values())
    states = ", ".join(
        f"{count} {state}" for state, count in sorted(found["guest_sessions"].items())
    )
    rows = [
        (
            "average sync latency",
            f"{found['average_sync_latency_ms']:.3f} ms",
            f"{found['syncs']} webhooks delivered",
        ),
        (
            "disconnection rate",
            f"{found['disconnection_rate']:.4f}",
            f"{found['disconnections']} disconnections of {found['total_sessions']} sessions",
        ),
        (
            "total sessions",
            str(found["total_sessions"]),
            f"{found['guest_sessions_total']} guest sessions,"
            f" {found['messaging_sessions_total']} REST messaging sessions",
        ),
        (
            "guest sessions",
            str(found["guest_sessions_total"]),
            f"{found['guest_sessions_ended']} ended, {living} now"
            + (f" ({states})" if states else ""),
        ),
        (
            "REST messaging sessions",
            str(found["messaging_sessions_total"]),
            f"{found['messaging_sessions_ended']} ended, {found['messaging_sessions']} now",
        ),
        ("failed calls", str(found["failed_calls"]["total"]), _by_kind(found["failed_calls"])),
        (
            "failed attempts",
            str(found["failed_attempts"]["total"]),
            _by_kind(found["failed_attempts"]),
        ),
        (
            "token validation failures",
            f"{found['token_validation_failure_ratio']:.4f}",
            f"{found['tokens_judged']} guest tokens",
        ),
    ]
    show_table(("figure", "value", "of"), rows)


def _by_kind(counts: Json) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in counts.items() if kind != "total")


@app.command("transcript")
def transcript(
    session: Session,
    after: After = 0,
    url: Url = DEFAULT_URL,
    socket: Socket = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """The conversation so far, in order, with what failed or is uncertain; of the newest that has
    ended, if none of that name lives. With --json a line for each message, presence and gap."""
    name = "messages" if as_json else "events"

    async def work(client: ControlClient) -> None:
        await read_newest(client, session, f"/{name}", lambda path: read(client, path))

    async def read(client: ControlClient, path: str) -> None:
        seq, more, lines = after, True, TranscriptLines()
        while more:
            page = await client.ask("GET", path, query={"after": seq, "limit": 1000})
            for event in page[name]:
                if as_json or event["kind"] in TRANSCRIPT:
                    show(event, as_json, lambda one: _print(lines, one))
            seq, more = page["next"], page["more"]

    talk(url, socket, token_file, as_json, work)


@app.command("follow")
def follow(
    session: Session,
    after: After = 0,
    url: Url = DEFAULT_URL,
    socket: Socket = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """What happens, as it happens, until the guest session ends or Ctrl-C; what happened, if it has
    ended. With --json a line for each event."""

    async def work(client: ControlClient) -> None:
        await read_newest(client, session, "/events", lambda path: read(client, path))

    async def read(client: ControlClient, path: str) -> None:
        lines = TranscriptLines()
        async for event in client.follow(path, after):
            show(event, as_json, lambda one: _print(lines, one))

    talk(url, socket, token_file, as_json, work, watches=True)


def _print(lines: TranscriptLines, event: Json) -> None:
    for line in lines.lines(event):
        print(line, flush=True)


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise typer.BadParameter(f"{text!r} is not key=value", param_hint="--attribute")
    return key, value
