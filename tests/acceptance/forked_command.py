"""A `guestd` for a shell that takes a fiftieth of a second to start: a program that asks this
process, over a socket, for a fork of the server (fork_server.py) with its own arguments,
environment, folder and standard streams, and ends with its code. Killed, it takes the fork along.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from .fork_server import REQUEST_BYTES
from .forked_program import ForkServer, line_of

ASKING = """\
import json, os, socket, sys
with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
    server.connect(sys.argv[1])
    asked = {"arguments": sys.argv[2:], "environment": dict(os.environ), "folder": os.getcwd()}
    socket.send_fds(server, [json.dumps(asked).encode()], [0, 1, 2])
    code = int(server.recv(100))
if code < 0:
    os.kill(os.getpid(), -code)
sys.exit(code)
"""


@contextlib.contextmanager
def forked_command(server: ForkServer, folder: Path) -> Iterator[None]:
    """Writes `guestd` into that folder, which works as long as this context does."""
    place, asking, command = folder / "asked", folder / "asking.py", folder / "guestd"
    asking.write_text(ASKING)
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S {asking} {place} "$@"\n')
    command.chmod(0o755)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(place))
        listener.listen()
        accepting = threading.Thread(target=_accept, args=(server, listener))
        accepting.start()
        try:
            yield
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join()


def _accept(server: ForkServer, listener: socket.socket) -> None:
    answering = []
    with contextlib.suppress(OSError):  # it is closed
        while True:
            asker, _ = listener.accept()
            answering.append(threading.Thread(target=_answer, args=(server, asker)))
            answering[-1].start()
    for one in answering:
        one.join()


def _answer(server: ForkServer, asker: socket.socket) -> None:
    with asker:
        data, standard, _, _ = socket.recv_fds(asker, REQUEST_BYTES, 3)
        if not data:
            return
        asked = json.loads(data)
        pid, end = server.start(asked["arguments"], asked["environment"], standard, asked["folder"])
        for one in standard:
            os.close(one)
        ready, _, _ = select.select([end, asker], [], [])
        if end not in ready:  # the asker is no more
            os.kill(pid, signal.SIGKILL)
        code = line_of(end)
        os.close(end)
        with contextlib.suppress(OSError):
            asker.send(code.encode())
