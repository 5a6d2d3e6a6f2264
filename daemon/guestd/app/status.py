"""The status line: what the guest sessions are doing, on a terminal and for systemd; in a log it
would only be noise."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from typing import Any

from .systemd import Notifier

TERMINAL_PERIOD_S = 1.0
SYSTEMD_PERIOD_S = 10.0


def line_of(status: dict[str, Any]) -> str:
    """At most 79 columns with figures of six digits."""
    p99 = status["echo_p99_s"]
    leaving = f", {status['leaving']} leaving" if status["leaving"] else ""
    return (
        f"{status['live']} live, {status['resting']} not live{leaving} |"
        f" {status['messages_in']} in, {status['messages_out']} out | echo"
        f" {'-' if p99 is None else f'{p99 * 1000:.0f} ms'} | {status['reordered']} reordered"
    )


def fitted(line: str, columns: int) -> str:
    """A line that wraps would stay behind when it is replaced."""
    return line if len(line) < columns else f"{line[: columns - 2]}…"


class StatusLine:
    """Replaces one line on a terminal each second; elsewhere writes nothing. Tells systemd the
    same, each ten seconds.

    `write` must not block; "" takes the line away."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        describe: Callable[[], str],
        notifier: Notifier,
        write: Callable[[str], None],
        is_terminal: bool,
    ) -> None:
        self._loop = loop
        self._describe = describe
        self._notifier = notifier
        self._write = write
        self._is_terminal = is_terminal
        self._period_s = TERMINAL_PERIOD_S if is_terminal else SYSTEMD_PERIOD_S
        self._handle: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._show()

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
            if self._is_terminal:
                self._write("")

    def _show(self) -> None:
        line = self._describe()
        self._notifier.status(line)
        if self._is_terminal:
            self._write(fitted(line, shutil.get_terminal_size().columns))
        self._handle = self._loop.call_later(self._period_s, self._show)
