"""The configuration of a run: the user's own, and what the run's options say over it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..config import Config
from ..load_config import load_config
from .options import RunOptions

#: A process is full long before.
SESSIONS_MAX = 1_000_000


def own_config(options: RunOptions, flags: Mapping[str, Any]) -> Config:
    """Raises ConfigError."""
    path = Path(options.config) if options.config else None
    return load_config(path, os.environ, dict(flags))


def run_config(options: RunOptions, flags: Mapping[str, Any]) -> Config:
    """That of one process of the run, with its share of the connect budget. Raises ConfigError."""
    over = dict(flags)
    if options.emulator:
        over["platform.emulator"] = options.emulator
    over["limits.max_sessions"] = SESSIONS_MAX
    admission = own_config(options, over).admission
    per_minute = options.connects_per_minute or admission.connects_per_minute
    over["admission.connects_per_minute"] = share(per_minute, options)
    over["admission.burst"] = share(admission.burst, options)
    return own_config(options, over)


def share(whole: int, options: RunOptions) -> int:
    """This worker's part; the parts add up to the whole, but none is 0."""
    less = whole // options.workers
    return max(1, less + (options.worker < whole % options.workers))
