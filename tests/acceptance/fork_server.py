"""Starts `guestd` many times in no time: everything is imported once, then each start is a fork.

Each line on standard input is a JSON list of arguments; the answer is the child's pid. The child is
the real program: it parses the arguments, runs its own loop, and dies of what it is sent.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from importlib import import_module

import uvloop  # noqa: F401

from guestd.app.cli import app

#: What the program imports only when it is wanted; without it each life would begin with seconds of
#: importing.
WANTED = ("guestd.app.commands.serve", "guestd.identity.keys", "guestd.identity.tokens")


def main() -> None:
    for name in WANTED:
        import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.close(0)
            log = os.open(os.environ["ZYGOTE_LOG"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            os.dup2(log, 1)
            os.dup2(log, 2)
            app(json.loads(line), prog_name="guestd")
        print(pid, flush=True)


if __name__ == "__main__":
    main()
