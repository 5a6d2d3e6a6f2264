"""Every guest session is an open file. Take what the system allows, and say so in time if that is not enough."""

from __future__ import annotations

import logging
import resource

logger = logging.getLogger("guestd.app")

#: Files beside the guest sessions' sockets: the journal, frontends, history reads, the loop's own.
FILES_BESIDE = 256


def allow_open_files(sessions_max: int) -> None:
    """Raise the soft limit to the hard one; warn if `sessions_max` sockets still do not fit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard != resource.RLIM_INFINITY and sessions_max + FILES_BESIDE > hard:
        logger.warning(
            "limits.max_sessions is %d, but this process may open %d files; raise LimitNOFILE= or ulimit -n",
            sessions_max,
            hard,
        )
