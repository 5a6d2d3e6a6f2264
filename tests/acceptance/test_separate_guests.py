"""Two webchat guests without an e-mail, two agents: neither reads a word of the other, over a kill
-9 too (SIM-4)."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from contextlib import AsyncExitStack

from websockets.asyncio.client import connect

from tests.patience import PATIENCE_S
from tests.ports import free_port

from .forked_daemon import is_alive, listening, until
from .test_restart_while_away import CONFIG, ask

GUESTS = ("alice", "bob")


async def texts_until(frontend, last: str) -> list[str]:
    """The agent's messages, up to that one."""
    texts: list[str] = []
    async with asyncio.timeout(PATIENCE_S):
        while last not in texts:
            found = json.loads(await frontend.recv())
            if found.get("kind") == "message":
                texts.append(found["text"])
    return texts


async def test_sim_4_webchat_guests_without_an_email_are_separate_over_a_restart(
    run, new_life, tmp_path
):
    emulator, port = free_port(), free_port()
    control = f"http://127.0.0.1:{emulator}/__emulator"
    state, config = tmp_path / "state", tmp_path / "guestd.toml"
    state.mkdir()
    config.write_text(CONFIG.format(dialect="webchat", emulator=emulator, state=state))
    run("emulate", "--port", str(emulator), "--no-limits", "--agent", "silent").url()
    frontends: dict[str, object] = {}

    async def start(stack: AsyncExitStack) -> int:
        pid = new_life("serve", "-c", str(config), "--port", str(port))
        await listening(port, pid)
        for guest in GUESTS:
            frontend = connect(f"ws://127.0.0.1:{port}/?guest={guest}&since=0", proxy=None)
            frontends[guest] = await stack.enter_async_context(frontend)
        await until(lambda: states() == ["live"] * len(GUESTS))
        return pid

    def states() -> list[str]:
        return [one["state"] for one in ask(f"http://127.0.0.1:{port}/v1/sessions")["sessions"]]

    def connected() -> dict[str, str]:
        """The token of each guest's conversation at the platform."""
        sessions = ask(f"{control}/state")["sessions"]
        return {one["name"]: token for token, one in sessions.items() if one["connections"]}

    async def heard(when: str) -> list[list[str]]:
        """What each guest hears of what its agent says; where the platform has one conversation for
        both, all is said there."""
        tokens = connected()
        for guest in GUESTS:
            token = tokens.get(guest) or next(iter(tokens.values()))
            ask(f"{control}/say", {"token": token, "text": f"to {guest} {when}"})
        return [await texts_until(frontends[guest], f"to {guest} {when}") for guest in GUESTS]

    async with AsyncExitStack() as stack:
        pid = await start(stack)
        before, tokens = await heard("before"), connected()
        os.kill(pid, signal.SIGKILL)
        await until(lambda: not is_alive(pid))
        await start(stack)
        after = await heard("after")
        assert (before, after, connected()) == (
            [[f"to {guest} before"] for guest in GUESTS],
            [[f"to {guest} before", f"to {guest} after"] for guest in GUESTS],
            tokens,
        )
