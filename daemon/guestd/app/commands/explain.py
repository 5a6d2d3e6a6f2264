"""`guestd explain NAME`: what a guest session of a running daemon waits for, and why."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from ...observe.terminal_text import one_line
from ..control_words import session_path
from .client_options import DEFAULT_URL, AsJson, Json, Socket, TokenFile, Url, show, talk
from .ended_session import refuse_ended
from .readable import ago, local_time, until

if TYPE_CHECKING:
    from ..control_client import ControlClient

EXAMPLES = """Examples:

guestd explain ana

guestd explain ana --json

Exit codes: 0 done, 1 the daemon refused, 2 usage, 69 no daemon answers."""


def explain(
    session: Annotated[str, typer.Argument(help="Its name, or its id.")],
    url: Url = DEFAULT_URL,
    socket: Socket = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Say what a guest session waits for, and why."""

    from ..control_client import ApiRefusal

    async def work(client: ControlClient) -> None:
        try:
            found = await client.ask("GET", session_path(session, "/explain"))
        except ApiRefusal as refusal:
            await refuse_ended(client, session, refusal, "waits for nothing")
            raise
        show(found, as_json, _tell)

    talk(url, socket, token_file, as_json, work)


def _tell(found: Json) -> None:
    now = datetime.now(UTC)
    since = f", for {ago(found['since'], now)}" if found["since"] else ""
    print(one_line(f"{found['name']} ({found['session_id']}) is {found['state']}{since}."))
    for wait in found["waits_for"]:
        print(f"\n{one_line(wait['sentence'])}\n  {one_line(wait['detail'])}")
    if not found["waits_for"]:
        print(f"\n{found['sentence']}")
    print()
    facts = list(_facts(found, now))
    width = max(len(name) for name, _ in facts)
    for name, said in facts:
        print(f"{name.ljust(width)}  {one_line(said)}")


def _facts(found: Json, now: datetime) -> Iterator[tuple[str, str]]:
    connection, beat, hold = found["connection"], found["heartbeat"], found["hold"]
    yield "connection", _connection(connection, now)
    if (last := connection["last_close"]) is not None:
        code = f" {last['code']}" if last["code"] is not None else ""
        reason = f" ({last['reason']})" if last["reason"] else ""
        when = ago(last["at"], now)
        yield "last close", f"{last['cause']}{code}{reason}, by {last['by']}, {when} ago"
    if beat["next_at"] is not None:
        took = f", the last took {beat['last_ms']:g} ms" if beat["last_ms"] is not None else ""
        yield "heartbeat", f"in {until(beat['next_at'], now)}{took}"
    for budget in found["buckets"]:
        frees = budget["frees_at"]
        when = f", more in {until(frees, now)}" if frees is not None else ""
        used = f"{budget['used']} of {budget['limit']} used"
        yield budget["name"], f"{used} (of the {budget['by']}){when}"
    yield "held", f"{hold['held']} messages"
    for one in found["unconfirmed"]:
        yield "unconfirmed", f"{one['command_id']} {one['action']}: {one['state']}"
    for one in found["uploads"]:
        yield "upload", f"{one['filename']}: {one['step']}, attempt {one['attempts']}"
    if found["expires_at"] is not None:
        ends = until(found["expires_at"], now)
        yield "ends", f"{local_time(found['expires_at'])}, in {ends}"
    for one in found["connections"]:
        yield "before", f"{local_time(one['from'])} to {local_time(one['to'])}: {one['cause']}"


def _connection(connection: Json, now: datetime) -> str:
    if connection["since"] is None:
        return f"none now, {connection['n']} so far, attempt {connection['tries']}"
    return (
        f"number {connection['n']}, for {ago(connection['since'], now)},"
        f" to {connection['host']} at {connection['address']}"
    )
