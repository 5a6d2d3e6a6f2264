"""Where runs keep what must outlive them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def state_directory(environment: Mapping[str, str]) -> Path:
    """`$XDG_STATE_HOME/guestd/load`, else `~/.local/state/guestd/load`."""
    home = environment.get("XDG_STATE_HOME", "")
    base = Path(home) if home.startswith("/") else Path.home() / ".local" / "state"
    return base / "guestd" / "load"
