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
import os
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from ..model.errors import ConfigError, GuestdError, JournalError, PlatformError
from .load_config import ConfigProblems

DAMAGED = 1
USAGE, PLATFORM, INTERNAL, JOURNAL, CONFIG, INTERRUPTED = 2, 69, 70, 74, 78, 130


class Interrupted(Exception):
    """A second signal came while we were leaving."""


def run(main: Callable[[], Coroutine[Any, Any, int | None]]) -> int:
    """Run a coroutine on uvloop; known errors become one line on standard error and their exit code."""
    import uvloop

    try:
        return uvloop.run(main()) or 0
    except Interrupted:
        print("guestd: stopped at once; guest sessions may be left open at the platform", file=sys.stderr)
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
    except OSError as error:
        return tell(error, CONFIG)


def unread() -> int:
    """Whoever read our output has enough, like `head`: that is no failure, and nothing more is written to him."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def tell(error: Exception, code: int) -> int:
    for line in str(error).splitlines() or [type(error).__name__]:
        print(f"guestd: {line}", file=sys.stderr)
    return code
