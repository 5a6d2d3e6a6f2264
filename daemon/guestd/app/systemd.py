"""Talking to systemd: readiness, status, watchdog. A datagram to `NOTIFY_SOCKET`; nothing at all
without one.

No message is ever waited for: a manager that does not read must not stop the event loop. A message
that a later one replaces (status, watchdog) is dropped; the others are kept, and tried again by
`retry`."""

from __future__ import annotations

import os
import socket
import time
from collections import deque

from ..model.numbers import whole_number

#: READY, STOPPING and two extensions of the time; there are no more.
KEPT_MAX = 8


class Notifier:
    """Every call is harmless outside systemd, and none blocks."""

    def __init__(self) -> None:
        address = os.environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        watchdog_us = os.environ.get("WATCHDOG_USEC", "")
        for_us = os.environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        interval_us = whole_number(watchdog_us) if for_us else None
        self.watchdog_s = interval_us / 1e6 if interval_us else None
        self._kept: deque[str] = deque(maxlen=KEPT_MAX)

    def ready(self, status: str) -> None:
        self._send_surely(f"READY=1\nSTATUS={_line(status)}")

    def status(self, text: str) -> None:
        self._send(f"STATUS={_line(text)}")

    def alive(self) -> None:
        self._send("WATCHDOG=1")

    def stopping(self, status: str) -> None:
        self._send_surely(f"STOPPING=1\nSTATUS={_line(status)}")

    def extend(self, seconds: float) -> None:
        """Ask for this much more time to start or stop."""
        self._send_surely(
            f"EXTEND_TIMEOUT_USEC={int(seconds * 1e6)}"
            f"\nMONOTONIC_USEC={time.monotonic_ns() // 1000}"
        )

    def retry(self) -> None:
        """Send, in their order, the kept messages that found no room before. Call it now and
        then."""
        while self._kept and self._send(self._kept[0]):
            self._kept.popleft()

    def _send_surely(self, message: str) -> None:
        self._kept.append(message)
        self.retry()

    def _send(self, message: str) -> bool:
        """False if the manager's queue is full just now. One that does not listen at all is no
        reason to stop."""
        if not self._address:
            return True
        try:
            with socket.socket(
                socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
            ) as sock:
                sock.sendto(message.encode("utf-8", "backslashreplace"), self._address)
        except BlockingIOError:
            return False
        except OSError:
            pass
        return True


def _line(text: str) -> str:
    """One assignment of the protocol ends with its line."""
    return " ".join(text.split())
