"""Where the program begins. For the daemon, signals wait from here on: to load all of it takes a
second, and a signal that ends a process by default would end it then. `commands/serve.py` takes
them up. Other commands just leave at a Ctrl-C while they are loaded."""

from __future__ import annotations

import signal
import sys

from .interrupts import leave_at_once

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
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, leave_at_once)
        take_signals()
    from .cli import main as run_command

    run_command()
