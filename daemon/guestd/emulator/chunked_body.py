"""Where a chunked body ends (RFC 9112, 7.1)."""

from __future__ import annotations

import re

#: A chunk's size with its extensions, or a line of the trailer.
LINE_BYTES_MAX = 8_190

_SIZE = re.compile(rb"[0-9a-fA-F]{1,15}")


class ChunkedBody:
    """What is not well formed never ends: aiohttp, which reads the same, refuses it and closes."""

    __slots__ = ("_in_trailer", "_is_broken", "_left", "_line", "is_over")

    def __init__(self) -> None:
        self._left = 0  # of a chunk, with the line end behind it
        self._line = b""
        self._in_trailer = self._is_broken = self.is_over = False

    def take(self, data: bytes) -> int:
        """How many of these bytes belong to the body."""
        at = 0
        while at < len(data) and not self.is_over:
            if self._is_broken:
                return len(data)
            if self._left:
                step = min(self._left, len(data) - at)
                self._left -= step
                at += step
            else:
                end = data.find(b"\n", at) + 1
                self._line += data[at : end or len(data)]
                at = end or len(data)
                self._is_broken = len(self._line) > LINE_BYTES_MAX
                if end and not self._is_broken:
                    self._read_line()
        return at

    def _read_line(self) -> None:
        line, self._line = self._line.strip(), b""
        if self._in_trailer:
            self.is_over = not line
            return
        size = _SIZE.fullmatch(line.partition(b";")[0].strip())
        if size is None:
            self._is_broken = True
        elif length := int(size[0], 16):
            self._left = length + 2
        else:
            self._in_trailer = True
