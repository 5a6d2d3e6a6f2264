"""Reading commands are given the name of a guest session: of the living one, else of the newest
that has ended under that name, which is said."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ...observe.terminal_text import one_line
from ..control_words import session_path
from .client_options import Json
from .readable import ago

if TYPE_CHECKING:
    from ..control_client import ApiRefusal, ControlClient


async def read_newest(
    client: ControlClient, session: str, more: str, read: Callable[[str], Awaitable[None]]
) -> None:
    """`read` the path of the living session, or of the newest that has ended. Raises ApiRefusal,
    for an unknown name too."""
    from ..control_client import ApiRefusal

    try:
        await read(session_path(session, more))
    except ApiRefusal as refusal:
        if refusal.problem_document.get("code") != "not_found":
            raise
        ended = await newest_ended(client, session)
        if ended is None:
            await say_if_none_is_kept(client)
        if ended is None or ended["session_id"] == session:
            raise
        say_ended(session, ended)
        await read(session_path(ended["session_id"], more))


async def newest_ended(client: ControlClient, session: str) -> Json | None:
    """By name, or by id."""
    for key in ("name", "ids"):
        query: dict[str, str | int] = {"ended": "only", "sort": "activity", "limit": 1}
        page = await client.ask("GET", "/v1/sessions", query={**query, key: session})
        if page["sessions"]:
            newest: Json = page["sessions"][0]
            return newest
    return None


async def refuse_ended(client: ControlClient, session: str, refusal: ApiRefusal, why: str) -> None:
    """`refusal` was of a command that only a living session can answer: raises one that says so of
    a session that has ended, and where to read on."""
    if refusal.problem_document.get("code") != "not_found":
        return
    ended = await newest_ended(client, session)
    if ended is not None:
        when = ago(ended.get("ended_at"), datetime.now(UTC))
        detail = (
            f"{session} has ended, {when} ago, and {why}; guestd sessions transcript {session}"
            " shows its conversation"
        )
        raise type(refusal)({**refusal.problem_document, "code": "ended", "detail": detail})


async def say_if_none_is_kept(client: ControlClient) -> None:
    """Where nothing of what has ended can be found: why, if the journal is in memory."""
    if (await client.ask("GET", "/v1/info")).get("journal") == "memory":
        print(
            "guestd: note: this daemon keeps nothing of what has ended: journal.directory is not"
            " set",
            file=sys.stderr,
        )


def say_ended(session: str, ended: Json) -> None:
    when = ago(ended.get("ended_at"), datetime.now(UTC))
    line = f"{session} has ended, {when} ago; this is its newest session, {ended['session_id']}"
    print(f"guestd: {one_line(line)}", file=sys.stderr)
