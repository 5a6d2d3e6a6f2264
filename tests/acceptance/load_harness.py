"""`guestd test` and `guestd load` as their users run them, against one emulator of a module."""

from __future__ import annotations

import json
import urllib.request
from dataclasses import dataclass
from tempfile import TemporaryFile

from .conftest import ROOT, forked

EXAMPLES = ROOT / "examples/load"
#: Long before it a run is over, also on a slow machine.
RUN_S = 240.0


@dataclass
class Done:
    code: int
    out: str
    err: str


def guestd(*arguments, env=None) -> Done:
    with TemporaryFile("w+") as out, TemporaryFile("w+") as err:
        child = forked([*map(str, arguments)], env, stdout=out, stderr=err)
        try:
            code = child.wait(RUN_S)
        finally:
            child.kill()
        out.seek(0)
        err.seek(0)
        return Done(code, out.read(), err.read())


class RunningEmulator:
    """Over its admin API."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, path: str, body=None):
        data = json.dumps(body).encode() if body is not None else None
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}/__emulator/{path}", data, headers)
        with urllib.request.urlopen(request, timeout=30.0) as answer:
            return json.load(answer)

    def agent(self, name: str) -> None:
        self.ask("settings", {"agent": name})

    def injected(self, kind: str) -> list:
        return self.ask(f"faults/injections?kind={kind}&limit=1000")["injections"]
