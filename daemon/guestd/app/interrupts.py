"""Ctrl-C while the program is loaded: it leaves, without a traceback of half an import."""

from __future__ import annotations

import os
import signal

#: Exit code of what a person interrupted.
INTERRUPTED = 130


def leave_at_once(*_: object) -> None:
    """Nothing is begun yet that would want to be ended in an orderly way."""
    os._exit(INTERRUPTED)


def may_interrupt() -> None:
    """From here on Ctrl-C is an exception, which cleans up."""
    if signal.getsignal(signal.SIGINT) is leave_at_once:
        signal.signal(signal.SIGINT, signal.default_int_handler)
