"""Starts `guestd` many times in no time: everything is imported once, then each start is a fork.

Requests come over the socket that the first argument names: a JSON object, and with it the child's
standard input, output and error and the end of a pipe. Into that pipe go the child's pid and, when it
has ended, its return code as `subprocess` counts it. The child is the real program: it parses its
arguments, runs its own loop, and dies of what it is sent.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import gc
import json
import os
import pkgutil
import signal
import socket
import sys
import threading
from importlib import import_module
from typing import Any

import uvloop  # noqa: F401

import guestd
from guestd.app.config import Config
from guestd.app.daemon import Daemon
from guestd.app.entry import main as run_guestd
from guestd.app.systemd import Notifier

REQUEST_BYTES = 200_000

#: pid → where its end is reported.
children: dict[int, int] = {}


def main() -> None:
    requests = socket.socket(fileno=int(sys.argv[1]))
    preload()
    signal.signal(signal.SIGCHLD, report_ends)
    while True:
        data, descriptors, _, _ = socket.recv_fds(requests, REQUEST_BYTES, 4)
        if not data:
            return None
        *standard, report = descriptors
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
        pid = os.fork()
        if pid == 0:
            for one in (report, *children.values()):
                os.close(one)
            requests.close()
            return become(json.loads(data), standard)
        for one in standard:
            os.close(one)
        children[pid] = report
        os.write(report, f"{pid}\n".encode())
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])


def preload() -> None:
    """What every start would do again: the imports, and with one daemon's life what is made at its
    first use and kept, such as compiled expressions and the models of the documented requests."""
    for module in pkgutil.walk_packages(guestd.__path__, "guestd."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    import_module("typer._adapters")  # by typer when it first reads an option
    thresholds = gc.get_threshold()
    asyncio.run(one_life())
    gc.unfreeze()
    gc.set_threshold(*thresholds)
    gc.collect()
    gc.freeze()  # so that no collection of a child copies these pages


async def one_life() -> None:
    config = Config.model_validate({"simulator": {"port": 0}})
    daemon = Daemon(config, asyncio.get_running_loop(), Notifier())
    try:
        await daemon.start(quiet=True)
    finally:
        await daemon.stop()


def report_ends(*_: object) -> None:
    while children:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        report = children.pop(pid)
        with contextlib.suppress(BrokenPipeError):  # the test that started it is over
            os.write(report, f"{os.waitstatus_to_exitcode(status)}\n".encode())
        os.close(report)


def become(request: dict[str, Any], standard: list[int]) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where tests run behind `&`
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
    for number, one in enumerate(standard):
        os.dup2(one, number)
        os.close(one)
    # Those of the server know what their descriptors were when it began.
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    sys.argv = [os.path.join(guestd.__path__[0], "__main__.py"), *request["arguments"]]
    try:
        run_guestd()
    except SystemExit as end:
        if end.code is not None and not isinstance(end.code, int):
            raise
        end_at_once(end.code or 0)
    else:
        end_at_once(0)


def end_at_once(code: int) -> None:
    """As the interpreter ends, but for the objects: to free each of them, of all modules, would
    copy nearly every page of the server. What cannot be written is left to the interpreter."""
    threading._shutdown()
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        return sys.exit(code)
    os._exit(code)


if __name__ == "__main__":
    main()
