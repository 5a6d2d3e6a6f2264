"""Ids from a seed, and times as the platform writes them."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random
from uuid import UUID


def draw_hex(rng: Random) -> str:
    return f"{rng.getrandbits(128):032x}"


def draw_uuid(rng: Random) -> str:
    return str(UUID(int=rng.getrandbits(128), version=4))


def iso(ms: int) -> str:
    """Epoch milliseconds as the platform writes a time."""
    return f"{datetime.fromtimestamp(ms // 1000, UTC):%Y-%m-%dT%H:%M:%S}.{ms % 1000:03d}Z"
