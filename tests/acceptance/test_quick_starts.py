"""The quick starts do as they are written: the commands of each page, in their order, in one shell,
with the programs that its terminals run. Only the ports are others, and fewer guests talk.

A block of shell with a title is another terminal, or is for the repository itself: those install,
and `tests/examples` runs what they run. `<!-- kill terminal 2 -->` ends that terminal's program by
SIGKILL and starts it again, as the words beside it say."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ports import free_port

from .conftest import clean_environment, fork_server
from .forked_command import forked_command

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.timeout(240)

PAGES = (
    "index.md",
    "start/frontend.md",
    "start/tests.md",
    "start/service.md",
    "start/load.md",
    "how-to/faults.md",
)
STEP = re.compile(
    r"^```sh(?: title=\"(?P<title>[^\"]+)\")?\n(?P<block>.*?)^```$|^<!-- kill (?P<kill>[\w ]+) -->$",
    re.MULTILINE | re.DOTALL,
)
PORTS = ("3000", "8080", "8000")


class Terminal:
    """A program of a page that runs until it is ended."""

    def __init__(self, block: str, where: Path, environment: dict[str, str]) -> None:
        self.block, self.where, self.environment = block, where, environment
        self.lines: list[str] = []
        self.start()

    def start(self) -> None:
        self.child = subprocess.Popen(
            ["bash", "-c", self.block],
            cwd=self.where,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.lines.clear()
        self.reader = threading.Thread(target=self._read, args=(self.child.stdout,), daemon=True)
        self.reader.start()
        if "guestd " in self.block:
            self._until_ready()

    def _read(self, stream) -> None:
        for line in stream:
            self.lines.append(line)

    def _until_ready(self) -> None:
        deadline = time.monotonic() + 60.0
        while not any(line.startswith("ready http") for line in list(self.lines)):
            assert self.child.poll() is None and time.monotonic() < deadline, self.lines
            time.sleep(0.05)

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.child.pid, signal.SIGKILL)
        self.child.wait()
        self.reader.join()
        assert self.child.stdout is not None
        self.child.stdout.close()


class Shell:
    """One shell, so that what a block sets is there in the next."""

    def __init__(self, where: Path, environment: dict[str, str]) -> None:
        self.child = subprocess.Popen(
            ["bash", "-e"],
            cwd=where,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, block: str) -> str:
        assert self.child.stdin is not None and self.child.stdout is not None
        self.child.stdin.write(f"{block}\nprintf '\\n-- done\\n'\n")
        self.child.stdin.flush()
        said = []
        for line in self.child.stdout:
            if line == "-- done\n":
                return "".join(said)
            said.append(line)
        raise AssertionError(f"this failed:\n{block}\n{''.join(said)}")

    def close(self) -> None:
        self.child.kill()
        self.child.wait()
        for stream in (self.child.stdin, self.child.stdout):
            assert stream is not None
            stream.close()


@pytest.fixture
def follow(tmp_path) -> Iterator:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    (tmp_path / "bin").mkdir()
    with contextlib.ExitStack() as stack:
        stack.enter_context(forked_command(fork_server(), tmp_path / "bin"))

        def do(text: str) -> str:
            ports = {one: str(free_port()) for one in PORTS}
            for one, other in ports.items():
                text = re.sub(rf"\b{one}\b", other, text)
            text = text.replace("--demo 200", "--demo 20")
            environment = clean_environment(
                PATH=f"{tmp_path / 'bin'}:{os.environ['PATH']}",
                GUESTD_SIMULATOR__PORT=ports["3000"],
                GUESTDCTL_URL=f"http://127.0.0.1:{ports['3000']}",
            )
            shell = Shell(tmp_path, environment)
            stack.callback(shell.close)
            terminals: dict[str, Terminal] = {}
            said = []
            for step in STEP.finditer(text):
                title, kill = step["title"], step["kill"]
                if kill:
                    terminals[kill].kill()
                    terminals[kill].start()
                elif title and title.startswith("terminal"):
                    terminals[title] = Terminal(step["block"], tmp_path, environment)
                    stack.callback(terminals[title].kill)
                elif not title:
                    said.append(shell.run(step["block"]))
            return "".join(said)

        yield do


@pytest.mark.parametrize("page", PAGES)
def test_a_quick_start_does_as_it_is_written(page, follow):
    text = (ROOT / "docs" / page).read_text()
    said = follow(text)
    assert said, "nothing was run"
    if page == "start/service.md":
        assert said.count("guest: Where is my parcel?") == 1, "not sent a second time"
    if page == "start/frontend.md":
        assert '"kind":"message"' in said.replace(" ", "")


def test_a_command_that_fails_would_be_noticed(follow):
    with pytest.raises(AssertionError, match="this failed"):
        follow("```sh\ntrue\nguestd config check -c nowhere.toml\n```\n")
