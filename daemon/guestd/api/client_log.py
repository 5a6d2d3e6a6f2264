"""What the log says of clients that are refused: which limit they met, or that their token is not
the right one. One line in ten seconds for each reason, and the next one says how many there were in
between: clients must not be able to fill the log."""

from __future__ import annotations

import logging

from aiohttp import web

from ..observe.log import fields
from .addresses import address_of

logger = logging.getLogger("guestd.api")

#: What is written of a path; no route of ours is longer.
PATH_CHARS_MAX = 200


def log_limit(what: str, reason: str) -> None:
    """A frontend or a request met a limit; `reason` is the word of the metric. What an address has
    too much of is said where it is counted."""
    if reason == "address":
        return
    logger.warning(
        "overload: a %s was refused (%s)",
        what,
        reason,
        extra=fields(event="overload", refused=what, reason=reason),
    )


def log_token_refused(request: web.Request, key: str, was_given: bool) -> None:
    """`key`: the setting that holds the token. Neither token is written, nor the query, which may
    hold one."""
    peer, path = address_of(request), request.path[:PATH_CHARS_MAX]
    logger.warning(
        "a request from %s to %s was refused: %s of %s",
        peer,
        path,
        "it has another token than the one" if was_given else "it lacks the token",
        key,
        extra=fields(event="token_refused", reason=key, peer=peer, path=path),
    )
