"""`guestd sessions list | open | show | end | stats | transcript | follow`: the guest sessions of a
running daemon."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ...observe.terminal_text import one_line
from ..control_client import ControlClient, platform_facts, session_path
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
)

EXAMPLES = """Examples:

guestd sessions open ana

guestd sessions list

guestd sessions follow ana --json

guestd sessions stats

Exit codes: 0 done, 1 the daemon refused, 2 usage, 69 no daemon answers."""

app = typer.Typer(
    help="The guest sessions of a running daemon.",
    no_args_is_help=True,
    add_completion=False,
    epilog=EXAMPLES,
)

Session = Annotated[str, typer.Argument(help="Its name, or its id.")]
After = Annotated[int, typer.Option(min=0, help="Only what came after this seq.")]


@app.command("list")
def list_(
    state: Annotated[str, typer.Option(help="Only those in this state, such as live.")] = "",
    url: Url = DEFAULT_URL,
    socket: Socket = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """The living ones."""

    async def work(client: ControlClient) -> None:
        found: list[Json] = []
        after: str | None = ""
        while after is not None:
            page = await client.ask(
                "GET", "/v1/sessions", query={"state": state, "after": after, "limit": 1000}
            )
            found += page["sessions"]
            after = page["next"]
        rows = [(one["name"], one["state"], one["seq"], one["session_id"]) for one in found]
        show(
            {"sessions": found}, as_json, lambda _: show_table(("name", "state", "seq", "id"), rows)
        )

    talk(url, socket, token_file, as_json, work)


@app.command(
    "open", epilog="Example:\n\nguestd sessions open ana --attribute tier=gold --duration 30m"
)
def open_(
    name: Annotated[str | None, typer.Argument(help="Its name; generated if left out.")] = None,
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
    """One of them."""

    async def work(client: ControlClient) -> None:
        show(await client.ask("GET", session_path(session)), as_json, show_facts)

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
    ]
    show_table(("figure", "value", "of"), rows)


@app.command("transcript")
def transcript(
    session: Session,
    after: After = 0,
    url: Url = DEFAULT_URL,
    socket: Socket = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """The conversation so far, in order. With --json a line for each event."""

    async def work(client: ControlClient) -> None:
        seq, more = after, True
        while more:
            page = await client.ask(
                "GET", session_path(session, "/messages"), query={"after": seq, "limit": 1000}
            )
            for event in page["messages"]:
                show(event, as_json, _tell)
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
    """What happens, as it happens, until the guest session ends or Ctrl-C. With --json a line for
    each event."""

    async def work(client: ControlClient) -> None:
        async for event in client.follow(session_path(session, "/events"), after):
            show(event, as_json, _tell)

    talk(url, socket, token_file, as_json, work)


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise typer.BadParameter(f"{text!r} is not key=value", param_hint="--attribute")
    return key, value


def _tell(event: dict[str, Any]) -> None:
    match event.get("kind"):
        case "message":
            who = "guest" if event["direction"] == "Inbound" else event["sender"] or "agent"
            line = f"{who}: {event['text']}"
        case "presence":
            line = f"({event['presence']})"
        case "gap":
            line = f"(messages may be missing here: {event['reason']})"
        case "session":
            line = f"(session {event['state']}{': ' if event['reason'] else ''}{event['reason']})"
        case "delivery":
            told = filter(None, (event["reason"], platform_facts(event)))
            line = f"({': '.join((event['command_id'], event['status'], *told))})"
        case _:
            return
    print(f"{event['seq']:>6}  {one_line(line)}", flush=True)
