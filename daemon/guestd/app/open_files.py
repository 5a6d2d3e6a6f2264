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


def too_few_files(guests: int, workers: int) -> str:
    """Why the sockets of so many guests do not fit into each process's files, and what to do; "":
    they do."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    each = -(-guests // workers)
    if hard == resource.RLIM_INFINITY or each + FILES_BESIDE <= hard:
        return ""
    needed = -(-guests // max(1, hard - FILES_BESIDE))
    return (
        f"{each:,} guests at a time in one process do not fit into the {hard:,} files that it may"
        f" open; give --workers {needed}, or raise ulimit -n to {each + FILES_BESIDE}"
    )
