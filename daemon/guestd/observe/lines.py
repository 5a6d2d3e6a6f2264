"""Lines for standard error and standard output, written by a thread of their own: a reader that
does not read never stops the program. What does not fit the queue is dropped, counted, and reported
in the stream as soon as something can be written again."""

from __future__ import annotations

import contextlib
import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable

#: A burst of some seconds at the most that the daemon ever logs; more is of no use to a reader.
LINES_MAX = 10_000
#: What a blocked reader may cost in memory.
QUEUE_BYTES_MAX = 8 * 1024 * 1024
#: A line longer than this is cut: most collectors of logs cut at 16 to 64 KiB themselves.
LINE_BYTES_MAX = 32 * 1024

_CUT = b" (cut)\n"

Sink = Callable[[bytes], None]


def descriptor_sink(descriptor: int) -> Sink:
    """Writes all of what it is given to a file descriptor, blocking or not. Raises OSError."""

    def write(data: bytes) -> None:
        while data:
            try:
                data = data[os.write(descriptor, data) :]
            except BlockingIOError:
                select.select([], [descriptor], [])

    return write


class LineWriter:
    """One bounded queue and one thread. Every method may be called from any thread, and none of
    them waits but `close`.

    `drop_note(count)` gives the line that says how many lines were dropped; it goes to `drop_sink`.
    """

    def __init__(self, drop_sink: Sink, drop_note: Callable[[int], str]) -> None:
        self._drop_sink = drop_sink
        self._drop_note = drop_note
        self._changed = (
            threading.Condition()
        )  # over an RLock: a finalizer may log while this thread holds it
        self._waiting: deque[tuple[Sink, bytes]] = deque()
        self._waiting_bytes = 0
        self._is_writing = self._is_closed = False
        self._noted = 0
        self.dropped = 0
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def write(self, sink: Sink, line: str) -> None:
        """Queue a line, its newline included; without room it is dropped and counted."""
        data = line.encode("utf-8", "backslashreplace")
        if len(data) > LINE_BYTES_MAX:
            data = data[: LINE_BYTES_MAX - len(_CUT)].decode("utf-8", "ignore").encode() + _CUT
        with self._changed:
            if self._is_full(len(data)):
                self.dropped += 1
                return
            self._waiting.append((sink, data))
            self._waiting_bytes += len(data)
            self._changed.notify_all()

    def write_if_idle(self, sink: Sink, text: str) -> None:
        """For a text that the next one replaces (a status line): skipped, and not counted, while
        others wait."""
        if self.is_idle():
            self.write(sink, text)

    def is_idle(self) -> bool:
        with self._changed:
            return not self._waiting and not self._is_writing

    def is_full(self) -> bool:
        """Whether a line would be dropped: a caller may spare itself the work of making one."""
        with self._changed:
            return self._is_full(0)

    def count_dropped(self) -> None:
        """A line that was not even made, because `is_full`."""
        with self._changed:
            self.dropped += 1

    def flush(self, timeout_s: float) -> bool:
        """Wait until all is written; False if the reader does not take it within `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            return self._changed.wait_for(self.is_idle, max(0.0, deadline - time.monotonic()))

    def close(self, timeout_s: float) -> bool:
        """`flush`, then end the thread. What a blocked reader has not taken by then is lost."""
        done = self.flush(timeout_s)
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        if done and threading.current_thread() is not self._thread:
            self._thread.join(timeout_s)
        return done

    def _is_full(self, more_bytes: int) -> bool:
        too_many = (
            len(self._waiting) >= LINES_MAX or self._waiting_bytes + more_bytes > QUEUE_BYTES_MAX
        )
        return too_many or self._is_closed

    # ------------------------------------------------------------------ the writer's thread

    def _run(self) -> None:
        while True:
            with self._changed:
                self._is_writing = False
                self._changed.notify_all()
                while not self._waiting and not self._is_closed:
                    self._changed.wait()
                if not self._waiting:
                    return
                sink, data = self._waiting.popleft()
                self._waiting_bytes -= len(data)
                self._is_writing = True
                lost, self._noted = self.dropped - self._noted, self.dropped
            if not self._write(sink, data):
                with self._changed:
                    self.dropped += 1
            elif lost:
                self._write(self._drop_sink, self._drop_note(lost).encode())

    def _write(self, sink: Sink, data: bytes) -> bool:
        """False if there is no reader any more, or no room on its disk: that is no reason to stop
        either."""
        with contextlib.suppress(OSError, ValueError):
            sink(data)
            return True
        return False
