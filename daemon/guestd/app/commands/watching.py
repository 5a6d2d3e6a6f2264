"""A person watches a command that has no end of its own: q and Ctrl-C are the end of it, and
nothing went wrong."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import termios
import tty
from collections.abc import Coroutine, Iterator
from typing import Any


async def until_q(work: Coroutine[Any, Any, None]) -> None:
    """Do `work` until it ends, or until q is pressed. Raises what it raises."""
    quit_asked = asyncio.Event()
    with _keys(quit_asked):
        task, waiting = asyncio.ensure_future(work), asyncio.ensure_future(quit_asked.wait())
        try:
            await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                task.result()
        finally:
            task.cancel()
            waiting.cancel()
            await asyncio.gather(task, waiting, return_exceptions=True)


@contextlib.contextmanager
def _keys(quit_asked: asyncio.Event) -> Iterator[None]:
    """Without a terminal, or in the background of one, there are no keys."""
    if not sys.stdin.isatty() or _is_in_the_background():
        yield
        return
    fd = sys.stdin.fileno()

    def pressed() -> None:
        if os.read(fd, 64).lower().startswith(b"q"):
            quit_asked.set()

    before = termios.tcgetattr(fd)
    loop = asyncio.get_running_loop()
    try:
        tty.setcbreak(fd)
        loop.add_reader(fd, pressed)
        yield
    finally:
        loop.remove_reader(fd)
        termios.tcsetattr(fd, termios.TCSADRAIN, before)


def _is_in_the_background() -> bool:
    """Such a process would be stopped for changing the terminal."""
    try:
        return os.tcgetpgrp(sys.stdin.fileno()) != os.getpgrp()
    except OSError:  # it is a terminal, but not the one that controls us
        return False
