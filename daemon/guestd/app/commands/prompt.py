"""`guestd prompt CONVERSATION PROMPT`: show an agent-assist prompt to the agent (ASSIST-1)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from .client_options import DEFAULT_URL, AsJson, Json, Key, Socket, TokenFile, Url
from .operations import Wait, begin, read_json

EXAMPLES = """Examples:

guestd prompt 1c0e… 77ab… --trigger keyword:refund --trigger sentiment:negative:0.8

An agent who sees as many prompts as allowed gets this one later: the operation is deferred, which
ends the waiting, and survives a restart; guestd operations show prompt ID tells the outcome.
guestd operations end prompt ID gives it up.

Exit codes: 0 shown or deferred, 1 refused, failed or uncertain, 2 usage, 69 no daemon answers."""

TRIGGERS = ("keyword", "sentiment", "duration", "confidence")


def prompt(
    conversation: Annotated[str, typer.Argument(help="The conversation's id, a UUID.")],
    prompt_id: Annotated[str, typer.Argument(metavar="PROMPT", help="The prompt's id, a UUID.")],
    trigger: Annotated[
        list[str] | None,
        typer.Option(
            help=(
                f"TYPE:VALUE or TYPE:VALUE:THRESHOLD, TYPE one of {', '.join(TRIGGERS)}; up to"
                " five."
            )
        ),
    ] = None,
    delay_ms: Annotated[float, typer.Option(min=500, max=5000)] = 1000,
    prompts_max: Annotated[
        int, typer.Option(min=1, max=3, help="How many prompts the agent may see at once.")
    ] = 1,
    dismiss_ms: Annotated[
        float, typer.Option(min=10_000, max=60_000, help="When it goes away by itself.")
    ] = 30_000,
    context: Annotated[
        Path | None, typer.Option(help="A JSON object that goes along; - reads standard input.")
    ] = None,
    key: Key = None,
    wait: Wait = "30s",
    url: Url = DEFAULT_URL,
    socket: Socket = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Show a prompt on the agent's screen, now or as soon as there is room."""
    request: Json = {
        "conversationId": conversation,
        "promptId": prompt_id,
        "triggerConditions": [_trigger(one) for one in trigger or ()],
        "displaySettings": {
            "delayMs": delay_ms,
            "maxConcurrentPrompts": prompts_max,
            "autoDismissMs": dismiss_ms,
        },
    }
    if context is not None:
        request["contextData"] = read_json(context)
    begin("prompt", request, key, wait, url, socket, token_file, as_json)


def _trigger(text: str) -> Json:
    kind, _, rest = text.partition(":")
    value, _, threshold = rest.rpartition(":") if rest.count(":") else (rest, "", "")
    if kind not in TRIGGERS or not value:
        raise typer.BadParameter(
            f"{text[:50]!r} is not TYPE:VALUE with TYPE one of {', '.join(TRIGGERS)}"
        )
    found: Json = {"type": kind, "value": _plain(value)}
    if threshold:
        try:
            found["threshold"] = float(threshold)
        except ValueError:
            raise typer.BadParameter(
                f"{threshold!r} is not a threshold; write a number from 0 to 1"
            ) from None
    return found


def _plain(value: str) -> Any:
    """A number where it is one."""
    try:
        found = json.loads(value)
    except ValueError:
        return value
    return found if isinstance(found, int | float) and not isinstance(found, bool) else value
