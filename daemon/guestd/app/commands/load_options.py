"""The options of `guestd load`, in groups: each says its type and its help."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ...emulator import DEFAULT_AGENT
from ..variables import CONFIG_HELP
from .completions import agents


class CompareWith(StrEnum):
    RECORD = "record"
    HISTORY = "history"
    NONE = "none"


ScenarioPath = Annotated[Path, typer.Argument(metavar="FILE", help="The scenario file.")]

# ---------------------------------------------------------------------- how much load

Users = Annotated[
    int | None,
    typer.Option(
        "-u", "--users", min=1, help="Guests at a time; with --stage: how many at its beginning."
    ),
]
SpawnRate = Annotated[
    float | None, typer.Option("-r", "--spawn-rate", min=0.001, help="How many more each second.")
]
RunTime = Annotated[
    str | None,
    typer.Option("-t", "--run-time", help="How long, as 90s or 10m; without it each guest talks"
                 " once. Of a file with stages: only so much of them."),
]  # fmt: skip
Stages = Annotated[
    list[str] | None,
    typer.Option(
        "--stage",
        help="LENGTH:GUESTS, as 30s:100; repeatable, in place of the file's. With --arrivals:"
        " per second, from that rate on.",
    ),
]
Arrivals = Annotated[
    float | None,
    typer.Option(help="New guests a second, whatever becomes of the others; with -t or --stage."),
]
RandomArrivals = Annotated[
    bool, typer.Option("--random-arrivals", help="Let them arrive by chance, not evenly.")
]
Seed = Annotated[int | None, typer.Option(help="Makes the plan repeatable; said at the end.")]
Only = Annotated[
    str | None,
    typer.Option(help="Only this guest of the plan, by its name in the report, as parcel-1187."),
]
ConnectsPerMinute = Annotated[
    int, typer.Option(min=0, help="New connections a minute; 0 as configured.")
]

Workers = Annotated[
    int, typer.Option(min=1, max=64, help="Processes that share the guests, on this machine.")
]

# ---------------------------------------------------------------------- where

Emulator = Annotated[
    str | None,
    typer.Option(
        help="A running emulator, as http://localhost:8080; without a platform one is started."
    ),
]
Daemon = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Play the guests through the running daemon at HOST:PORT (or its URL), by its /v1.",
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
ConfigPath = Annotated[Path | None, typer.Option("-c", "--config", help=CONFIG_HELP)]

Region = Annotated[
    str | None, typer.Option(help="Run against Genesys Cloud in this region, as mypurecloud.de.")
]
DeploymentId = Annotated[
    str | None, typer.Option(help="The deployment; else the file's, else as configured.")
]
Origin = Annotated[
    str | None, typer.Option(help="The page that the guests come from; else the file's.")
]
AllowDeployment = Annotated[
    list[str] | None,
    typer.Option(help="A deployment of a real organisation that may be loaded; repeatable."),
]
Confirmation = Annotated[
    str,
    typer.Option(
        "--yes", metavar="DEPLOYMENT:GUESTS", help="Confirm a run against a real organisation."
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what the run would do.")]
StateDirectory = Annotated[
    Path | None,
    typer.Option(
        "--state-dir",
        help="Where runs keep the tokens of open conversations. [~/.local/state/guestd/load]",
    ),
]

# ---------------------------------------------------------------------- what comes of it

Thresholds = Annotated[
    list[str] | None,
    typer.Option("--threshold", help='What must hold, as "echo_latency.p99 < 500ms"; repeatable.'),
]
Reconcile = Annotated[
    CompareWith | None,
    typer.Option(
        help="What the conversations are compared with to find lost and doubled messages: an"
        " emulator's record, or each guest's history, read before it leaves. [an emulator's record;"
        " else the history]",
    ),
]
RequireValid = Annotated[
    bool,
    typer.Option(
        "--require-valid",
        help="Exit with 111 if the run is not valid: the load generator itself was too slow.",
    ),
]
Report = Annotated[Path | None, typer.Option(help="Write an HTML report there.")]
SummaryPath = Annotated[
    Path | None, typer.Option("--summary", help="Write the summary as JSON there.")
]
Junit = Annotated[Path | None, typer.Option(help="Write JUnit XML there.")]
Csv = Annotated[Path | None, typer.Option(help="Write the rows over time there.")]
OpenMetrics = Annotated[
    Path | None, typer.Option("--openmetrics", help="Write the figures as OpenMetrics there.")
]
Push = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Push the figures to a Prometheus Pushgateway, as http://localhost:9091.",
    ),
]
Frames = Annotated[
    int,
    typer.Option(
        min=0, max=200, help="Of each failed or slow conversation, so many frames in the report."
    ),
]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Show nothing while it lasts.")]
Console = Annotated[
    int | None,
    typer.Option(
        metavar="PORT",
        min=0,
        max=65535,
        help="Show the run in a browser while it lasts, on this port of this machine; 0 takes a"
        " free one.",
    ),
]
