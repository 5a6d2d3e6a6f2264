"""The options of `guestd emulate`, in groups: each says its type and its help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ...emulator.agents.script import built_in
from .completions import agents

# ---------------------------------------------------------------------- where it listens

Host = Annotated[
    str, typer.Option(help="Where to listen. Beyond loopback anyone there can use it.")
]
Port = Annotated[int, typer.Option(min=0, max=65535, help="The one port; 0 takes a free one.")]
TlsDirectory = Annotated[
    Path | None, typer.Option(help="Serve TLS; keep the made certificates and ca.pem there.")
]
TlsNames = Annotated[
    list[str] | None, typer.Option(help="One more host name for the certificate; repeatable.")
]
ControlHosts = Annotated[
    list[str] | None,
    typer.Option(
        help="A name under which /__emulator answers, beside localhost and addresses; repeatable."
    ),
]
ControlOrigins = Annotated[
    list[str] | None,
    typer.Option(
        help="A page's origin that may use /__emulator, beside those of this machine; repeatable."
    ),
]

# ---------------------------------------------------------------------- what it does

Seed = Annotated[
    int | None,
    typer.Option(help="Makes ids and faults repeatable; drawn at each start if left out."),
]
Agent = Annotated[
    str,
    typer.Option(
        help=f"Who answers: {', '.join(sorted(built_in()))}, or a script of yours (.toml, .json).",
        autocompletion=agents,
    ),
]
Limits = Annotated[bool, typer.Option(help="Enforce the platform's published rates.")]
Tolerant = Annotated[
    bool, typer.Option(help="Never answer with an error for a rate: for clients that die of one.")
]
BareInjections = Annotated[
    bool, typer.Option(help="Answer an injection with the bare list of its messages.")
]
Queues = Annotated[
    list[str] | None, typer.Option(help="The id of one more routing queue; repeatable.")
]
OAuthClients = Annotated[
    list[str] | None,
    typer.Option(
        help="id:secret, with :scope,scope after it if it lacks some; repeatable. "
        " [emulator-client:emulator-secret]"
    ),
]

# ---------------------------------------------------------------------- its deployment

DeploymentId = Annotated[str, typer.Option(help="The id of its deployment.")]
AnyDeployment = Annotated[bool, typer.Option(help="Accept every deployment id.")]
AutoStart = Annotated[bool, typer.Option(help="The deployment's autoStart.")]
Clearing = Annotated[bool, typer.Option(help="The deployment's conversationClear.")]
Disconnect = Annotated[
    str, typer.Option(help="conversationDisconnect: disabled, Send or ReadOnly.")
]
Authentication = Annotated[bool, typer.Option(help="The deployment's authenticated sessions.")]

# ---------------------------------------------------------------------- any setting

Assignments = Annotated[
    list[str] | None,
    typer.Option(
        "--set", help="Any setting: key=value, the value as JSON or a bare word; repeatable."
    ),
]
ListSettings = Annotated[
    bool,
    typer.Option(
        "--list-settings", help="Show all settings with type, bounds and default, and do nothing."
    ),
]
