"""Exit codes, and the one place where an error becomes a line for people.

0    done
1    the answer is no: `guestd keys verify` does not believe the token, `guestd journal check` finds damage
2    wrong usage of the command line
69   the platform cannot be reached, or refuses the deployment or its certificate is refused
70   a bug of ours
74   the journal cannot be used, or failed: nothing was promised after that
78   the configuration cannot be used (also: the port is taken)
130  interrupted by a second signal
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from ..model.errors import ConfigError, GuestdError, JournalError, PlatformError
from ..observe.output import finish, say
from .load_config import ConfigProblems
from .terminal_text import one_line

logger = logging.getLogger("guestd")

DAMAGED = 1
USAGE, PLATFORM, INTERNAL, JOURNAL, CONFIG, INTERRUPTED = 2, 69, 70, 74, 78, 130


class Interrupted(Exception):
    """A second signal came while we were leaving."""


#: What a wrong path or a missing right is: the operator's to mend. Any other error of the system is the disk's.
_OF_CONFIGURATION = (FileNotFoundError, PermissionError, NotADirectoryError, IsADirectoryError)


def run(main: Callable[[], Coroutine[Any, Any, int | None]]) -> int:
    """Run a coroutine on uvloop; an error becomes one line on standard error and its exit code."""
    code = _run(main)
    finish()
    return code


def _run(main: Callable[[], Coroutine[Any, Any, int | None]]) -> int:
    import uvloop

    try:
        return uvloop.run(main()) or 0
    except Interrupted:
        say("guestd: stopped at once; guest sessions may be left open at the platform")
        return INTERRUPTED
    except (KeyboardInterrupt, asyncio.CancelledError):
        return INTERRUPTED
    except (ConfigError, ConfigProblems) as error:
        return tell(error, CONFIG)
    except PlatformError as error:
        return tell(error, PLATFORM)
    except JournalError as error:
        return tell(error, JOURNAL)
    except GuestdError as error:
        return tell(error, INTERNAL)
    except BrokenPipeError:
        return unread()
    except _OF_CONFIGURATION as error:
        return tell(error, CONFIG)
    except OSError as error:
        return tell(error, JOURNAL)
    except Exception as error:
        logger.exception("an unexpected error ended guestd")
        return tell(RuntimeError(f"an unexpected error ended it: {type(error).__name__}; please report it"), INTERNAL)


def unread() -> int:
    """Whoever read our output has enough, like `head`: that is no failure, and nothing more is written to him."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def tell(error: Exception, code: int) -> int:
    for line in str(error).splitlines() or [type(error).__name__]:
        say(f"guestd: {one_line(line)}")
    return code
