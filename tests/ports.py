"""Ports for programs that are started, ended and started again on the same one."""

from __future__ import annotations

import socket
from random import SystemRandom

#: Below those that Linux chooses by itself: between two starts, no connection and no server of
#: another test gets it.
RANGE = range(20_000, 32_000)


def free_port() -> int:
    while True:
        port = SystemRandom().choice(RANGE)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
