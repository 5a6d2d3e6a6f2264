"""Ids from a seed, and times as the platform writes them."""

from __future__ import annotations

from binascii import hexlify
from datetime import UTC, datetime
from functools import lru_cache
from random import Random

#: Where a UUID of version 4 says so; the other bits are random.
_FIXED = 0xF000_C000_0000_0000_0000
_VERSION_4 = 0x4000_8000_0000_0000_0000
_FIXED_IN_TWO = _FIXED << 128 | _FIXED
_TWO_OF_VERSION_4 = _VERSION_4 << 128 | _VERSION_4
_ONE_OF_VERSION_4 = _VERSION_4 << 128
_RANDOM = ~_FIXED
_RANDOM_BESIDE_ONE = ~(_FIXED << 128)
_RANDOM_BESIDE_TWO = ~_FIXED_IN_TWO


# A load test draws three ids for each message. The hexadecimal digits of bytes are written several
# times faster than those of an integer, and `translate` sets all dashes in one call: a layout names
# for each character its place in a table, which is the digits that were drawn and then dashes.

_TABLE_BYTES = 256
_DASH = b"\xff"


def draw_hex(rng: Random) -> str:
    return rng.getrandbits(128).to_bytes(16, "big").hex()


def draw_uuid(rng: Random) -> str:
    """A random UUID (version 4), written without an object for each."""
    return _laid_out(rng.getrandbits(128) & _RANDOM | _VERSION_4, 16, _ONE)


def draw_message_ids(rng: Random) -> tuple[str, str, str]:
    """A message's own id, its channel's and its correlation's, from one draw."""
    bits = rng.getrandbits(384) & _RANDOM_BESIDE_TWO | _TWO_OF_VERSION_4
    ids = _laid_out(bits, 48, _HEX_AND_TWO)
    return ids[:32], ids[32:68], ids[68:]


def draw_reply_ids(rng: Random) -> tuple[str, str]:
    """What `draw_hex` and then `draw_uuid` would draw: a reply's own id and its correlation's."""
    bits = rng.getrandbits(256) & _RANDOM_BESIDE_ONE | _ONE_OF_VERSION_4
    ids = _laid_out(bits, 32, _ONE_AND_HEX)
    return ids[36:], ids[:36]


def _laid_out(bits: int, size_bytes: int, layout: bytes) -> str:
    digits = hexlify(bits.to_bytes(size_bytes, "big"))
    return layout.translate(digits.ljust(_TABLE_BYTES, b"-")).decode()


def _uuid_at(at: int) -> bytes:
    """The layout of a UUID whose digits begin there."""
    places = bytes(range(at, at + 32))
    return _DASH.join((places[:8], places[8:12], places[12:16], places[16:20], places[20:]))


_ONE = _uuid_at(0)
_ONE_AND_HEX = _ONE + bytes(range(32, 64))
_HEX_AND_TWO = bytes(range(32)) + _uuid_at(32) + _uuid_at(64)


# Under load many messages share a millisecond, and nearly all a second.


@lru_cache(maxsize=64)
def iso(ms: int) -> str:
    """Epoch milliseconds as the platform writes a time."""
    return f"{_second(ms // 1000)}.{ms % 1000:03d}Z"


@lru_cache(maxsize=64)
def _second(epoch_s: int) -> str:
    return f"{datetime.fromtimestamp(epoch_s, UTC):%Y-%m-%dT%H:%M:%S}"
