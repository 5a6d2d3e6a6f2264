"""All fuzz targets by name."""

from __future__ import annotations

from .configuration import Configuration
from .http_heads import HttpHeads
from .journal_rows import JournalRows
from .multipart import Multipart
from .platform_frames import PlatformFrames
from .simulator_frames import SimulatorFrames
from .target import Target

TARGETS: dict[str, type[Target]] = {
    one.name: one
    for one in (PlatformFrames, SimulatorFrames, HttpHeads, Multipart, JournalRows, Configuration)
}
