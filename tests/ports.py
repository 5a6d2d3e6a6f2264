"""Ports for programs that are started, ended and started again on the same one."""

from __future__ import annotations

import socket
from functools import cache
from pathlib import Path
from random import SystemRandom

#: Not those at which browsers refuse a page (up to 6697), and not those that programs have by
#: default.
ALLOWED = [*range(7_000, 8_000), *range(9_100, 65_536)]
CHOSEN_BY_LINUX = Path("/proc/sys/net/ipv4/ip_local_port_range")


@cache
def candidates() -> list[int]:
    """Beside those that Linux chooses by itself: between two starts, no connection and no server of
    another test gets such a one."""
    lowest, highest = map(int, CHOSEN_BY_LINUX.read_text().split())
    return [port for port in ALLOWED if not lowest <= port <= highest] or ALLOWED


def free_port() -> int:
    while True:
        port = SystemRandom().choice(candidates())
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
