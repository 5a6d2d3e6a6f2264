"""Where the program begins. For the daemon, signals wait from here on: to load all of it takes a
second, and a signal that ends a process by default would end it then. `commands/serve.py` takes
them up."""

from __future__ import annotations

import signal
import sys

HANDLED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


def hold_signals() -> None:
    """From now on they wait for who takes them. Threads that start later inherit this."""
    signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)


def take_signals() -> None:
    """What a parent may have left blocked would otherwise never reach us: SIGTERM would not end
    `guestd emulate`."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)


def main() -> None:
    if sys.argv[1:2] == ["serve"]:
        hold_signals()
    else:
        take_signals()
    from .cli import main as run_command

    run_command()
