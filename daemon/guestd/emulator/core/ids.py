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
_MILLISECONDS = tuple(f".{ms:03d}Z" for ms in range(1000))
_RANDOM = ~_FIXED
_RANDOM_BESIDE_ONE = ~(_FIXED << 128)
_RANDOM_BESIDE_TWO = ~_FIXED_IN_TWO


# A load test draws three ids for each message: the hexadecimal digits of bytes are written several
# times faster than those of an integer.


def draw_hex(rng: Random) -> str:
    return rng.getrandbits(128).to_bytes(16, "big").hex()


def draw_uuid(rng: Random) -> str:
    """A random UUID (version 4), written without an object for each."""
    digits = (rng.getrandbits(128) & _RANDOM | _VERSION_4).to_bytes(16, "big").hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def draw_message_ids(rng: Random) -> tuple[str, str, str]:
    """A message's own id, its channel's and its correlation's, from one draw."""
    bits = rng.getrandbits(384) & _RANDOM_BESIDE_TWO | _TWO_OF_VERSION_4
    d = bits.to_bytes(48, "big").hex()
    return (
        d[:32],
        f"{d[32:40]}-{d[40:44]}-{d[44:48]}-{d[48:52]}-{d[52:64]}",
        f"{d[64:72]}-{d[72:76]}-{d[76:80]}-{d[80:84]}-{d[84:]}",
    )


def draw_reply_ids(rng: Random) -> tuple[str, str]:
    """What `draw_hex` and then `draw_uuid` would draw: a reply's own id and its correlation's."""
    bits = rng.getrandbits(256) & _RANDOM_BESIDE_ONE | _VERSION_4 << 128
    d = bits.to_bytes(32, "big").hex()
    return d[32:], f"{d[:8]}-{d[8:12]}-{d[12:16]}-{d[16:20]}-{d[20:32]}"


def iso(ms: int) -> str:
    """Epoch milliseconds as the platform writes a time."""
    return _second(ms // 1000) + _MILLISECONDS[ms % 1000]


@lru_cache(maxsize=64)
def _second(epoch_s: int) -> str:
    """Many messages share one."""
    return f"{datetime.fromtimestamp(epoch_s, UTC):%Y-%m-%dT%H:%M:%S}"
