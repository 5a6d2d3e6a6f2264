"""A faithful, stateful, offline stand-in for Genesys Cloud web messaging. It is not the platform,
and says so.

`Emulator(EmulatorSettings())`. The two are looked up when they are first used: a daemon that talks
with the real platform loads none of this, and is up sooner.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .server import Emulator
    from .settings import EmulatorSettings

__all__ = ["DEFAULT_DEPLOYMENT_ID", "DEFAULT_QUEUE_ID", "Emulator", "EmulatorSettings"]

DEFAULT_DEPLOYMENT_ID = "0b7d4c1e-5a0e-4e6a-9b1d-2f6f6c1f9a10"
DEFAULT_QUEUE_ID = "5c1a7e52-90d4-4b6f-8a0e-7d2b3c4e5f60"

_ROOMS = {"Emulator": ".server", "EmulatorSettings": ".settings"}


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_ROOMS[name], __name__), name)
