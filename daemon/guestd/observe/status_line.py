"""One line at the bottom of a terminal that others are written above: it is taken away before a
line is written, and put back behind it. Only the log's writing thread comes here, so that nothing
of it can interleave."""

from __future__ import annotations

from .lines import Sink

CLEAR = b"\r\x1b[2K"


class BottomLine:
    """`above(sink)` for lines, `show` for the line itself; an empty one takes it away."""

    def __init__(self, terminal: Sink) -> None:
        self._terminal = terminal
        self._shown = b""

    def above(self, sink: Sink) -> Sink:
        def write(data: bytes) -> None:
            if not self._shown:
                sink(data)
                return
            sink(CLEAR + data)
            self._terminal(self._shown)

        return write

    def show(self, data: bytes) -> None:
        """In place of the one before. It must be shorter than the terminal is wide."""
        if data or self._shown:
            self._terminal(CLEAR + data)
        self._shown = data
