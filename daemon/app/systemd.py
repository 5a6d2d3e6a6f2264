"""Talking to systemd: readiness, status, watchdog. A datagram to `NOTIFY_SOCKET`; nothing at all without one.

A manager that does not read its socket must not hold up the loop: nothing here waits. What systemd acts on (ready, stopping, more
time) is kept while it cannot be sent, and sent again with `flush`; a status or a sign of life is simply left out.
"""

from __future__ import annotations

import os
import socket
import time
from collections import deque

#: More than are ever given in one life.
KEPT_MAX = 8


class Notifier:
    """Every call is harmless outside systemd."""

    def __init__(self) -> None:
        address = os.environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        watchdog_us = os.environ.get("WATCHDOG_USEC", "")
        for_us = os.environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        is_figure = watchdog_us.isascii() and watchdog_us.isdigit()
        self.watchdog_s = int(watchdog_us) / 1e6 if is_figure and for_us else None
        self._kept: deque[str] = deque(maxlen=KEPT_MAX)

    def ready(self, status: str) -> None:
        self._send_surely(f"READY=1\nSTATUS={status}")

    def status(self, text: str) -> None:
        self._send(f"STATUS={text}")

    def alive(self) -> None:
        self._send("WATCHDOG=1")

    def stopping(self, status: str) -> None:
        self._send_surely(f"STOPPING=1\nSTATUS={status}")

    def extend(self, seconds: float) -> None:
        """Ask for this much more time to start or stop."""
        self._send_surely(f"EXTEND_TIMEOUT_USEC={int(seconds * 1e6)}\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def flush(self) -> None:
        """Try again what could not be sent."""
        while self._kept and self._send(self._kept[0]):
            self._kept.popleft()

    def _send_surely(self, message: str) -> None:
        self._kept.append(message)
        self.flush()

    def _send(self, message: str) -> bool:
        """False: the manager's queue is full, and it may be sent later."""
        if not self._address:
            return True
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK) as sock:
                sock.sendto(message.encode(), self._address)
        except BlockingIOError:
            return False
        except OSError:
            return True  # a manager that is not there is no reason to try again
        return True
