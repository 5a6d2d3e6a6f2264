"""Ids from a seed, and times as the platform writes them."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from random import Random

#: Where a UUID of version 4 says so; the other bits are random.
_FIXED = 0xF000_C000_0000_0000_0000
_VERSION_4 = 0x4000_8000_0000_0000_0000
_FIXED_IN_TWO = _FIXED << 128 | _FIXED
_TWO_OF_VERSION_4 = _VERSION_4 << 128 | _VERSION_4


def draw_hex(rng: Random) -> str:
    return f"{rng.getrandbits(128):032x}"


def draw_uuid(rng: Random) -> str:
    """A random UUID (version 4), written without an object for each."""
    return _uuid(f"{rng.getrandbits(128) & ~_FIXED | _VERSION_4:032x}")


def draw_message_ids(rng: Random) -> tuple[str, str, str]:
    """A message's own id, its channel's and its correlation's, from one draw."""
    digits = f"{rng.getrandbits(384) & ~_FIXED_IN_TWO | _TWO_OF_VERSION_4:096x}"
    return digits[:32], _uuid(digits[32:64]), _uuid(digits[64:])


def _uuid(digits: str) -> str:
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def iso(ms: int) -> str:
    """Epoch milliseconds as the platform writes a time."""
    return f"{_second(ms // 1000)}.{ms % 1000:03d}Z"


@lru_cache(maxsize=64)
def _second(epoch_s: int) -> str:
    """Many messages share one."""
    return f"{datetime.fromtimestamp(epoch_s, UTC):%Y-%m-%dT%H:%M:%S}"
