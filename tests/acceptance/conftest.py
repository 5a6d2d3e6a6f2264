"""The program as a user runs it: subprocesses, their lines and their exit codes."""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from . import sync_shim
from .forked_daemon import DaemonForker
from .forked_program import ForkedProgram, ForkServer

COMMAND = [sys.executable, "-m", "guestd"]
ROOT = Path(__file__).parents[2]


def clean_environment(**more: str) -> dict[str, str]:
    """This process's environment without what would change guestd, and `more`."""
    prefixes = ("GUESTD_", "GUESTDCTL_", "GENESYS", "NOTIFY_", "WATCHDOG_")
    clean = {key: value for key, value in os.environ.items() if not key.startswith(prefixes)}
    return {**clean, "NO_COLOR": "1", **more}


@cache
def fork_server(library: str = "") -> ForkServer:
    """`library`: what its programs have preloaded."""
    server = ForkServer(clean_environment(**({"LD_PRELOAD": library} if library else {})))
    atexit.register(server.end)
    return server


def forked(arguments, env: dict[str, str] | None = None, **standard) -> ForkedProgram:
    server = fork_server((env or {}).get("LD_PRELOAD", ""))
    return ForkedProgram(server, arguments, clean_environment(**(env or {})), **standard)


def fresh(arguments, env: dict[str, str] | None = None, **standard) -> subprocess.Popen:
    """By an interpreter of its own, which takes a second."""
    environment = clean_environment(**(env or {}))
    return subprocess.Popen(
        [*COMMAND, *arguments], cwd=ROOT, env=environment, text=True, bufsize=1, **standard
    )


class Program:
    """One run of guestd. Ended by its own pid, whatever the test does. `by`: how it is started."""

    def __init__(
        self,
        *arguments: str,
        env: dict[str, str] | None = None,
        stdin: int | None = subprocess.DEVNULL,
        by: Callable[..., ForkedProgram | subprocess.Popen] = forked,
    ):
        pipe = subprocess.PIPE
        self.child = by(arguments, env, stdin=stdin, stdout=pipe, stderr=pipe)
        self.out: list[str] = []
        self.err: list[str] = []
        self._readers = [
            threading.Thread(target=self._read, args=(stream, lines), daemon=True)
            for stream, lines in ((self.child.stdout, self.out), (self.child.stderr, self.err))
        ]
        for reader in self._readers:
            reader.start()

    @staticmethod
    def _read(stream, lines):
        for line in stream:
            lines.append(line.rstrip("\n"))

    def until(self, wanted: str, lines: list[str] | None = None, timeout_s: float = 120.0) -> str:
        lines = self.out if lines is None else lines
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            for line in list(lines):
                if wanted in line:
                    return line
            if self.child.poll() is not None and not any(
                reader.is_alive() for reader in self._readers
            ):
                break
            time.sleep(0.02)
        raise AssertionError(f"no {wanted!r} in\n{self.out}\n{self.err}")

    def said(self, text: str) -> bool:
        """Whether a line of standard error has that text."""
        return any(text in line for line in list(self.err))

    def url(self) -> str:
        return self.until("ready http").removeprefix("ready ")

    def interrupt(self, number: int = signal.SIGINT) -> None:
        self.child.send_signal(number)

    def wait(self, timeout_s: float = 120.0) -> int:
        code = self.child.wait(timeout_s)
        for reader in self._readers:
            reader.join(5.0)
        return code

    def end(self) -> None:
        if self.child.poll() is None:
            self.child.terminate()
            try:
                self.child.wait(10.0)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
        for reader in self._readers:
            reader.join(5.0)
        for stream in (self.child.stdout, self.child.stderr, self.child.stdin):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()


@pytest.fixture
def run():
    programs: list[Program] = []

    def start(*arguments: str, **more) -> Program:
        programs.append(Program(*arguments, **more))
        return programs[-1]

    yield start
    for program in reversed(programs):
        program.end()


@pytest.fixture
def config(tmp_path):
    """Writes a configuration file and gives its path."""

    def write(text: str) -> str:
        path = tmp_path / "guestd.toml"
        path.write_text(text)
        return str(path)

    return write


@pytest.fixture
def new_life(tmp_path):
    """Starts the daemon at once, many times, and gives its pid."""
    forker = DaemonForker(tmp_path / "guestd.log", forked)
    yield forker
    forker.end()


@pytest.fixture(scope="session")
def shim(tmp_path_factory):
    """A library to preload, see sync_shim.py."""
    return sync_shim.build(tmp_path_factory.mktemp("shim"))
