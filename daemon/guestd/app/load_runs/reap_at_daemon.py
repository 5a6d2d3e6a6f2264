"""Ends what a killed run has left open at a running daemon: the sessions with the run's mark."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from ...load.run.driver import RUN_ATTRIBUTE
from ...load.run.reaping import PATIENCE_S, ReapCounts
from ...load.run.session_tokens import LeftOpen
from ..commands.client_options import token_of
from ..control_client import ApiAddress, ApiRefusal, ControlClient
from ..control_words import session_path

LOOK_EVERY_S = 0.2
START_IT = "start that guestd serve, and try again"


async def reap_at_daemon(
    left: LeftOpen, token_file: Path | None, was_over: Callable[[str], None]
) -> ReapCounts:
    """The tokens are names of guest sessions; those that the daemon does not have any more are over
    already. Raises ApiRefusal, PlatformUnavailable."""
    own = Path(left.target.token_file) if left.target.token_file else None
    address = ApiAddress(left.target.daemon, None, token_of(token_file or own))
    counts = ReapCounts()
    async with ControlClient(address, remedy=START_IT) as client:
        found = await _open(client, left.target.run_id)
        counts.over = len(set(left.tokens) - set(found))
        for session_id in found.values():
            await _end(client, session_id)
        open_ = await _waited(client, left.target.run_id)
        for name in left.tokens:
            if name not in open_:
                was_over(name)
        counts.failed = len(open_)
        counts.ended = len(found) - len(open_)
    return counts


async def _waited(client: ControlClient, run_id: str) -> dict[str, str]:
    """What is still open when all are over, or the time is."""
    loop = asyncio.get_running_loop()
    until = loop.time() + PATIENCE_S
    while True:
        found = await _open(client, run_id)
        if not found or loop.time() > until:
            return found
        await asyncio.sleep(LOOK_EVERY_S)


async def _open(client: ControlClient, run_id: str) -> dict[str, str]:
    """Ids of guest sessions, by name."""
    found: dict[str, str] = {}
    after: str | None = ""
    while after is not None:
        query: dict[str, str | int] = {"q": f"{RUN_ATTRIBUTE}:{run_id}", "after": after}
        page = await client.ask(
            "GET", "/v1/sessions", query={**query, "fields": "name", "limit": 1000}
        )
        found |= {one["name"]: one["session_id"] for one in page["sessions"]}
        after = page["next"]
    return found


async def _end(client: ControlClient, session_id: str) -> None:
    try:
        await client.ask("DELETE", session_path(session_id), headers={"Idempotency-Key": "reap"})
    except ApiRefusal as refusal:
        if refusal.problem_document.get("code") not in ("not_found", "ended"):
            raise
