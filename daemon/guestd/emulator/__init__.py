"""A faithful, stateful, offline stand-in for Genesys Cloud web messaging. Every HTTP answer says
that it is not the platform.

    settings  setting_list          what can be configured
    agents/                         scripted agents as data
    core/                           the pure world: sessions, conversations, messages, files, faults
    webchat/  guest_api/            the WebSockets of guests
    platform_api/                   REST: queues, contacts, conversations, injections, files
    admin/                          `/__emulator/…`, for tests
    server  demux  tls  context     the running emulator: one port for all of them

`Emulator(EmulatorSettings())`. Both are imported when they are first used, so that a daemon that
talks to the real platform starts without them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .server import Emulator
    from .settings import EmulatorSettings

__all__ = [
    "DEFAULT_AGENT",
    "DEFAULT_CLIENT_ID",
    "DEFAULT_CLIENT_SECRET",
    "DEFAULT_DEPLOYMENT_ID",
    "DEFAULT_QUEUE_ID",
    "GUEST_HEADER",
    "SESSION_HEADER",
    "Emulator",
    "EmulatorSettings",
]

DEFAULT_DEPLOYMENT_ID = "0b7d4c1e-5a0e-4e6a-9b1d-2f6f6c1f9a10"
DEFAULT_QUEUE_ID = "5c1a7e52-90d4-4b6f-8a0e-7d2b3c4e5f60"
#: In the upgrade of a guest's WebSocket, percent-encoded: by it `/__emulator/` finds the guest.
GUEST_HEADER = "X-Guestd-Guest"
#: The same with guestd's own id of the guest session.
SESSION_HEADER = "X-Guestd-Session"
DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET = "emulator-client", "emulator-secret"
#: Who answers unless another is named, wherever an emulator is started.
DEFAULT_AGENT = "human"

_LAZY = {"Emulator": ".server", "EmulatorSettings": ".settings"}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LAZY[name], __name__), name)
