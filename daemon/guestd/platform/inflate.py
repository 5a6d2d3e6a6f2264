"""An answer's body, read up to a bound, whatever a kilobyte of it unpacks to.

A compressed megabyte may hold a gigabyte, and some versions of the HTTP library unpack each piece
whole before it can be counted. So it leaves the unpacking to us, and a piece is unpacked no further
than the bound."""

from __future__ import annotations

import zlib

ACCEPTED = "gzip, deflate"
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS  # which of the two, the head of the data says


class TooLong(Exception):
    """More than the bound, packed or unpacked."""


class Body:
    """`take` the pieces, then `whole`. Raises TooLong, or ValueError for data that cannot be
    unpacked."""

    def __init__(self, encoding: str, bytes_max: int) -> None:
        plain = encoding.strip().lower()
        if plain not in ("", "identity", "gzip", "x-gzip", "deflate"):
            raise ValueError("an encoding that was not asked for")
        self._unpacker = None if plain in ("", "identity") else zlib.decompressobj(_GZIP_OR_ZLIB)
        self._bytes_max = bytes_max
        self._read = bytearray()

    def take(self, piece: bytes) -> None:
        if self._unpacker is not None:
            try:
                piece = self._unpacker.decompress(piece, self._bytes_max - len(self._read) + 1)
            except zlib.error:
                raise ValueError("data that cannot be unpacked") from None
        self._read += piece
        if len(self._read) > self._bytes_max:
            raise TooLong

    def whole(self) -> bytes:
        if self._unpacker is not None and self._read and not self._unpacker.eof:
            raise ValueError("packed data that ends too early")
        return bytes(self._read)
