"""`guestd top`: a running daemon's guest sessions, rates and waits, live."""

from __future__ import annotations

import functools
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .client_options import (
    DEFAULT_URL,
    Json,
    Socket,
    TokenFile,
    Url,
    duration,
    talk,
)
from .fitted_table import FittedTable
from .readable import ago, lost_line, until, watch_foot

if TYPE_CHECKING:
    from rich.console import Group

    from ..control_client import ControlClient

EXAMPLES = """Examples:

guestd top

guestd top --every 5s

Other programs read guestd sessions stats --json, or /metrics.

Exit codes: 0 q or Ctrl-C, 1 the daemon refused, 2 usage, 69 no daemon answers at the
start; later it is waited for."""

COLUMNS = ("guest", "state", "age", "expires in", "last message", "events")
#: Where the terminal is narrow.
MAY_GO = ("expires in", "age", "events", "last message")
FIELDS = "name,state,seq,opened_at,ends_at,last_message_at,last_activity_at"
#: Of the table; a screen shows what fits.
SESSIONS_MAX = 1000
#: Above the table and below it.
HEAD_LINES, FOOT_LINES = 6, 1


def top(
    ctx: typer.Context,
    every: Annotated[str, typer.Option(help="How often it is asked.")] = "2s",
    url: Url = DEFAULT_URL,
    socket: Socket = None,
    token_file: TokenFile = None,
) -> None:
    """The guest sessions in which something happened last, messages a second and how long the
    platform takes, until q or Ctrl-C."""
    every_s = max(0.5, duration(every, "--every"))
    if not sys.stdout.isatty():
        ctx.fail("guestd top needs a terminal; for scripts: guestd sessions list --json")

    async def work(client: ControlClient) -> None:
        from rich.live import Live

        from .watching import keep_looking, until_q

        rates = Rates()

        def rows() -> int:
            room = screen.console.height - HEAD_LINES - FOOT_LINES
            return min(max(1, room), SESSIONS_MAX)

        async def look() -> tuple[Json, Json]:
            health = await client.ask("GET", "/healthz")
            query: dict[str, str | int] = {"limit": rows(), "sort": "activity", "fields": FIELDS}
            page = await client.ask("GET", "/v1/sessions", query=query)
            rates.note(health, time.monotonic())
            return health, page

        def draw(found: tuple[Json, Json], lost_since: str) -> Group:
            now = datetime.now(UTC)
            return picture(client.place, *found, rates, rows(), now, lost_since)

        with Live(auto_refresh=False, screen=True) as screen:
            show = functools.partial(screen.update, refresh=True)
            await until_q(keep_looking(look, draw, show, every_s))

    talk(url, socket, token_file, False, work, watches=True)


class Rates:
    """Messages a second, between one look and the next."""

    def __init__(self) -> None:
        self._last: tuple[float, int, int] | None = None
        self.in_per_s = self.out_per_s = 0.0

    def note(self, health: Json, now: float) -> None:
        seen = now, health["messages_in"], health["messages_out"]
        if self._last is not None and now > self._last[0]:
            span_s = now - self._last[0]
            self.in_per_s = max(0.0, (seen[1] - self._last[1]) / span_s)
            self.out_per_s = max(0.0, (seen[2] - self._last[2]) / span_s)
        self._last = seen


def head_lines(place: str, health: Json, page: Json, rates: Rates) -> list[str]:
    """What holds for all of them, within 80 columns."""
    states = page["counts"]
    waiting = sum(states.get(one, 0) for one in ("waiting", "dialing", "joining"))
    ready = "ready" if health.get("ready") else f"not ready: {health.get('reason', '?')}"
    p99 = health.get("echo_p99_s")
    echo = "-" if p99 is None else f"{p99 * 1000:.0f} ms"
    return [
        f"guestd at {place}, {ready}",
        f"sessions   {health['live']} live, {states.get('resting', 0)} resting,"
        f" {waiting} connecting",
        f"messages   {rates.in_per_s:.1f}/s in, {rates.out_per_s:.1f}/s out;"
        f" {health['messages_in']} in, {health['messages_out']} out",
        f"waits      echo {echo} (99 %); {health['reordered']} reordered,"
        f" {health['gaps_filled']} gaps filled",
        "",
    ]


def picture(
    place: str,
    health: Json,
    page: Json,
    rates: Rates,
    rows: int,
    now: datetime,
    lost_since: str = "",
) -> Group:
    """`lost_since`: since when the daemon does not answer; the figures are of before."""
    from rich.console import Group
    from rich.text import Text

    seen = page["sessions"][:rows]
    table = FittedTable(COLUMNS, [_cells(one, now) for one in seen], MAY_GO)
    foot = watch_foot(sum(page["counts"].values()) - len(seen), lost_since)
    head = [Text(line) for line in head_lines(place, health, page, rates)]
    if lost_since:
        head[0] = Text(lost_line(place), "red")
    return Group(*head, table, Text(foot))


def _cells(one: Json, now: datetime) -> tuple[Any, ...]:
    return (
        one["name"],
        one["state"],
        ago(one.get("opened_at"), now),
        until(one.get("ends_at"), now),
        ago(one.get("last_message_at"), now),
        one["seq"],
    )
