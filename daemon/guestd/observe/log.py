"""The log: JSON lines on standard error, or plain lines where a person looks on. Never the reason
that anything waits.

Every logger ends here: ours, those of aiohttp and asyncio, Python's own warnings, exceptions of
threads and finalizers. One queue and one thread (`lines.py`) write it all; a line that repeats a
thousand times in ten seconds is written once and counted. What other packages log may hold parts of
a request: of their exceptions only the kind and the place are written."""

from __future__ import annotations

import atexit
import logging
import os
import re
import sys
import threading
import time
from collections.abc import Callable
from traceback import format_exception, walk_tb
from typing import Any, TextIO

from ..model.times import iso_of_ms
from .lines import LineWriter, Sink, descriptor_sink
from .redaction import redacted
from .status_line import BottomLine
from .terminal_text import escaped, json_line

REPEAT_S = 10.0
REPEAT_KINDS_MAX = 256
#: How long the end of the program waits for a reader that does not read.
FLUSH_S = 1.0
#: The innermost frames of a traceback that are written; a recursion that is too deep has a
#: thousand.
FRAMES_MAX = 40

#: systemd's priorities, understood as a prefix of each line when standard error is the journal's.
_PRIORITY = {"DEBUG": 7, "INFO": 6, "WARNING": 4, "ERROR": 3, "CRITICAL": 2}


def fields(**values: Any) -> dict[str, Any]:
    """For `extra=` of a log call: members of the JSON line beside its message. Never what a guest
    says."""
    return {"fields": values}


def counted_elsewhere(**values: Any) -> dict[str, Any]:
    """As `fields`, for lines whose number the caller bounds: none of them is taken for a
    repetition."""
    return {"fields": values, "is_counted": True}


class _Once(logging.Filter):
    """Lets a line through once in REPEAT_S seconds; the next one says how often it would have
    come. Lines with another `reason` among their fields are not the same."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[tuple[str, int, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno >= logging.ERROR or record.levelno <= logging.DEBUG:
            return True
        if getattr(record, "is_counted", False):
            return True
        reason = str(_fields_of(record).get("reason", ""))
        key = (record.name, record.lineno, f"{record.msg} {reason}")
        last, missed = self._seen.get(key, (-REPEAT_S, 0))
        if record.created - last < REPEAT_S:
            self._seen[key] = (last, missed + 1)
            return False
        if len(self._seen) >= REPEAT_KINDS_MAX:
            self._seen.clear()
        self._seen[key] = (record.created, 0)
        if missed:
            record.msg = f"{record.msg} (and {missed} more like it)"
        return True


def _fields_of(record: logging.LogRecord) -> dict[str, Any]:
    found: dict[str, Any] = getattr(record, "fields", {})
    return found


class _Foreign(logging.Filter):
    """What other packages log: without what an exception says, and a malformed request as one
    line."""

    def filter(self, record: logging.LogRecord) -> bool:
        if is_ours(record.name):
            return True
        if record.name.startswith("aiohttp.access"):
            return record.levelno >= logging.WARNING
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and _is_malformed_http(error):
            record.msg, record.args = (
                "a malformed HTTP request was refused: %s",
                (type(error).__name__,),
            )
            record.levelno, record.levelname, record.exc_info = logging.WARNING, "WARNING", None
        return True


def is_ours(logger_name: str) -> bool:
    return logger_name == "guestd" or logger_name.startswith("guestd.")


def _is_malformed_http(error: BaseException) -> bool:
    """aiohttp's error for a request it cannot read, known by name: this package does not import
    aiohttp."""
    return any(
        one.__name__ in ("HttpProcessingError", "RequestPayloadError")
        for one in type(error).__mro__
    )


def _exception_text(error: BaseException, with_message: bool) -> str:
    """The traceback; `with_message` False leaves out what the exception says, which may quote a
    request."""
    if with_message:
        return redacted("".join(format_exception(error, limit=-FRAMES_MAX))).rstrip("\n")
    sections: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(sections) < 5:  # causes further back explain nothing more
        frames = [
            f"{f.f_code.co_filename}:{line} in {f.f_code.co_name}"
            for f, line in walk_tb(cause.__traceback__)
        ]
        sections.append(
            "\n".join(
                [*frames[-FRAMES_MAX:], f"{type(cause).__module__}.{type(cause).__qualname__}"]
            )
        )
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return "\ncaused by\n".join(sections)


class _Formatter(logging.Formatter):
    def message_of(self, record: logging.LogRecord) -> str:
        return redacted(record.getMessage())

    def exception_of(self, record: logging.LogRecord) -> str | None:
        error = record.exc_info[1] if record.exc_info else None
        return None if error is None else _exception_text(error, is_ours(record.name))


class _Json(_Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": iso_of_ms(int(record.created * 1000)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self.message_of(record),
        }
        for name, value in _fields_of(record).items():
            line.setdefault(name, redacted(value) if isinstance(value, str) else value)
        if (exception := self.exception_of(record)) is not None:
            line["exception"] = exception
        return json_line(line)


class _Text(_Formatter):
    def format(self, record: logging.LogRecord) -> str:
        when = time.strftime("%H:%M:%S", time.localtime(record.created))
        message = escaped(self.message_of(record))
        line = f"{when},{int(record.msecs):03d} {record.levelname} {message}"
        exception = self.exception_of(record)
        if exception is None:
            return line
        return "\n".join([line, *(f"  | {escaped(one)}" for one in exception.splitlines())])


class _Journald(_Json):
    def format(self, record: logging.LogRecord) -> str:
        return f"<{_PRIORITY.get(record.levelname, 6)}>{super().format(record)}"


class _Handler(logging.Handler):
    """Formats a record and queues its line, or counts it where there is no room."""

    def __init__(self, lines: LineWriter, sink: Sink, form: logging.Formatter) -> None:
        super().__init__()
        self._lines, self._sink = lines, sink
        self.setFormatter(form)
        self.addFilter(_Foreign())
        self._once = _Once()
        self.addFilter(self._once)
        self._take: Callable[[logging.LogRecord], None] | None = None

    def divert(self, take: Callable[[logging.LogRecord], None] | None) -> None:
        self._take = take
        if take is None:
            self.addFilter(self._once)
        else:
            self.removeFilter(self._once)

    def emit(self, record: logging.LogRecord) -> None:
        if self._take is not None:
            self._take(record)
            return
        if self._lines.is_full():
            self._lines.count_dropped()
            return
        try:
            line = self.format(record)
        except Exception as error:
            line = f"a log record of {record.name} cannot be written: {type(error).__name__}"
        self._lines.write(self._sink, f"{line}\n")


class Log:
    """Everything this process says on standard error and standard output. `close` it at the end."""

    def __init__(
        self,
        lines: LineWriter,
        error_sink: Sink,
        bottom: BottomLine,
        handler: _Handler,
        formatter: logging.Formatter | None = None,
    ) -> None:
        """`formatter` is given where every line on standard error is a record of its form."""
        self._lines, self._error_sink, self._bottom = lines, error_sink, bottom
        self._handler, self._formatter = handler, formatter
        self._out_sink = bottom.above(descriptor_sink(1))

    @property
    def dropped(self) -> int:
        """Lines that found no room, because a reader does not read."""
        return self._lines.dropped

    def line(self, text: str, level: int = logging.INFO, **known: Any) -> None:
        """For a person, on standard error: plain where a person reads the log, else a record like
        all others, with the members `known`."""
        if self._formatter is None:
            self.plain(text)
        else:
            record = _record(text, level)
            record.__dict__.update(fields(**known))
            line = self._formatter.format(record)
            self._lines.write(self._error_sink, f"{line}\n")

    def plain(self, text: str) -> None:
        """A plain line on standard error, whatever form the log has: to be copied as it stands."""
        self._lines.write(self._error_sink, f"{escaped(text)}\n")

    def failure(self, text: str) -> None:
        """As `line`, for what ends the program."""
        self.line(text, logging.ERROR)

    def out(self, text: str) -> None:
        """A plain line on standard output."""
        self._lines.write(self._out_sink, f"{escaped(text)}\n")

    def divert(self, take: Callable[[logging.LogRecord], None] | None) -> None:
        """From now on give every record to `take`, repetitions too, and write none of them: for a
        program that draws on the terminal. None: write them again."""
        self._handler.divert(take)

    def status(self, text: str) -> None:
        """Replace the terminal's last line, "" takes it away; skipped while the terminal does not
        take what came before."""
        self._lines.write_if_idle(self._bottom.show, escaped(text))

    def flush(self) -> bool:
        """Wait until what was said is written, for FLUSH_S at the most; False if it was not."""
        return self._lines.flush(FLUSH_S)

    def close(self) -> bool:
        """Write what waits, for FLUSH_S at the most; False if something could not be written."""
        atexit.unregister(self.close)
        return self._lines.close(FLUSH_S)


def configure_logging(level: str, form: str, stream: TextIO | None = None) -> Log:
    """Lead all loggers of the process to one place. `form` is auto, json or text; auto is text on a
    terminal, JSON elsewhere."""
    stream = stream or sys.stderr
    is_text = form == "text" or (form == "auto" and stream.isatty())
    formatter: logging.Formatter = (
        _Text() if is_text else _Journald() if "JOURNAL_STREAM" in os.environ else _Json()
    )
    bottom = BottomLine(_sink_of(stream))
    sink = bottom.above(_sink_of(stream))
    lines = LineWriter(sink, lambda count: formatter.format(_dropped_record(count)) + "\n")
    handler = _Handler(lines, sink, formatter)
    ours, root = logging.getLogger("guestd"), logging.getLogger()
    ours.setLevel(level.upper())
    ours.handlers, ours.propagate = [handler], False
    root.setLevel(max(logging.WARNING, ours.level))
    root.handlers = [handler]
    logging.captureWarnings(True)
    sys.unraisablehook = _log_unraisable
    threading.excepthook = _log_thread_error
    log = Log(lines, sink, bottom, handler, None if is_text else formatter)
    atexit.register(log.close)
    return log


def log_loop_error(_loop: object, context: dict[str, Any]) -> None:
    """The loop's exception handler. Of the message only what it begins with: it goes on with the
    callback's arguments."""
    message = re.split(
        r"[<(]", str(context.get("message", "an exception in the event loop")), maxsplit=1
    )[0].strip()
    error = context.get("exception")
    logging.getLogger("asyncio").error(
        "%s", message, exc_info=error if isinstance(error, BaseException) else None
    )


def _sink_of(stream: TextIO) -> Sink:
    try:
        return descriptor_sink(stream.fileno())
    except (OSError, ValueError):
        return _MemorySink(stream)


class _MemorySink:
    """For a stream without a descriptor."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __call__(self, data: bytes) -> None:
        self._stream.write(data.decode())


def _dropped_record(count: int) -> logging.LogRecord:
    text = f"{count} lines of the log were dropped: nothing read them"
    return _record(text, logging.WARNING)


def _record(text: str, level: int) -> logging.LogRecord:
    return logging.LogRecord("guestd", level, "", 0, text, None, None)


def _log_unraisable(unraisable: Any) -> None:
    info = (type(unraisable.exc_value), unraisable.exc_value, unraisable.exc_traceback)
    logging.getLogger("python").error(
        "an exception in a finalizer", exc_info=info if unraisable.exc_value else None
    )


def _log_thread_error(args: Any) -> None:
    name = args.thread.name if args.thread is not None else "?"
    info = (args.exc_type, args.exc_value, args.exc_traceback)
    logging.getLogger("python").error("an exception ended the thread %s", name, exc_info=info)
