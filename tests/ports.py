"""Ports for programs that are started, ended and started again on the same one."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from functools import cache
from itertools import cycle
from pathlib import Path
from random import SystemRandom

#: Not those at which browsers refuse a page (up to 6697), and not those that programs have by
#: default.
ALLOWED = [*range(7_000, 8_000), *range(9_100, 65_536)]
CHOSEN_BY_LINUX = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free_port() -> int:
    """One that no other test of this run gets soon, in this worker or another."""
    while True:
        port = next(_candidates())
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


@cache
def _candidates() -> Iterator[int]:
    """This worker's share, one after the other, of those beside the ones that Linux chooses by
    itself: between two starts, no connection and no server gets such a one."""
    lowest, highest = map(int, CHOSEN_BY_LINUX.read_text().split())
    ports = [port for port in ALLOWED if not lowest <= port <= highest] or ALLOWED
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    share = ports[number :: int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))]
    SystemRandom().shuffle(share)
    return cycle(share)
