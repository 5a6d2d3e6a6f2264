"""Every guest session is an open file. Take what the system allows, and say so in time if that is
not enough."""

from __future__ import annotations

import logging
import resource

logger = logging.getLogger("guestd.app")

#: Files beside the sockets of guest sessions and of the HTTP port: the journal, history reads, the
#: loop's own.
FILES_BESIDE = 256


def allow_open_files(sessions_max: int, connections_max: int = 0) -> None:
    """Raise the soft limit to the hard one; warn if the sockets of guest sessions and of the HTTP
    port still do not fit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard != resource.RLIM_INFINITY and sessions_max + connections_max + FILES_BESIDE > hard:
        logger.warning(
            "limits.max_sessions is %d and api.connections_max %d, but this process may open %d"
            " files; raise LimitNOFILE= or ulimit -n",
            sessions_max,
            connections_max,
            hard,
        )
