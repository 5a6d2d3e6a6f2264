"""The options of `guestd test`. Those of the web messaging tester have its spellings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ...emulator import DEFAULT_AGENT
from ..variables import CLIENT_URL, CONFIG_HELP
from .completions import agents

Files = Annotated[
    list[Path] | None,
    typer.Argument(metavar="FILE...", help="Scenario files.", show_default=False),
]
EmulatorUrl = Annotated[
    str | None,
    typer.Option(
        help="A running emulator, as http://localhost:8080; without a platform one is started."
    ),
]
Agent = Annotated[
    str | None,
    typer.Option(
        help="Who answers in the emulator that is started for the run: echo, faq, goodbye,"
        " handover, human, menu, silent, or a script of yours (.toml, .json).",
        show_default=DEFAULT_AGENT,
        autocompletion=agents,
    ),
]
Region = Annotated[
    str,
    typer.Option(
        "-r",
        "--region",
        help="Run against Genesys Cloud in this region, as mypurecloud.de; else an emulator.",
    ),
]
DeploymentId = Annotated[
    str,
    typer.Option(
        "-id",
        "--deployment-id",
        help="The id of the Messenger deployment; the file's if left out.",
    ),
]
Origin = Annotated[
    str, typer.Option("-o", "--origin", help="The website that the guests come from.")
]
AllowDeployment = Annotated[
    list[str] | None,
    typer.Option(help="A deployment beside those of the file's rails; repeatable."),
]
AssociateId = Annotated[
    bool,
    typer.Option("-a", "--associate-id", help="Say the conversation id of each scenario."),
]
Parallel = Annotated[int, typer.Option("-p", "--parallel", min=1, help="Scenarios at a time.")]
StepTimeout = Annotated[
    str,
    typer.Option(
        "-t",
        "--timeout",
        metavar="DURATION",
        help="How long a step waits where the file does not say, as 10 (seconds), 10s or 1m.",
    ),
]
FailuresOnly = Annotated[bool, typer.Option("-fo", "--failures-only", help="Say only what failed.")]
Only = Annotated[
    str | None,
    typer.Option(
        help="Only this guest of the one file, by its name, as a failure tells it: that is one"
        " row where the scenario has data."
    ),
]
JunitFile = Annotated[Path | None, typer.Option(help="Write JUnit XML there.")]
ReportFile = Annotated[Path | None, typer.Option(help="Write an HTML report there.")]
SummaryFile = Annotated[Path | None, typer.Option(help="Write the summary as JSON there.")]
AsJson = Annotated[bool, typer.Option("--json", help="Say the results as JSON.")]
ConfigFile = Annotated[Path | None, typer.Option("-c", "--config", help=CONFIG_HELP)]
Seed = Annotated[int, typer.Option(help="Decides everything that is drawn.")]
RecordGuest = Annotated[
    str | None,
    typer.Option(
        metavar="GUEST",
        help="Write the conversation of this guest to FILE, or to standard"
        " output; in place of a run. -o FILE is taken too.",
    ),
]
WithPauses = Annotated[
    bool, typer.Option("--with-pauses", help="Record how long the guest took, too.")
]
DaemonUrl = Annotated[
    str,
    typer.Option(envvar=CLIENT_URL, help="Of the daemon whose conversation is recorded."),
]
