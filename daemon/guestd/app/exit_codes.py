"""Exit codes, and the one place where an error becomes a line for people."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..model.errors import CommandError, ConfigError, GuestdError, JournalError, PlatformError
from ..observe.terminal_text import json_line, one_line
from .interrupts import INTERRUPTED, may_interrupt

if TYPE_CHECKING:
    from ..observe.log import Log

DAMAGED = 1
USAGE, PLATFORM, INTERNAL, JOURNAL, CONFIG = 2, 69, 70, 74, 78

EXIT_CODES = {
    0: "done; q and Ctrl-C end what is only watched (top, --watch, follow, webhooks listen)",
    DAMAGED: "the answer is no: a command was refused or failed, a token or a journal is not sound",
    USAGE: "wrong usage of the command line",
    PLATFORM: "the platform cannot be reached or refuses the deployment; or no daemon answers",
    INTERNAL: "a bug of guestd, or an error of the system that no setting causes",
    JOURNAL: "the journal cannot be used or failed; a disk is full or broken; an audit is changed",
    CONFIG: "the configuration cannot be used; a port is taken, a file is missing",
    INTERRUPTED: "interrupted: by a second signal, or by Ctrl-C before a command was done",
}


class Interrupted(Exception):
    """A second signal came while we were leaving."""


Tell = Callable[[str], None]

#: What a setting can cause (a name, a right, a port); the service is not started again until
#: it was changed.
_OF_CONFIGURATION = {
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EEXIST,
    errno.EACCES,
    errno.EPERM,
    errno.ENAMETOOLONG,
    errno.ELOOP,
    errno.EADDRINUSE,
    errno.EADDRNOTAVAIL,
}
#: What a disk can cause; it may pass, so the service is started again.
_OF_THE_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS}


def tell_on_stderr(line: str) -> None:
    print(line, file=sys.stderr)


def run(
    main: Callable[[], Coroutine[Any, Any, int | None]],
    say: Tell = tell_on_stderr,
    as_json: bool = False,
) -> int:
    """Run a coroutine on uvloop; every error becomes one line, given to `say`, and its exit
    code. `as_json`: a JSON object on standard error instead."""
    import asyncio

    import uvloop

    may_interrupt()
    try:
        return uvloop.run(main()) or 0
    except Interrupted:
        say("guestd: aborted; guest sessions may be left open at the platform")
        return INTERRUPTED
    except (KeyboardInterrupt, asyncio.CancelledError):
        return INTERRUPTED
    except BrokenPipeError:
        return unread()
    except Exception as error:
        return failed_as_json(error) if as_json else failed(error, say)


def run_logged(main: Callable[[], Coroutine[Any, Any, int | None]], log: Log) -> int:
    """As `run`, for a program that runs until a signal: its last lines go through the log as
    well, and if nothing reads them, the process ends here and now, since the interpreter's own
    end may wait for the same reader."""
    code = run(main, log.failure)
    if not log.close():
        os._exit(code)
    return code


def failed_as_json(error: Exception) -> int:
    """For a program that reads: code, detail and exit code, and the fields of a problem document
    of the control API."""
    lines: list[str] = []
    exit_code = failed(error, lines.append)
    detail = "\n".join(line.removeprefix("guestd: ") for line in lines)
    problem: dict[str, Any] = getattr(error, "problem_document", {})
    code = getattr(error, "code", "internal")
    print(
        json_line({"code": code, "detail": detail, **problem, "exit_code": exit_code}),
        file=sys.stderr,
    )
    return exit_code


def failed(error: Exception, say: Tell = tell_on_stderr) -> int:
    """One line for whatever ended the program, and its exit code."""
    match error:
        case GuestdError(exit_code=int(code)):
            return tell(error, code, say)
        case ConfigError() if _disk_is_to_blame(error):
            return tell(error, JOURNAL, say)
        case ConfigError():
            return tell(error, CONFIG, say)
        case CommandError():
            return tell(error, USAGE, say)
        case PlatformError():
            return tell(error, PLATFORM, say)
        case JournalError():
            return tell(error, JOURNAL, say)
        case GuestdError():
            return tell(error, INTERNAL, say)
        case OSError(errno=number) if number in _OF_CONFIGURATION:
            return tell(_in_words(error), CONFIG, say)
        case OSError(errno=number) if number in _OF_THE_DISK:
            return tell(_in_words(error), JOURNAL, say)
        case _:
            return _unexpected(error, say)


def _in_words(error: OSError) -> Exception:
    """What the system says, of which file, without its number."""
    words = (error.strerror or str(error)).lower()
    return GuestdError(f"{error.filename}: {words}" if error.filename is not None else words)


def _disk_is_to_blame(error: ConfigError) -> bool:
    """A place that was configured well, but whose disk is full or broken just now (the error was
    made from that one)."""
    cause = error.__cause__ or error.__context__
    return isinstance(cause, OSError) and cause.errno in _OF_THE_DISK


def _unexpected(error: Exception, say: Tell) -> int:
    """A bug of ours: the kind and the place for a person, the traceback for the log if there is
    one."""
    import logging
    import traceback

    logger = logging.getLogger("guestd")
    if logger.handlers:
        logger.error("an unexpected error ended the program", exc_info=error)
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    say(
        f"guestd: unexpected {type(error).__name__}{place}; this is a bug of guestd, please"
        " report it"
    )
    return INTERNAL


def unread() -> int:
    """The reader of our output has enough, like `head`: that is not a failure, and nothing more is
    written to him."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def tell(error: Exception, code: int, say: Tell = tell_on_stderr) -> int:
    """Each line of what the error says, and the exit code."""
    for line in str(error).splitlines() or [type(error).__name__]:
        say(f"guestd: {one_line(line)}")
    return code
