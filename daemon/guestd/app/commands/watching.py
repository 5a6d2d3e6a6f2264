"""A person watches a command that has no end of its own: q and Ctrl-C are the end of it, and
nothing went wrong. A daemon that goes away meanwhile is waited for."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import termios
import tty
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from ...model.errors import PlatformUnavailable
from ..chat.connection import PAUSES_S
from ..control_client import ApiRefusal
from .readable import span

if TYPE_CHECKING:
    from rich.console import RenderableType

Found = TypeVar("Found")

#: What a proxy says in the place of a daemon that is away, and a daemon that cannot answer now.
_AWAY = (502, 503, 504)

#: One that takes longer to answer hangs, or the way to it is cut.
ANSWER_S = 10.0


async def keep_looking(
    ask: Callable[[], Awaitable[Found]],
    draw: Callable[[Found, str], RenderableType],
    show: Callable[[RenderableType], None],
    every_s: float,
) -> None:
    """Ask every `every_s` seconds and show what was found; without end. `draw` gets what was found
    last, and since when the daemon does not answer, "" if it does. Raises ApiRefusal, and
    PlatformUnavailable only if no answer ever came."""
    found = await ask()
    lost_at: datetime | None = None
    pauses = iter(PAUSES_S)
    while True:
        show(draw(found, "" if lost_at is None else _since(lost_at)))
        await asyncio.sleep(every_s if lost_at is None else next(pauses, PAUSES_S[-1]))
        try:
            async with asyncio.timeout(ANSWER_S):
                found = await ask()
            lost_at = None
        except (PlatformUnavailable, ApiRefusal, TimeoutError) as error:
            if isinstance(error, ApiRefusal) and error.problem_document.get("status") not in _AWAY:
                raise
            if lost_at is None:
                lost_at, pauses = datetime.now().astimezone(), iter(PAUSES_S)


def _since(lost_at: datetime) -> str:
    """Time of day where the reader is, and how long ago that was."""
    passed_s = (datetime.now().astimezone() - lost_at).total_seconds()
    return f"{lost_at:%H:%M:%S} ({span(passed_s)})"


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
