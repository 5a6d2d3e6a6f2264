"""What the platform API may ask of the emulator."""

from __future__ import annotations

from typing import Protocol

from ..context import ServerContext
from .api import PlatformApi
from .upload_storage import UploadStorage


class PlatformContext(ServerContext, Protocol):
    """`platform_api` is replaced when the emulator is reset: ask for it at each call."""

    platform_api: PlatformApi
    storage: UploadStorage
