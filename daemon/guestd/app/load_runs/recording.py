"""`guestd test --record`: a conversation that a running daemon has, as a scenario file.

One that was held in `guestd chat` or on the console's page can be recorded afterwards: with a
journal on disk the daemon keeps it after its end, too."""

from __future__ import annotations

from typing import Any

from ...load.scenario.file import Scenario, ScenarioFile
from ...load.scenario.recording import recorded_steps
from ...load.scenario.steps import Place
from ...load.scenario.writer import to_yaml
from ...model.errors import CommandError
from ..commands.ended_session import read_newest
from ..control_client import ControlClient

PAGE_EVENTS = 1000


async def recorded_file(client: ControlClient, guest: str, with_pauses: bool) -> str:
    """As YAML. Raises ApiRefusal, PlatformUnavailable, and CommandError where nothing was said."""
    events: list[dict[str, Any]] = []

    async def read(path: str) -> None:
        after, more = 0, True
        while more:
            page = await client.ask("GET", path, query={"after": after, "limit": PAGE_EVENTS})
            events.extend(page["messages"])
            after, more = page["next"], page["more"]

    await read_newest(client, guest, "/messages", read)
    steps = recorded_steps(events, with_pauses)
    if not steps:
        raise CommandError(f"nothing was said in the conversation of {guest}; say something first")
    name = f"Conversation of {guest}"
    scenario = Scenario(name, steps, Place("", 0))
    return to_yaml(ScenarioFile(path="", sha256="", scenarios=(scenario,)))
