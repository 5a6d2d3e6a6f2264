"""`guestd` as a process of its own, started in no time by a fork server (fork_server.py) that each
worker has once. What depends on the interpreter's own start needs a real one: `subprocess.Popen`."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parents[2]


class ForkServer:
    def __init__(self, environment: Mapping[str, str]) -> None:
        self._requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    str(Path(__file__).with_name("fork_server.py")),
                    str(theirs.fileno()),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                cwd=ROOT,
                env={**environment, "PYTHONPATH": str(ROOT / "daemon")},
                pass_fds=[theirs.fileno()],
            )

    def start(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        standard: Sequence[int],
        folder: str = str(ROOT),
    ) -> tuple[int, int]:
        """The pid, and the end of a pipe from which the return code can be read."""
        request = {
            "arguments": arguments,
            "environment": dict(environment),
            "folder": folder,
        }
        ours, theirs = os.pipe()
        try:
            socket.send_fds(self._requests, [json.dumps(request).encode()], [*standard, theirs])
        finally:
            os.close(theirs)
        return int(line_of(ours)), ours

    def end(self) -> None:
        self._requests.close()
        self._process.wait(60.0)


def line_of(pipe: int) -> str:
    """The next line; none if the fork server is no more."""
    line = b""
    while not line.endswith(b"\n"):
        piece = os.read(pipe, 1)
        if not piece:
            break
        line += piece
    return line.decode()


class ForkedProgram:
    """As much of `subprocess.Popen` as the tests use."""

    def __init__(
        self,
        server: ForkServer,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        stdin: int | None = subprocess.DEVNULL,
        stdout: int | IO = subprocess.PIPE,
        stderr: int | IO = subprocess.PIPE,
    ) -> None:
        self.returncode: int | None = None
        with contextlib.ExitStack() as theirs:
            self.stdin, stdin = _standard(stdin, theirs, reads=True)
            self.stdout, stdout = _standard(stdout, theirs)
            joined = stderr == subprocess.STDOUT
            self.stderr, stderr = (None, stdout) if joined else _standard(stderr, theirs)
            self.pid, self._end = server.start(arguments, environment, (stdin, stdout, stderr))

    def poll(self) -> int | None:
        return self._ended(0.0)

    def wait(self, timeout: float | None = None) -> int:
        code = self._ended(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(f"guestd, {self.pid}", timeout)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _ended(self, within_s: float | None) -> int | None:
        if self.returncode is None:
            poll = select.poll()
            poll.register(self._end, select.POLLIN)
            if poll.poll(None if within_s is None else within_s * 1000):
                self.returncode = int(line_of(self._end) or -signal.SIGKILL)
                os.close(self._end)
        return self.returncode


def _standard(
    asked: int | IO | None, theirs: contextlib.ExitStack, reads: bool = False
) -> tuple[IO[str] | None, int]:
    """Our end if it is to be a pipe, and the child's."""
    if asked == subprocess.DEVNULL:
        nothing = os.open(os.devnull, os.O_RDWR)
        theirs.callback(os.close, nothing)
        return None, nothing
    if asked != subprocess.PIPE:
        return None, asked if isinstance(asked, int) else asked.fileno()
    reading, writing = os.pipe()
    child, ours = (reading, writing) if reads else (writing, reading)
    theirs.callback(os.close, child)
    return open(ours, "w" if reads else "r", buffering=1), child
