"""`guestd load` beside the same guests on bare sockets of Node.js, in one run.

    .venv/bin/python benchmarks/load.py
    .venv/bin/python benchmarks/load.py --guests 2000 --seconds 60

Both talk to an emulator of their own, each a process: what is measured is CPU that they used (never
elapsed time) and memory at the end. Node's is its own WebSocket client (undici; no package is
needed) with `JSON.parse` for each frame: it measures nothing, puts nothing in order, and does not
come back when it is cut off. A message is one sent or received; of guestd's received ones there are
two for each that is sent, its echo and the agent's answer, as there are of Node's."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from emulator import EmulatorProcess

from guestd.emulator import DEFAULT_DEPLOYMENT_ID

HERE = Path(__file__).parent
OPTIONS = ("--agent", "echo", "--set", "limits.connections_per_minute=null")


@dataclass
class Used:
    name: str
    guests: int
    messages: int
    cpu_s: float
    memory_bytes: int

    def row(self, empty: Used) -> str:
        """Less what it needs with a single guest."""
        cpu_s, memory = self.cpu_s - empty.cpu_s, self.memory_bytes - empty.memory_bytes
        guests, messages = self.guests - empty.guests, self.messages - empty.messages
        return (
            f"{self.name:<14}{guests:>8,}{messages:>10,}{cpu_s:>9.1f}"
            f"{cpu_s / messages * 1e6:>14,.0f}{guests / (memory / 2**20):>12,.0f}"
        )


def guestd_load(source: Path, port: int, guests: int, seconds: int, per_s: int) -> Used:
    with tempfile.TemporaryDirectory() as folder:
        summary = Path(folder) / "summary.json"
        child = subprocess.Popen(
            [
                *(sys.executable, "-m", "guestd", "load", str(HERE / "load" / "messages.yml")),
                *("-u", str(guests), "-r", str(per_s), "-t", f"{seconds}s", "-q"),
                *("--emulator", f"http://127.0.0.1:{port}", "--connects-per-minute", "600000"),
                *("--state-dir", folder, "--summary", str(summary)),
            ],
            stdout=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": str(source)},
        )
        _, _, used = os.wait4(child.pid, 0)
        found = json.loads(summary.read_text())
    sent, received = (found["messages"][one] for one in ("sent", "received"))
    confirmed = found["messages"]["confirmed"]
    memory = found["overhead"]["memory_bytes"]
    return Used("guestd load", guests, sent + received + confirmed, cpu(used), memory)


def cpu(used) -> float:
    return used.ru_utime + used.ru_stime


def node(port: int, guests: int, seconds: int, per_s: int) -> Used:
    url = f"ws://127.0.0.1:{port}/v1?deploymentId={DEFAULT_DEPLOYMENT_ID}"
    done = subprocess.run(
        [
            *("node", "--no-warnings", "--experimental-websocket"),
            *(str(HERE / "load" / "guests.mjs"), url, str(guests), str(seconds), str(per_s)),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    return Used("node", guests, found["messages"], found["cpu_s"], found["rss_bytes"])


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    asked.add_argument("--guests", type=int, default=500)
    asked.add_argument("--seconds", type=int, default=30)
    asked.add_argument("--per-second", type=int, default=100)
    options = asked.parse_args()
    source = HERE.parent / "daemon"
    many = (options.guests, options.seconds, options.per_second)
    print(f"{'':<14}{'guests':>8}{'messages':>10}{'CPU s':>9}{'µs/message':>14}{'guests/MiB':>12}")
    for run in (lambda *how: guestd_load(source, *how), node):
        emulator = EmulatorProcess(source, *OPTIONS)
        try:
            empty = run(emulator.port, 1, options.seconds, 1)
            print(run(emulator.port, *many).row(empty), flush=True)
        finally:
            emulator.end()


if __name__ == "__main__":
    main()
