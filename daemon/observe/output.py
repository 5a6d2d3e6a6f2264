"""The one way to standard output and standard error: a bounded queue, and a thread that writes.

A terminal that was stopped with Ctrl-S and a pipe that nobody reads block whoever writes into them, for ever. So nothing that
must go on writes by itself: it puts a line into the queue and goes on; the thread alone is blocked. What does not fit into the
queue is dropped, counted, and said with the next line that fits.

The thread writes to the file descriptors, past Python's own buffers: those have a lock that a blocked thread would hold, and
the interpreter waits for it when it ends.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TextIO

#: Lines that wait: some seconds of a flood at a size of a few megabytes.
LINES_MAX = 10_000

#: At the end: how long is waited for what is still in the queue.
FLUSH_S = 2.0

CLEAR = "\r\x1b[2K"

_Write = tuple[TextIO, Callable[[], str]]

_current: Output | None = None


class Output:
    """`line` and `status` may be called from any thread, and never wait."""

    def __init__(self, stream: TextIO | None = None, lines_max: int = LINES_MAX) -> None:
        self._stream = stream or sys.stderr
        self.is_terminal = self._stream.isatty() and os.environ.get("TERM") != "dumb"
        self.dropped = 0  # in all
        self._unsaid = 0
        self._status = ""
        self._queue: queue.Queue[_Write | None] = queue.Queue(lines_max)
        self._thread = threading.Thread(target=self._run, name="output", daemon=True)
        self._thread.start()

    def line(self, text: str | Callable[[], str], stream: TextIO | None = None) -> None:
        """`text` without its end; a function is called in the thread. `stream`: standard error if left out."""
        write = (stream or self._stream, text if callable(text) else lambda: text)
        try:
            self._queue.put_nowait(write)
        except queue.Full:
            self.dropped += 1
            self._unsaid += 1

    def status(self, text: str) -> None:
        """On a terminal: the line that stands below all others, until the next call; elsewhere nothing."""
        if self.is_terminal and self._queue.empty():
            self._status = text
            with suppress(queue.Full):
                self._queue.put_nowait((self._stream, str))

    def flush(self, timeout_s: float = FLUSH_S) -> bool:
        """Wait until all that was given is written; False if it took longer than that."""
        written = threading.Event()

        def reached() -> str:
            written.set()
            return ""

        with suppress(queue.Full):
            self._queue.put((self._stream, reached), timeout=timeout_s)
            return written.wait(timeout_s)
        return False

    def stop(self, timeout_s: float = FLUSH_S) -> None:
        global _current
        _current = None if _current is self else _current
        self._status = ""
        with suppress(queue.Full):
            self._queue.put(None, timeout=timeout_s)
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while (write := self._queue.get()) is not None:
            stream, text = write
            with suppress(OSError, ValueError):  # nobody reads, for good: then nobody is told
                self._write(stream, text())

    def _write(self, stream: TextIO, text: str) -> None:
        if stream is not self._stream:
            _write_all(stream, f"{text}\n")
            return
        lost, self._unsaid = self._unsaid, 0
        note = f"{lost} log lines were dropped: standard error was not read\n" if lost else ""
        whole = note + (f"{text}\n" if text else "")
        if self.is_terminal:
            whole = f"{CLEAR}{whole}{self._status}"
        if whole:
            _write_all(stream, whole)


def _write_all(stream: TextIO, text: str) -> None:
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError):  # a stream in memory
        stream.write(text)
        return
    left = text.encode(getattr(stream, "encoding", None) or "utf-8", "backslashreplace")
    while left:
        left = left[os.write(descriptor, left) :]


def install(output: Output) -> None:
    """From now on `say` and `finish` go through it."""
    global _current
    _current = output


def say(text: str, stream: TextIO | None = None) -> None:
    """A line for people; at once where no output is installed, as in the commands that run and end."""
    if _current is not None:
        _current.line(text, stream)
    else:
        print(text, file=stream or sys.stderr, flush=True)


def finish() -> None:
    """The last lines, within FLUSH_S, before the process ends; what is said after that is written at once."""
    if _current is not None:
        _current.stop()
