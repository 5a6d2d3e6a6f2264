"""What a run says to people, whether or not they still read: its verdict is in its exit code and
its files, and those do not depend on a reader who has enough, like `head`."""

from __future__ import annotations

import os
import sys
from typing import TextIO

_not_said: list[OSError] = []


def not_said() -> OSError | None:
    """Why something could not be written since this was asked last, but for a reader who was
    gone."""
    first = next(iter(_not_said), None)
    _not_said.clear()
    return first


def say(text: str) -> None:
    """A line on standard output, at once, also where that is a pipe."""
    write(sys.stdout, f"{text}\n")


def note(text: str) -> None:
    """As `say`, on standard error."""
    write(sys.stderr, f"{text}\n")


def write(stream: TextIO, text: str) -> None:
    """All of it, now. If the stream's reader is gone, or its disk is full, this and what follows is
    not written."""
    try:
        stream.write(text)
        stream.flush()
    except OSError as bad:
        if not isinstance(bad, BrokenPipeError):
            _not_said.append(bad)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
