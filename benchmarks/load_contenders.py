"""The programs that benchmarks/load.py compares: what each needs, and the command that runs it.

A download is pinned and goes into a folder of its own; one that cannot be had is named in the table
and left out."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from string import Template

from guestd.emulator import DEFAULT_DEPLOYMENT_ID

HERE = Path(__file__).parent
SCENARIOS = HERE / "load"
ARTILLERY = "artillery@2.0.21"  # the last that runs on Node.js 20
WS = "ws@8.18.3"
#: Neither the browsers that Artillery can drive nor what else its packages would build or fetch.
NPM = ("npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts")


@dataclass(frozen=True)
class Shape:
    """How many guests come how fast, and what each says: nothing while the others come and as long
    as memory is looked at, then `messages` messages, one every `every_s` seconds."""

    guests: int
    per_second: int
    messages: int
    every_s: int
    ramp_s: int = field(init=False)
    quiet_s: int = field(init=False)
    #: Longer than all that is measured.
    hold_s: int = 300
    deployment: str = DEFAULT_DEPLOYMENT_ID

    def __post_init__(self) -> None:
        object.__setattr__(self, "ramp_s", max(1, -(-self.guests // self.per_second)))
        object.__setattr__(self, "quiet_s", self.ramp_s + 6)

    @property
    def run_s(self) -> int:
        return self.ramp_s + self.quiet_s + self.messages * self.every_s + self.hold_s


@dataclass(frozen=True)
class Command:
    """`received(folder, output)`: how many frames of the conversation it has counted, where it
    says so; it is asked after it was stopped by SIGINT."""

    words: list[str]
    env: dict[str, str]
    received: Callable[[Path, str], int | None] = lambda folder, output: None


@dataclass(frozen=True)
class Contender:
    """`command(folder, port, shape)`: `folder` is empty, and the command's own."""

    name: str
    command: Callable[[Path, int, Shape], Command]


def url(port: int) -> str:
    return f"ws://127.0.0.1:{port}/v1?deploymentId={DEFAULT_DEPLOYMENT_ID}"


def filled(name: str, folder: Path, port: int, shape: Shape) -> Path:
    """The scenario file of that name with the figures of this run."""
    text = Template((SCENARIOS / name).read_text()).substitute(asdict(shape), url=url(port))
    path = folder / name
    path.write_text(text)
    return path


# ------------------------------------------------------------------ guestd


def guestd_load(source: Path) -> Contender:
    def command(folder: Path, port: int, shape: Shape) -> Command:
        return Command(
            [
                *(sys.executable, "-m", "guestd", "load"),
                str(filled("messages.yml", folder, port, shape)),
                *("-u", str(shape.guests), "-r", str(shape.per_second), "-t", f"{shape.run_s}s"),
                *("-q", "--emulator", f"http://127.0.0.1:{port}"),
                *("--connects-per-minute", "600000", "--state-dir", str(folder)),
                *("--summary", str(folder / "summary.json")),
            ],
            {"PYTHONPATH": str(source)},
            _received_by_guestd,
        )

    return Contender("guestd load", command)


def _received_by_guestd(folder: Path, output: str) -> int | None:
    """It counts the echo of its own message as confirmed."""
    path = folder / "summary.json"
    if not path.exists():
        return None
    messages = json.loads(path.read_text())["messages"]
    return int(messages["received"] + messages["confirmed"])


# ------------------------------------------------------------------ others


def node(downloads: Path) -> Contender | str:
    home = downloads / "node"
    if shutil.which("node") is None:
        return "Node.js is not here"
    if not _installed(home, "ws", WS):
        return f"Node.js ws is not here: npm could not install {WS}"

    def command(folder: Path, port: int, shape: Shape) -> Command:
        words = ["node", str(SCENARIOS / "node.mjs"), url(port), json.dumps(asdict(shape))]
        return Command(words, {"WS_HOME": str(home)}, _received_by_node)

    return Contender("Node.js ws", command)


def _received_by_node(folder: Path, output: str) -> int | None:
    return int(json.loads(output)["received"]) if output else None


def artillery(downloads: Path) -> Contender | str:
    home = downloads / "artillery"
    if shutil.which("node") is None or not _installed(home, "artillery", ARTILLERY):
        return f"Artillery is not here: npm could not install {ARTILLERY}"

    def command(folder: Path, port: int, shape: Shape) -> Command:
        (folder / "artillery.cjs").write_text((SCENARIOS / "artillery.cjs").read_text())
        scenario = filled("artillery.yml", folder, port, shape)
        program = home / "node_modules" / ".bin" / "artillery"
        words = [str(program), "run", "--quiet", str(scenario)]
        return Command(words, {"ARTILLERY_DISABLE_TELEMETRY": "true"})

    return Contender("Artillery", command)


def k6(given: str | None) -> Contender | str:
    program = given or shutil.which("k6")
    if program is None or shutil.which(program) is None:
        return f"k6 is not here: there is no {given or 'k6'}; --k6 PATH names one"

    def command(folder: Path, port: int, shape: Shape) -> Command:
        words = [
            *(program, "run", "--quiet", "--no-usage-report", "--address", "localhost:0"),
            *("--summary-export", str(folder / "summary.json"), str(SCENARIOS / "k6.js")),
        ]
        return Command(
            words, {"SHAPE": json.dumps(asdict(shape)), "URL": url(port)}, _received_by_k6
        )

    return Contender("k6", command)


def _received_by_k6(folder: Path, output: str) -> int | None:
    path = folder / "summary.json"
    if not path.exists():
        return None
    found = json.loads(path.read_text())["metrics"].get("received", {})
    return int(found.get("count", 0))


def _installed(home: Path, name: str, pinned: str) -> bool:
    if (home / "node_modules" / name).exists():
        return True
    if shutil.which("npm") is None:
        return False
    home.mkdir(parents=True, exist_ok=True)
    env = {**os.environ, "PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD": "1"}
    done = subprocess.run([*NPM, "--prefix", str(home), pinned], capture_output=True, env=env)
    return done.returncode == 0
