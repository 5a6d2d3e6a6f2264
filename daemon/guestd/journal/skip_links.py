"""How an event of a stream is found without an index: each names two that came before it.

An index over (session, seq) grows in as many places as guest sessions speak. Once it is larger than
a few thousand pages, every row of a commit dirties a page of its own, to be written twice. A table
that only grows at its right edge packs twenty rows on a page, whatever its size. Measured with a
million rows of 5,000 streams: with the index a row costs 39 µs of CPU and 9.4 kB written, with
these links 10 µs and 1.7 kB. So the events themselves are the index. Event n of a stream holds the
offsets of

    prev   event n - 1          all of a stretch, one after the other
    jump   event n & (n - 1)    n without its lowest bit: 12 -> 8, 13 -> 12, 16 -> 0 (none)

and `heads` has each stream's newest. To come from there to event k: jump wherever that does not
pass k, else go one back. From 13 to 3: 12, 8 (one back), 7, 6, 4 (one back), 3. Of a number with b
bits that takes no more than b * (b + 1) / 2 steps: seventy-eight for four thousand events, about a
microsecond each.

What the next event needs is on the way from the newest to none by jumps alone, one offset for each
bit of its seq, and that is all the writer keeps of a stream. It is the binary counter: adding one
clears the ones at the end and sets the bit before them.

        seq      path (the seqs; in truth their offsets)
        1011     1000  1010  1011
        1100     1000  1100      prev ends the path before, jump is the last but one after

No index holds seqs unique any more. The writer does: a seq is accepted only if it is the next one.
"""

from __future__ import annotations

from collections.abc import Sequence


class SkipLinks:
    """One stream's end: `number` is the stream's in the file, `seq` and `path` are those of its
    newest event."""

    __slots__ = ("number", "path", "seq")

    def __init__(self, number: int, seq: int = 0, path: Sequence[int] = ()) -> None:
        self.number = number
        self.seq = seq
        self.path = list(path)

    def append(self, seq: int, offset: int) -> tuple[int, int]:
        """`prev` and `jump` of the next event. Raises ValueError if it is not the next one."""
        if seq != self.seq + 1:
            raise ValueError(f"seq {seq} after {self.seq} in stream {self.number}")
        path = self.path
        prev = path[-1] if path else 0
        del path[seq.bit_count() - 1 :]
        jump = path[-1] if path else 0
        path.append(offset)
        self.seq = seq
        return prev, jump
