"""What the operating system says of this process. Each figure costs one call, whatever the number
of its open files."""

from __future__ import annotations

import os
import resource
import time
from pathlib import Path

from ..observe.periods import ProcessFigures

_PAGE_BYTES = resource.getpagesize()


def process_figures() -> ProcessFigures:
    return ProcessFigures(time.process_time(), _rss_bytes(), open_files())


def open_files() -> int:
    """0 where only a count of all of them would tell: Linux says it since 6.2."""
    try:
        return os.stat("/proc/self/fd").st_size
    except OSError:
        return 0


def open_files_max() -> int:
    """0: no limit."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 0 if soft == resource.RLIM_INFINITY else soft


def _rss_bytes() -> int:
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE_BYTES
    except (OSError, ValueError, IndexError):
        return 0
