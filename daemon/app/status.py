"""The status line: what the fleet is doing, each second on a terminal, each ten seconds elsewhere."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from typing import Any, TextIO

from .systemd import Notifier


def line_of(status: dict[str, Any]) -> str:
    p99 = status["echo_p99_s"]
    leaving = f", leaving {status['leaving']}" if status["leaving"] else ""
    return (
        f"live {status['live']}, resting {status['resting']}{leaving} | messages in {status['messages_in']},"
        f" out {status['messages_out']} | reordered {status['reordered']}, gaps filled {status['gaps_filled']}"
        f" | echo p99 {'-' if p99 is None else f'{p99 * 1000:.0f} ms'}"
    )


class StatusLine:
    """Rewrites one line on a terminal; elsewhere writes a new one now and then. Tells systemd the same."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        status: Callable[[], dict[str, Any]],
        notifier: Notifier,
        stream: TextIO | None = None,
    ) -> None:
        self._loop = loop
        self._status = status
        self._notifier = notifier
        self._stream = stream or sys.stderr
        self._is_terminal = self._stream.isatty() and os.environ.get("TERM") != "dumb"
        self._handle: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._show()

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
            if self._is_terminal:
                self._stream.write("\n")
                self._stream.flush()

    def _show(self) -> None:
        line = line_of(self._status())
        self._notifier.status(line)
        self._stream.write(f"\r\x1b[2K{line}" if self._is_terminal else f"{line}\n")
        self._stream.flush()
        self._handle = self._loop.call_later(1.0 if self._is_terminal else 10.0, self._show)
