"""The status line: what the fleet is doing, each second on a terminal; elsewhere only systemd is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from ..observe.output import Output
from .systemd import Notifier

TERMINAL_S = 1.0
SYSTEMD_S = 10.0


def line_of(status: dict[str, Any]) -> str:
    p99 = status["echo_p99_s"]
    leaving = f", leaving {status['leaving']}" if status["leaving"] else ""
    trouble = "".join(f"{word}; " for word in status.get("trouble", ()))
    return (
        f"{trouble}live {status['live']}, resting {status['resting']}{leaving} | messages in {status['messages_in']},"
        f" out {status['messages_out']} | reordered {status['reordered']}, gaps filled {status['gaps_filled']}"
        f" | echo p99 {'-' if p99 is None else f'{p99 * 1000:.0f} ms'}"
    )


class StatusLine:
    """One timer. `start` and `stop` it on the loop."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, status: Callable[[], dict[str, Any]], notifier: Notifier, output: Output
    ) -> None:
        self._loop = loop
        self._status = status
        self._notifier = notifier
        self._output = output
        self._handle: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._show()

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
            self._output.status("")

    def _show(self) -> None:
        line = line_of(self._status())
        self._notifier.status(line)
        self._output.status(line)
        self._handle = self._loop.call_later(TERMINAL_S if self._output.is_terminal else SYSTEMD_S, self._show)
